// The load generator in a process of its own, so that it can be given a core of its own. Takes its orders as JSON on standard
// input, answers with JSON on standard output.

import { setPriority } from 'node:os'
import autocannon from 'autocannon'
import { byWrk, hasWrk } from './wrk.ts'
import { byVegeta, hasVegeta } from './vegeta.ts'
import { closedLoop, freshConnections, openLoop, type Latencies, type Load } from './raw-client.ts'

export interface LoadOrder extends Load {
  /**
   * `public`: a public generator, closed loop: wrk where it is installed, else autocannon. `raw`: our own, finer than a millisecond; a rate makes it open loop. `fresh`: our own, with a
   * connection for each request, which tells how many sessions were resumed; `public-fresh`: vegeta where it is, else the same.
   */
  readonly generator: 'public' | 'raw' | 'fresh' | 'public-fresh'
  readonly rate?: number
}

const byAutocannon = async ({ host, port, requests, connections, seconds }: LoadOrder): Promise<Latencies> => {
  const result = await autocannon({ url: `http://${host}:${port}`, connections, duration: seconds, requests })
  return { total: result.requests.total, errors: result.non2xx + result.errors, seconds: result.duration, p50: result.latency.p50, p99: result.latency.p99 }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer) // no encoding is set
const order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as LoadOrder // made by load.ts

// Stands for machines elsewhere: before the database, whose core it may share. Only root may.
try {
  setPriority(-10)
} catch {
  // as everybody else, then
}

const run = (): Promise<Latencies> => {
  if (order.rate !== undefined) return openLoop(order, order.rate)
  if (order.generator === 'public-fresh' && hasVegeta()) return byVegeta(order)
  if (order.generator === 'fresh' || order.generator === 'public-fresh') return freshConnections(order)
  if (order.generator === 'raw') return closedLoop(order)
  if (hasWrk()) return byWrk(order)
  // It knows of no authorities.
  return order.ca === undefined ? byAutocannon(order) : closedLoop(order)
}

process.stdout.write(JSON.stringify(await run()))
