// npm run bench [-- NAME ...] [--runs N] [--seconds N] [--secrets N] [--versions N] [--keep FOLDER]: measures, prints a table, and keeps JSON and Markdown in bench/results.
// The server is one as somebody would install it, not `--dev`, whose database does not flush. Cases: floor, reads, batch, writes, logins, tls, workers, storm, commands, memory, start;
// and, only when it is asked for, scale.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { batch, writes } from './cases/writes.ts'
import { commands, memory, starts } from './cases/processes.ts'
import { logins } from './cases/logins.ts'
import { floor, reads } from './cases/reads.ts'
import { scale } from './cases/scale.ts'
import { storm } from './cases/storm.ts'
import { tls } from './cases/tls.ts'
import { workers } from './cases/workers.ts'
import type { Bench, Case, Offer, Settings } from './lib/context.ts'
import { measureFlushes, startEcho } from './lib/floor.ts'
import { load } from './lib/load/load.ts'
import { clientCores, describeMachine, serverCores } from './lib/machine.ts'
import { repository } from './lib/places.ts'
import { cpuSeconds } from './lib/processes.ts'
import { median, type Figure } from './lib/figures.ts'
import { save } from './lib/report.ts'
import { makeReader, seed } from './lib/seed.ts'
import { startInstalled } from './lib/server.ts'
import { findVault, startVault } from './lib/vault.ts'
import { hasWrk } from './lib/load/wrk.ts'

const PORT = 8640
const ECHO_PORT = 8650
const VAULT_PORT = 8660
const FRESH_WARMING_SECONDS = 6
const all: readonly Case[] = [floor, reads, batch, writes, logins, tls, workers, storm, commands, memory, starts]
/** They start servers of their own, and see to their runs themselves. */
const once: readonly Case[] = [tls, workers, storm, scale, commands, memory, starts]

class Figures {
  readonly #figures = new Map<string, { readonly name: string; readonly unit: string; readonly runs: number[]; readonly note?: string }>()

  note(name: string, unit: string, value: number, note?: string): void {
    const known = this.#figures.get(name) ?? { name, unit, runs: [], ...(note === undefined ? {} : { note }) }
    known.runs.push(value)
    this.#figures.set(name, known)
  }

