// vegeta, where `npm run bench:peers` has built it or it is on the path: a connection for each request, which takes up the TLS session of an earlier one. A new
// connection costs it less than the server; our own client, in JavaScript, it costs more, and that would be what is measured.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPeer } from '../places.ts'
import { outputOf } from './output.ts'
import type { Latencies, Load } from './raw-client.ts'

const findVegeta = (): string | undefined => findPeer('vegeta')

export const hasVegeta = (): boolean => findVegeta() !== undefined

interface Report {
  /** Nanoseconds. */
  readonly latencies: { readonly '50th': number; readonly '99th': number }
  readonly requests: number
  readonly duration: number
  readonly wait: number
  readonly success: number
}

/** As many at a time as there are connections, each request on a connection of its own. */
export const byVegeta = async ({ host, port, requests, connections, seconds, ca }: Load): Promise<Latencies> => {
  const vegeta = findVegeta()
  if (vegeta === undefined) throw new Error('there is no vegeta')
  const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-vegeta-'))
  try {
    const [targets, results, authority] = [join(folder, 'targets'), join(folder, 'results'), join(folder, 'ca.pem')]
    const origin = `${ca === undefined ? 'http' : 'https'}://${host}:${port}`
    const target = ({ method, path, headers, body }: Load['requests'][number]): string =>
      JSON.stringify({ method, url: `${origin}${path}`, header: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])), ...(body === undefined ? {} : { body: Buffer.from(body).toString('base64') }) })
    writeFileSync(targets, requests.map(target).join('\n'), { mode: 0o600 })
    if (ca !== undefined) writeFileSync(authority, ca)
    const workers = String(connections)
    await outputOf(vegeta, ['attack', `-targets=${targets}`, '-format=json', '-rate=0', `-workers=${workers}`, `-max-workers=${workers}`, `-duration=${seconds}s`, '-keepalive=false', '-http2=false', '-session-tickets', ...(ca === undefined ? [] : [`-root-certs=${authority}`]), `-output=${results}`])
    const { latencies, requests: total, duration, wait, success } = JSON.parse(await outputOf(vegeta, ['report', '-type=json', results])) as Report // what it writes
    return { total, errors: Math.round(total * (1 - success)), seconds: (duration + wait) / 1e9, p50: latencies['50th'] / 1e6, p99: latencies['99th'] / 1e6 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
