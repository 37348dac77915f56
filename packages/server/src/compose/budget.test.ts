// What must not grow unnoticed on the hot paths: statements, flushes and allocations. No times are judged here; bench/ measures those.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lastFirst } from '../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

const repository = join(import.meta.dirname, '..', '..', '..', '..')
const recorded = JSON.parse(readFileSync(join(repository, 'bench', 'recorded.json'), 'utf8')) as { readonly warmReadBytes: number; readonly warmBatchBytes: number; readonly listBytes: number }

let worker: TestWorker
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
})

const headers = { 'x-vault-token': 'root', 'content-type': 'application/json' }
const ask = async (method: string, path: string, body?: object): Promise<void> => {
  const response = await fetch(`${worker.origin}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  assert.equal(response.status, 200, await response.text())
}
const put = (name: string, value = 'v'.repeat(1024)): Promise<void> => ask('POST', `/api/v1/secrets/budget/${name}?environment=dev`, { value })
const target = (name: string): string => `/api/v1/secrets/budget/${name}?environment=dev&reveal=true`
const read = (name: string): Promise<void> => ask('GET', target(name))
const MANY = { path: '/api/v1/inject?environment=prod', body: { prefix: 'many' } }
const answeredWarm = (): number => worker.metric('coffer_warm_reads_total', 'answered')

/** Statements and round trips of one piece of work; the least of several, since a lapsed lease on a busy machine adds some. */
const cost = async (work: (attempt: number) => Promise<void>): Promise<{ readonly statements: number; readonly roundTrips: number }> => {
  const seen = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const { statements, roundTrips } = { ...worker.statements }
    await work(attempt)
    seen.push({ statements: worker.statements.statements - statements, roundTrips: worker.statements.roundTrips - roundTrips })
  }
  return seen.reduce((least, each) => (each.statements < least.statements ? each : least))
}

test('a warm read asks the database nothing', async () => {
  await put('warm')
  await read('warm')
  assert.deepEqual(await cost(() => read('warm')), { statements: 0, roundTrips: 0 })
  assert.ok(answeredWarm() > 0)
})

test('a cold read is one statement', async () => {
  for (let index = 0; index < 5; index++) await put(`cold-${index}`)
  assert.deepEqual(await cost((attempt) => read(`cold-${attempt}`)), { statements: 1, roundTrips: 1 })
})

test('a list of a folder is one statement, and so are its names', async () => {
  await ask('GET', '/api/v1/secrets?environment=dev&prefix=budget')
  assert.deepEqual(await cost(() => ask('GET', '/api/v1/secrets?environment=dev&prefix=budget')), { statements: 1, roundTrips: 1 })
  assert.deepEqual(await cost(() => ask('GET', '/v1/secret/metadata/dev/budget/?list=true')), { statements: 1, roundTrips: 1 })
})

test('thirty secrets at once are one statement, and none when they are warm', async () => {
  for (let index = 0; index < 30; index++) await ask('POST', `/api/v1/secrets/many/S${index}?environment=prod`, { value: `value ${index}` })
  const inject = (): Promise<void> => ask('POST', MANY.path, MANY.body)
  assert.deepEqual(await cost(inject), { statements: 0, roundTrips: 0 })
  const planned = answeredWarm()
  assert.deepEqual(await cost(inject), { statements: 0, roundTrips: 0 })
  assert.ok(answeredWarm() > planned)
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    await ask('POST', `/api/v1/secrets/many/S${attempt}?environment=prod`, { value: 'another' })
    const before_ = worker.statements.statements
    await inject()
    least = Math.min(least, worker.statements.statements - before_)
  }
  assert.equal(least, 1)
})

test('thirty secrets at once are thirty-one records in one flush', async () => {
  const seen = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const [records, fsyncs] = [worker.metric('coffer_audit_records_total'), worker.metric('coffer_audit_fsyncs_total')]
    await ask('POST', MANY.path, MANY.body)
    seen.push([worker.metric('coffer_audit_records_total') - records, worker.metric('coffer_audit_fsyncs_total') - fsyncs])
  }
  // A checkpoint now and then is a record, and a frame, of its own.
  assert.deepEqual(seen.sort((one, other) => (one[0] ?? 0) - (other[0] ?? 0))[0], [31, 1])
})

test('a write is one round trip, and two when its secret is new here', async () => {
  await put('written')
  assert.deepEqual(await cost(() => put('written')), { statements: 1, roundTrips: 1 })
  assert.deepEqual(await cost((attempt) => put(`written-${attempt}`)), { statements: 2, roundTrips: 2 })
})

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: string
}

/** Requests by connections of another process, so that only the server's own doing is seen here. */
const askedByOthers = (requests: readonly Asked[], connections: number, seconds: number): Promise<{ readonly total: number; readonly errors: number }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(repository, 'bench', 'lib', 'load', 'load-process.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    child.once('error', reject)
    child.once('exit', () => resolve(JSON.parse(text) as { total: number; errors: number }))
    child.stdin.end(JSON.stringify({ host: '127.0.0.1', port: Number(new URL(worker.origin).port), requests: requests.map((each) => ({ ...each, headers })), connections, seconds, generator: 'raw' }))
  })

const readsByOthers = (connections: number, seconds: number): ReturnType<typeof askedByOthers> => askedByOthers([{ method: 'GET', path: target('warm') }], connections, seconds)

test('writes that wait share a statement, and their records a flush', async () => {
  const requests = Array.from({ length: 64 }, (_, index) => ({ method: 'POST', path: `/v1/secret/data/dev/budget/kv-${index}`, body: JSON.stringify({ data: { value: 'v'.repeat(500) } }) }))
  await askedByOthers(requests, 64, 1)
  const before_ = { ...worker.statements, records: worker.metric('coffer_audit_records_total'), fsyncs: worker.metric('coffer_audit_fsyncs_total') }
  const { total, errors } = await askedByOthers(requests, 64, 1)
  assert.equal(errors, 0)
  const statements = worker.statements.statements - before_.statements
  assert.ok(statements * 4 < total, `${statements} statements for ${total} writes of 64 connections`)
  const [records, fsyncs] = [worker.metric('coffer_audit_records_total') - before_.records, worker.metric('coffer_audit_fsyncs_total') - before_.fsyncs]
  assert.ok(records >= total, 'every write has its record')
  assert.ok(fsyncs * 4 < records, `${fsyncs} flushes for ${records} records`)
})

test('records that wait share a flush', async () => {
  await put('warm')
  await read('warm')
  const before_ = { records: worker.metric('coffer_audit_records_total'), fsyncs: worker.metric('coffer_audit_fsyncs_total') }
  const { total, errors } = await readsByOthers(64, 1)
  assert.equal(errors, 0)
  const records = worker.metric('coffer_audit_records_total') - before_.records
  const fsyncs = worker.metric('coffer_audit_fsyncs_total') - before_.fsyncs
  assert.ok(records >= total, 'every read has its record')
  assert.ok(fsyncs * 4 < records, `${fsyncs} flushes for ${records} records of 64 connections`)
})

interface SampledNode {
  readonly selfSize: number
  readonly children: readonly SampledNode[]
}

const sum = (node: SampledNode): number => node.children.reduce((bytes, child) => bytes + sum(child), node.selfSize)

/** Bytes for each request, those that were collected already included, so that it does not matter when the collector runs. */
const allocatedBy = async (work: () => ReturnType<typeof askedByOthers>): Promise<number> => {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', { samplingInterval: 2048, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true })
  const { total, errors } = await work()
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  assert.equal(errors, 0)
  return Math.round(sum(profile.head) / total)
}

const isAbout = (bytes: number, expected: number): void => assert.ok(bytes < 2 * expected && bytes > expected / 2, `${bytes} bytes for each; recorded are ${expected} (bench/recorded.json)`)

test('a warm read allocates about as much as was recorded', async () => {
  await put('warm')
  await readsByOthers(8, 0.5)
  isAbout(await allocatedBy(() => readsByOthers(8, 1.5)), recorded.warmReadBytes)
})

test('and so do thirty secrets at once', async () => {
  const requests = [{ method: 'POST', path: MANY.path, body: JSON.stringify(MANY.body) }]
  await askedByOthers(requests, 4, 0.5)
  isAbout(await allocatedBy(() => askedByOthers(requests, 4, 1.5)), recorded.warmBatchBytes)
})

test('a list of a hundred secrets allocates about as much as was recorded', async () => {
  for (let index = 0; index < 100; index++) await ask('POST', `/api/v1/secrets/listed/S${index}?environment=dev`, { value: `value ${index}` })
  const list = (seconds: number): ReturnType<typeof askedByOthers> => askedByOthers([{ method: 'GET', path: '/api/v1/secrets?environment=dev&prefix=listed&limit=100' }], 4, seconds)
  await list(0.5)
  isAbout(await allocatedBy(() => list(1.5)), recorded.listBytes)
})