  all(): readonly Figure[] {
    return [...this.#figures.values()]
  }

  medianOf(name: string): number | undefined {
    const found = this.#figures.get(name)
    return found === undefined ? undefined : median(found.runs)
  }
}

const measure = async (figures: Figures, settings: Settings, name: string, offer: Offer) => {
  const { port, requests, connections, rate, pid, pids = pid === undefined ? [] : [pid], ca, isFresh = false, cores } = offer
  // The public generator where throughput is asked, our own where latency alone is; and for writes, because every connection of the
  // public one walks the list in step with the others, and all would write one secret at a time.
  const isReading = requests.every(({ method }) => method === 'GET')
  const generator = isFresh ? 'public-fresh' : connections > 1 && rate === undefined && isReading ? 'public' : 'raw'
  const order = { host: '127.0.0.1', port, requests, connections, generator, ...(rate === undefined ? {} : { rate }), ...(ca === undefined ? {} : { ca }), ...(cores === undefined ? {} : { cores }) } as const
  // Our own client tells how many sessions a client that keeps them takes up again.
  const { resumed } = await load({ ...order, ...(isFresh ? { generator: 'fresh' as const } : {}), seconds: 1 })
  // So few come in a second that the code is still being compiled then.
  if (isFresh) await load({ ...order, seconds: FRESH_WARMING_SECONDS })
  const used = (): number => pids.reduce((sum, each) => sum + cpuSeconds(each), 0)
  const before = used()
  const result = await load({ ...order, seconds: settings.seconds })
  const perSecond = result.total / result.seconds
  const failed = result.errors === 0 ? undefined : `${result.errors} of ${result.total} failed`
  if (rate === undefined) figures.note(`${name}: requests`, '/s', perSecond, failed)
  figures.note(`${name}: p50`, 'ms', result.p50, failed)
  figures.note(`${name}: p99`, 'ms', result.p99, failed)
  if (pids.length > 0 && connections > 1 && rate === undefined) figures.note(`${name}: processor time of the ${pids.length === 1 ? 'process' : 'processes'}`, 'µs/request', ((used() - before) * 1e6) / result.total)
  if (resumed !== undefined) figures.note(`${name}: sessions resumed`, '%', resumed * 100)
  console.log(`${name}: ${Math.round(perSecond)}/s, p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms${failed === undefined ? '' : `, ${failed}`}`)
  return result
}

const ratios = (figures: Figures): void => {
  const pairs = [
    ['reveal, native, 64 connections: requests', 'bare HTTP echo, 64 connections: requests', 'reveal, native, as a share of the bare echo'],
    ['reveal, KV v2, 64 connections: requests', 'Vault 1.21 KV v2 read, 64 connections: requests', 'reveal, KV v2, against Vault'],
    ['reveal, native, 64 connections: requests', 'Vault 1.21 KV v2 read, 64 connections: requests', 'reveal, native, against Vault'],
    ['write, KV v2, 64 connections: requests', 'Vault 1.21 KV v2 write, 64 connections: requests', 'write, KV v2, against Vault'],
    ['login, service token, 64 connections: requests', 'Vault 1.21 login, service token, 64 connections: requests', 'login, service token, against Vault'],
    ['login, batch token, 64 connections: requests', 'Vault 1.21 login, batch token, 64 connections: requests', 'login, batch token, against Vault'],
    ['login inline with a read, 64 connections: requests', 'Vault 1.21 login, batch token, 64 connections: requests', 'login inline with a read, against a login with a batch token of Vault alone'],
    ['reveal, KV v2, TLS 1.3, 64 kept connections: requests', 'Vault 1.21 KV v2 read, TLS 1.3, 64 kept connections: requests', 'reveal over TLS, kept connections, against Vault'],
    ['reveal, KV v2, TLS 1.3, 64 new connections: requests', 'Vault 1.21 KV v2 read, TLS 1.3, 64 new connections: requests', 'reveal over TLS, new connections, against Vault'],
    ['reveal of 30 secrets at once, 1 connection: p50', 'reveal, native, 1 connection: p50', '30 secrets against one, p50'],
    ['`coffer run -- true`, whole process', '`vault kv get`, whole process', '`coffer run` against `vault kv get`'],
  ] as const
  for (const [ours, theirs, name] of pairs) {
    const [a, b] = [figures.medianOf(ours), figures.medianOf(theirs)]
    if (a !== undefined && b !== undefined) figures.note(name, '×', a / b)
  }
  // A client that makes connections is busier than the server that takes them, so what they cost the server is compared, too.
  const [a, b] = ['Vault 1.21 KV v2 read', 'reveal, KV v2'].map((who) => figures.medianOf(`${who}, TLS 1.3, 64 new connections: processor time of the process`))
  if (a !== undefined && b !== undefined) figures.note('reveal over TLS, new connections, processor time of Vault against ours', '×', a / b)
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' }, secrets: { type: 'string', default: '100000' }, versions: { type: 'string', default: '5' }, keep: { type: 'string' } } })
const settings: Settings = { runs: Number(values.runs), seconds: Number(values.seconds), secrets: Number(values.secrets), versions: Number(values.versions), keep: values.keep }
const chosen = positionals.length === 0 ? all : [...all, scale].filter(({ name }) => positionals.includes(name))
if (chosen.length === 0) throw new Error(`there is no such case; there are ${all.map(({ name }) => name).join(', ')}`)

const version = (JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }).version
const machine = describeMachine(version)
console.log(`closed loops of many connections by ${hasWrk() ? 'wrk' : 'autocannon'}`)
const figures = new Figures()
const stops: (() => Promise<void>)[] = []
const started = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
  const one = await starting
  stops.push(() => one.stop())
  return one
}
const stopAll = (): Promise<unknown> => Promise.all(stops.map((stop) => stop()))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll().then(() => process.exit(130)))
try {
  const server = await started(startInstalled({ port: PORT, cores: serverCores, databaseCores: clientCores }))
  await started(startEcho(ECHO_PORT, serverCores))
  const binary = findVault()
  const vault = binary === undefined ? undefined : await started(startVault(binary, VAULT_PORT, serverCores))
  await seed(server.origin, server.root)
  const token = await makeReader(server.origin, server.root)
  const bench: Bench = { settings, server, token, echoPort: ECHO_PORT, vault, note: (...noted) => figures.note(...noted), measure: (name, offer) => measure(figures, settings, name, offer) }
  const repeated = chosen.filter((each) => !once.includes(each))
  // Round by round, so that what others do on the machine meets every case alike.
  for (let run = 0; run < settings.runs; run++) {
    for (const each of repeated) await each.run(bench)
    if (!chosen.includes(floor)) continue
    const flushes = measureFlushes(1)
    figures.note('bare fdatasync of 4 KiB: flushes', '/s', flushes.perSecond)
    figures.note('bare fdatasync of 4 KiB: p50', 'ms', flushes.p50Ms)
    figures.note('bare fdatasync of 4 KiB: p99', 'ms', flushes.p99Ms)
  }
  for (const each of chosen) if (!repeated.includes(each)) await each.run(bench)
} finally {
  await stopAll()
}
ratios(figures)
console.log(`\n${save(machine, figures.all())}`)
