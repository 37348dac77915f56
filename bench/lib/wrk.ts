// wrk, where it is on the path (Debian has it): a public generator that costs a tenth of one in JavaScript, so that on two cores it is
// the server's core that ends a closed loop, and not the generator's.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Latencies, Load, RawRequest } from './raw-client.ts'

export const hasWrk = (): boolean => spawnSync('wrk', ['-v']).error === undefined

/** A text in Lua's long form: nothing in it is special but its own closing bracket, which no header or path of ours holds. */
const lua = (text: string): string => `[==[${text}]==]`

const formatted = ({ method, path, headers, body }: RawRequest): string =>
  `wrk.format(${lua(method)}, ${lua(path)}, { ${Object.entries(headers).map(([name, value]) => `[ ${lua(name)} ] = ${lua(value)}`).join(', ')} }, ${body === undefined ? 'nil' : lua(body)})`

const script = (requests: readonly RawRequest[]): string => `
local requests, next = {}, 0
init = function()
${requests.map((request) => `  table.insert(requests, ${formatted(request)})`).join('\n')}
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"total":%d,"errors":%d,"seconds":%f,"p50":%f,"p99":%f}', summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
`

/** A closed loop. */
export const byWrk = async ({ host, port, requests, connections, seconds }: Load): Promise<Latencies> => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-wrk-'))
  try {
    const file = join(folder, 'load.lua')
    writeFileSync(file, script(requests), { mode: 0o600 })
    const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', file, `http://${host}:${port}`])
    return JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as Latencies // what the script wrote last
  } finally {
    rmSync(folder, { recursive: true })
  }
}
