// The load generator in a process of its own, so that it can be given a core of its own. Takes its orders as JSON on standard
// input, answers with JSON on standard output.

import autocannon from 'autocannon'
import { byWrk } from './wrk.ts'
import { closedLoop, openLoop, type Latencies, type Load } from './raw-client.ts'

export interface LoadOrder extends Load {
  /** `wrk` and `autocannon`: public generators, closed loop. `raw`: our own, finer than a millisecond. A rate makes it open loop. */
  readonly generator: 'wrk' | 'autocannon' | 'raw'
  readonly rate?: number
}

const byAutocannon = async ({ host, port, requests, connections, seconds }: LoadOrder): Promise<Latencies> => {
  const result = await autocannon({ url: `http://${host}:${port}`, connections, duration: seconds, requests })
  return { total: result.requests.total, errors: result.non2xx + result.errors, seconds: result.duration, p50: result.latency.p50, p99: result.latency.p99 }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer) // no encoding is set
const order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as LoadOrder // made by lib/load.ts
const generators = { wrk: byWrk, autocannon: byAutocannon, raw: closedLoop } as const
const result = order.rate === undefined ? await generators[order.generator](order) : await openLoop(order, order.rate)
process.stdout.write(JSON.stringify(result))
