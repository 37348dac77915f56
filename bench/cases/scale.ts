// Whether anything grows with what is stored: random cold reads, lists, the start and memory, of a server with ten thousand secrets and of one with
// as many as `--secrets` says. Both run side by side and are asked in turns, so that what else the machine does meets both alike. Filling millions takes
// half an hour on two cores; with `--keep FOLDER` the databases stay there and are found by the next run.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listsOf, readsOf, shuffled } from '../lib/bulk/asked.ts'
import { blocksOf } from '../lib/bulk/blocks.ts'
import { fill, makeProjects } from '../lib/bulk/fill.ts'
import { PER_FOLDER, projects } from '../lib/bulk/places.ts'
import { portOf, type Bench, type Case } from '../lib/context.ts'
import { median } from '../lib/figures.ts'
import { load } from '../lib/load/load.ts'
import { clientCores, serverCores } from '../lib/machine.ts'
import { cpuSeconds, pssMiB } from '../lib/processes.ts'
import type { RawRequest } from '../lib/load/raw-client.ts'
import { makeReader } from '../lib/seed.ts'
import { isDatabase, ownProcesses, startInstalled, startKept, type InstalledServer } from '../lib/server.ts'

const SMALL = 10_000
/** At most so many reads of one connection in the seconds that it has, each of another secret. */
const COLD_READS = 6_500
/** So many before it, so that the code is compiled. */
const WARMING_READS = 3_000
const WARMING_SECONDS = 6
const LISTS = 3_000
const SECONDS = 4
const LOADED_SECONDS = 10
const BLOCK_SAMPLES = 200

interface Subject {
  readonly secrets: number
  readonly token: string
  server: InstalledServer
}

type Figures = Map<string, number[]>

const memoryOf = (server: InstalledServer): number => ownProcesses(server.family()).reduce((sum, { pid }) => sum + pssMiB(pid), 0)

/** One round of a server, which begins with a start and so with empty caches. */
const round = async (subject: Subject, note: (what: string, unit: string, value: number) => void): Promise<void> => {
  subject.server = await subject.server.restarted()
  const { server } = subject
  note('start to ready', 'ms', server.startedMs)
  await sleep(3_000)
  note('resident memory, idle (PSS of supervisor and worker)', 'MiB', memoryOf(server))
  const order = { host: '127.0.0.1', port: portOf(server.origin), connections: 1, generator: 'raw', seconds: SECONDS } as const
  const time = async (what: string, requests: readonly RawRequest[]): Promise<void> => {
    // Asked for each time: the pool grows.
    const pids = { worker: [server.worker().pid], database: server.family().filter(isDatabase).map(({ pid }) => pid) }
    const used = (who: keyof typeof pids): number => pids[who].reduce((sum, pid) => sum + cpuSeconds(pid), 0)
    const before = { worker: used('worker'), database: used('database') }
    const { total, errors, p50, p99 } = await load({ ...order, requests })
    for (const who of ['worker', 'database'] as const) note(`${what}: processor time of the ${who}`, 'µs/request', ((used(who) - before[who]) * 1e6) / total)
    if (errors > 0) throw new Error(`${what}: ${errors} of ${total} failed`)
    if (what.includes('cold') && total > requests.length) throw new Error('more cold reads than there were secrets for')
    note(`${what}: p50`, 'ms', p50)
    note(`${what}: p99`, 'ms', p99)
  }
  const secrets = shuffled(subject.secrets)
  await load({ ...order, seconds: WARMING_SECONDS, requests: readsOf(subject.token, secrets.slice(0, WARMING_READS)) })
  await time('random cold read', readsOf(subject.token, secrets.slice(WARMING_READS, WARMING_READS + COLD_READS)))
  for (const [what, requests] of Object.entries(listsOf(subject.token, subject.secrets, LISTS))) await time(what, requests)
  for (const [what, blocks] of Object.entries(await blocksOf(server, secrets.slice(-BLOCK_SAMPLES)))) note(`blocks of the database for ${what}`, '', blocks)
  await load({ ...order, connections: 64, seconds: LOADED_SECONDS, requests: readsOf(subject.token, Array.from({ length: 40_000 }, () => Math.floor(Math.random() * subject.secrets))) })
  note(`resident memory after ${LOADED_SECONDS} s of random reads on 64 connections`, 'MiB', memoryOf(server))
}

/** What is remembered of a database that is kept. */
interface Kept {
  readonly root: string
  readonly token: string
}

const prepare = async ({ keep, versions }: Bench['settings'], secrets: number, port: number): Promise<Subject> => {
  const options = { port, cores: serverCores, databaseCores: clientCores }
  const folder = keep === undefined ? undefined : join(keep, `${secrets}x${versions}`)
  const kept = folder === undefined ? undefined : join(folder, 'filled.json')
  if (folder !== undefined && kept !== undefined && existsSync(kept)) {
    const { root, token } = JSON.parse(readFileSync(kept, 'utf8')) as Kept // written below
    return { secrets, token, server: await startKept({ ...options, folder }, root) }
  }
  const server = await startInstalled({ ...options, folder })
  try {
    await makeProjects(server)
    const token = await makeReader(server.origin, server.root, projects.map((project) => `${project}:*`))
    const began = performance.now()
    await fill(server, { from: 0, to: Math.ceil(secrets / PER_FOLDER), versions })
    console.log(`${secrets} secrets of ${versions} versions are there after ${((performance.now() - began) / 1000).toFixed(0)} s`)
    if (kept !== undefined) writeFileSync(kept, JSON.stringify({ root: server.root, token } satisfies Kept), { mode: 0o600 })
    return { secrets, token, server }
  } catch (error) {
    await server.stop()
    throw error
  }
}

const noter = ({ note }: Bench, figures: Figures, secrets: number) => (what: string, unit: string, value: number): void => {
  const name = `${secrets.toLocaleString('en-US')} secrets, ${what}`
  figures.set(name, [...(figures.get(name) ?? []), value])
  note(name, unit, value)
  console.log(`${name}: ${value.toFixed(2)} ${unit}`)
}

const noteRatios = ({ note }: Bench, figures: Figures, small: number, large: number): void => {
  for (const [name, runs] of figures) {
    const [prefix, what] = [`${small.toLocaleString('en-US')} secrets, `, name.slice(name.indexOf(', ') + 2)]
    const other = figures.get(`${large.toLocaleString('en-US')} secrets, ${what}`)
    if (!name.startsWith(prefix) || other === undefined) continue
    const ratio = median(other) / median(runs)
    note(`${what}, ${large.toLocaleString('en-US')} against ${small.toLocaleString('en-US')} secrets`, '×', ratio)
    console.log(`${what}: × ${ratio.toFixed(2)}`)
  }
}

export const scale: Case = {
  name: 'scale',
  async run(bench) {
    const { secrets, runs } = bench.settings
    const subjects: Subject[] = []
    const figures: Figures = new Map()
    try {
      for (const [index, count] of [SMALL, secrets].entries()) subjects.push(await prepare(bench.settings, count, 8695 + index))
      for (let run = 0; run < runs; run++) for (const subject of subjects) await round(subject, noter(bench, figures, subject.secrets))
      noteRatios(bench, figures, SMALL, secrets)
    } finally {
      await Promise.all(subjects.map(({ server }) => server.stop()))
    }
  },
}
