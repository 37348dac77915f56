// What a second worker adds. On two cores the load generator needs a part of them, so besides the throughput as it is, the
// processor time that workers take for a request is compared: two workers that share nothing take the same for each as one does,
// and then have twice its capacity.

import { portOf, type Case } from '../lib/context.ts'
import { clientCores, describeMachine, serverCores } from '../lib/machine.ts'
import { cpuSeconds } from '../lib/processes.ts'
import { makeReader, seed } from '../lib/seed.ts'
import { startInstalled } from '../lib/server.ts'
import { kvReads } from './reads.ts'

const HERE = { port: 8693, connections: 64 }

export const workers: Case = {
  name: 'workers',
  async run({ settings, measure, note }) {
    const { cores } = describeMachine('')
    if (cores < 2) return
    const all = `0-${cores - 1}`
    const costs: number[][] = []
    for (const count of [1, 2]) {
      const server = await startInstalled({ port: HERE.port, cores: count === 1 ? serverCores : '0-1', databaseCores: clientCores, workers: count })
      try {
        await seed(server.origin, server.root)
        const token = await makeReader(server.origin, server.root)
        const pids = server.workers().map(({ pid }) => pid)
        const found: number[] = []
        for (let run = 0; run < settings.runs; run++) {
          const before = pids.map(cpuSeconds)
          const { total } = await measure(`reveal, KV v2, ${count === 1 ? 'one worker on one core' : 'two workers on two cores'}, client on any`, { port: portOf(server.origin), requests: kvReads(token), connections: HERE.connections, pids, cores: all })
          const used = pids.map((pid, index) => cpuSeconds(pid) - (before[index] ?? 0))
          // Warming up counts on both sides of the comparison.
          found.push(used.reduce((sum, each) => sum + each, 0) / total)
          if (count === 2) note('two workers: share of the busier one', '%', (100 * Math.max(...used)) / used.reduce((sum, each) => sum + each, 0))
        }
        costs.push(found)
      } finally {
        await server.stop()
      }
    }
    const [one = [], two = []] = costs
    one.forEach((cost, index) => note('capacity of two workers against one, by processor time of a request', '×', (2 * cost) / (two[index] ?? Number.NaN)))
  },
}
