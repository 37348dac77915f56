// wrk, where it is installed (Debian has it): a closed loop in C, which leaves more of a shared core to whoever is measured.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf } from './output.ts'
import type { Latencies, Load } from './raw-client.ts'

/** As Lua writes text: every byte that could end it as its number. */
const lua = (text: string): string => `"${[...Buffer.from(text, 'utf8')].map((byte) => (byte < 32 || byte > 126 || byte === 34 || byte === 92 ? `\\${String(byte).padStart(3, '0')}` : String.fromCharCode(byte))).join('')}"`

const script = (requests: Load['requests']): string => `
local made, at = {}, 0
function init()
${requests.map(({ method, path, headers, body }) => `  made[#made + 1] = wrk.format(${lua(method)}, ${lua(path)}, {${Object.entries(headers).map(([name, value]) => `[${lua(name)}] = ${lua(value)}`).join(', ')}}, ${body === undefined ? 'nil' : lua(body)})`).join('\n')}
end
function request()
  at = at % #made + 1
  return made[at]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\nRESULT {"total":%d,"errors":%d,"seconds":%.6f,"p50":%.4f,"p99":%.4f}\\n', summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
`

export const hasWrk = (): boolean => spawnSync('wrk', ['--version']).error === undefined

export const byWrk = async ({ host, port, requests, connections, seconds, ca }: Load): Promise<Latencies> => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-wrk-'))
  try {
    const file = join(folder, 'requests.lua')
    writeFileSync(file, script(requests), { mode: 0o600 })
    const text = await outputOf('wrk', ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--timeout', '30s', '--script', file, `${ca === undefined ? 'http' : 'https'}://${host}:${port}`])
    const found = /^RESULT (.*)$/m.exec(text)?.[1]
    if (found === undefined) throw new Error(`wrk said: ${text}`)
    return JSON.parse(found) as Latencies // what the script wrote
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
