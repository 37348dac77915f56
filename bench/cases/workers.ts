// What a second worker adds. On two cores the load generator needs a part of them, so besides the throughput as it is, the
// processor time that workers take for a request is compared: two workers that share nothing take the same for each as one does,
// and then have twice its capacity. What the machine itself takes away (cores that share more than they seem to) a bare server shows, with one process and with two.

import { portOf, type Bench, type Case } from '../lib/context.ts'
import { startEcho } from '../lib/floor.ts'
import { load } from '../lib/load/load.ts'
import type { RawRequest } from '../lib/load/raw-client.ts'
import { clientCores, describeMachine, serverCores } from '../lib/machine.ts'
import { cpuSeconds } from '../lib/processes.ts'
import { makeReader, seed } from '../lib/seed.ts'
import { startInstalled } from '../lib/server.ts'
import { kvReads } from './reads.ts'

const PORT = 8693
const CONNECTIONS = 64
const WARMING_SECONDS = 10
const BOTH = '0-1'
const { cores: CORES } = describeMachine('')

type Count = 1 | 2

interface Subject {
  readonly port: number
  readonly pids: readonly number[]
  readonly requests: readonly RawRequest[]
  stop(): Promise<void>
}

interface Compared {
  readonly what: string
  readonly called: Readonly<Record<Count, string>>
  /** Of what the capacity is. */
  readonly pair: string
  start(count: Count, cores: string | undefined): Promise<Subject>
}

const ours: Compared = {
  what: 'reveal, KV v2',
  called: { 1: 'one worker', 2: 'two workers' },
  pair: 'two workers',
  async start(count, cores) {
    const server = await startInstalled({ port: PORT, cores, databaseCores: clientCores, workers: count })
    await seed(server.origin, server.root)
    const token = await makeReader(server.origin, server.root)
    return { port: portOf(server.origin), pids: server.workers().map(({ pid }) => pid), requests: kvReads(token), stop: () => server.stop() }
  },
}

const bare: Compared = {
  what: 'bare HTTP echo',
  called: { 1: 'one process', 2: 'two processes' },
  pair: 'two bare processes',
  async start(count, cores) {
    const started = await Promise.all(Array.from({ length: count }, () => startEcho(PORT, cores)))
    return { port: PORT, pids: started.map(({ pid }) => pid), requests: [{ method: 'GET', path: '/', headers: {} }], stop: async () => void (await Promise.all(started.map((each) => each.stop()))) }
  },
}

/** Seconds of the processes for each request, of each run. */
const costs = async ({ settings, measure, note }: Bench, { what, called, pair, start }: Compared, count: Count): Promise<readonly number[]> => {
  const { port, pids, requests, stop } = await start(count, count === 1 ? serverCores : BOTH)
  try {
    const found: number[] = []
    // Two workers compile twice as much for as many requests; that is over before anything is measured.
    await load({ host: '127.0.0.1', port, requests, connections: CONNECTIONS, generator: 'public', seconds: WARMING_SECONDS, cores: `0-${CORES - 1}` })
    for (let run = 0; run < settings.runs; run++) {
      const before = pids.map(cpuSeconds)
      const { total } = await measure(`${what}, ${called[count]} on ${count === 1 ? 'one core' : 'two cores'}, client on any`, { port, requests, connections: CONNECTIONS, pids, cores: `0-${CORES - 1}` })
      const used = pids.map((pid, index) => cpuSeconds(pid) - (before[index] ?? 0))
      const sum = used.reduce((all, each) => all + each, 0)
      found.push(sum / total)
      if (count === 2) note(`${pair}: share of the busier one`, '%', (100 * Math.max(...used)) / sum)
    }
    return found
  } finally {
    await stop()
  }
}

export const workers: Case = {
  name: 'workers',
  async run(bench) {
    if (CORES < 2) return
    for (const each of [ours, bare]) {
      const [one, two] = [await costs(bench, each, 1), await costs(bench, each, 2)]
      one.forEach((cost, index) => bench.note(`capacity of ${each.pair} against one, by processor time of a request`, '×', (2 * cost) / (two[index] ?? Number.NaN)))
    }
  },
}
