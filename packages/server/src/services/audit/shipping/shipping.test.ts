import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ManualClock, systemClock } from '../../../lib/clock.ts'
import type { Database } from '../../../kernel/storage.ts'
import { recordOf, writtenRecordOf } from '../records.ts'
import { appended, chainKeys, openSpool, recordsOf, removeDirectory, scratchDirectory } from '../spool/testing/scratch.ts'
import { listSegments, listStreams } from '../spool/stream.ts'
import { testDatabase } from '../../../kernel/testing/database.ts'
import { auditEvent, orgA, orgB } from '../testing/events.ts'
import { LinkAdopter } from './adopter.ts'
import { Shipper, adoptDeadStreams } from './shipper.ts'
import type { Sink } from './sink.ts'
import { fileSink } from '../testing/file-sink.ts'
import { postgresSink } from './sinks/postgres.ts'

const database = await testDatabase({ after })

const scratch = async (t: TestContext): Promise<string> => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  return root
}
const idsOf = async (orgId: string): Promise<readonly string[]> =>
  (await database.superuser.query<{ id: string }>('select id from coffer.audit_events where org_id = $1', [orgId])).rows.map(({ id }) => id)
const insertWrite = async (event: ReturnType<typeof auditEvent>): Promise<ReturnType<typeof writtenRecordOf>> => {
  const written = writtenRecordOf(event)
  await (database.app as Database).transaction(event.orgId, async (tx) =>
    await tx.query('select coffer.audit_write($1, $2, $3, $4, $5, $6)', [event.orgId, written.id, new Date(written.at), written.record, written.digest, written.fields]))
  return written
}
const linksOf = async (id: string): Promise<readonly { readonly stream: string; readonly adopted: boolean }[]> =>
  (await database.superuser.query<{ stream: string; adopted: boolean }>('select stream, adopted from coffer.audit_links where event_id = $1', [id])).rows

test('what is acknowledged reaches the table, of every organization, with its place in the chain', async (t) => {
  const spool = await openSpool(await scratch(t))
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock })
  shipper.start()
  const events = Array.from({ length: 50 }, (_, n) => auditEvent({ orgId: n % 2 === 0 ? orgA : orgB, path: `p/${n}`, requestId: 'nul \u0000 in an id' }))
  await Promise.all(events.map((event) => appended(spool, recordOf(event))))
  await shipper.stop()
  assert.deepEqual(shipper.backlog(), [{ sink: 'postgres', frames: 0, failures: 0, damaged: 0 }])
  const rows = await database.superuser.query<{ id: string; record: string; path: string; seq: number; ordinal: number }>(
    'select id, record, path, seq, ordinal from coffer.audit_events where stream = $1 order by seq, ordinal', [spool.identity.stream])
  assert.deepEqual(rows.rows.map(({ record }) => record), events.map(recordOf))
  assert.deepEqual(rows.rows.map(({ path }) => path), events.map(({ path }) => path))
  await spool.close()
})

test('a write\'s digest becomes a link', async (t) => {
  const spool = await openSpool(await scratch(t))
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock })
  shipper.start()
  const event = auditEvent({ action: 'secret.update', eventType: 'SECRET_WRITE' })
  const written = await insertWrite(event)
  await new Promise<void>((resolve, reject) => {
    spool.appendDigest({ orgId: event.orgId, at: event.at, id: event.id, digest: written.digest, record: written.record }, (error) => (error === undefined ? resolve() : reject(error)))
  })
  await shipper.stop()
  assert.deepEqual(await linksOf(event.id), [{ stream: spool.identity.stream, adopted: false }])
  await spool.close()
})

test('a write that nobody chained is adopted after the grace, once, and marked', async (t) => {
  const spool = await openSpool(await scratch(t))
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock })
  shipper.start()
  const clock = new ManualClock(systemClock.wall())
  const adopter = new LinkAdopter({ database: database.jobs, spool, clock })
  const [left, fresh] = [auditEvent({ at: clock.wall() - 60_000, orgId: orgB }), auditEvent({ at: clock.wall() })]
  await insertWrite(left)
  await insertWrite(fresh)
  assert.ok((await adopter.run()) >= 1)
  assert.equal(await adopter.run(), 0)
  await shipper.stop()
  assert.deepEqual(await linksOf(left.id), [{ stream: spool.identity.stream, adopted: true }])
  assert.deepEqual(await linksOf(fresh.id), [])
  await spool.close()
})

test('shipping again inserts nothing again', async (t) => {
  const root = await scratch(t)
  const spool = await openSpool(root)
  const event = auditEvent()
  await appended(spool, recordOf(event))
  await spool.close()
  const sinks = [postgresSink(database.audit)]
  for (let round = 0; round < 3; round += 1) {
    await adoptDeadStreams({ root, live: new Set(), sinks, clock: systemClock })
    await writeFile(join(spool.directory, 'cursor-postgres.json'), round === 0 ? '' : '{"format":1,"seg')
  }
  assert.equal((await idsOf(orgA)).filter((id) => id === event.id).length, 1)
})

test('a sink that fails or hangs stops neither requests nor the other sink, and catches up', async (t) => {
  const root = await scratch(t)
  const spool = await openSpool(root)
  const seen: string[] = []
  let mode: 'fail' | 'hang' | 'work' = 'fail'
  const failures: string[] = []
  const flaky: Sink = {
    name: 'flaky', timeoutMs: 20,
    deliver: async (batch, signal) => {
      if (mode === 'fail') throw new Error('refused')
      if (mode === 'hang') await once(signal, 'abort').then(() => new Promise(() => undefined))
      seen.push(...batch.frames.flatMap((frame) => frame.records.map(({ columns }) => columns.id)))
    },
  }
  const path = join(root, 'audit.jsonl')
  const file = fileSink(path)
  const shipper = new Shipper({ spool, sinks: [flaky, file], clock: systemClock, retryMs: 1, onFailure: (sink) => failures.push(sink) })
  shipper.start()
  const events = Array.from({ length: 5 }, () => auditEvent())
  for (const event of events) await appended(spool, recordOf(event))
  while (failures.length < 2) await pause(1)
  mode = 'hang'
  const before = failures.length
  while (failures.length < before + 2) await pause(1)
  assert.ok((shipper.backlog()[0]?.frames ?? 0) > 0)
  mode = 'work'
  while (seen.length < 5) await pause(1)
  await shipper.stop()
  assert.deepEqual(seen, events.map(({ id }) => id))
  assert.deepEqual(failures.filter((sink) => sink !== 'flaky'), [])
  assert.equal((await readFile(path, 'utf8')).trim().split('\n').length, 5)
  await spool.close()
})

test('segments go when every sink has them and the retention has passed, the last stream of a slot stays', async (t) => {
  const root = await scratch(t)
  const spool = await openSpool(root, { segmentBytes: 64 * 1024, maxWaitingBytes: 16 * 1024 })
  const slow: Sink = { name: 'slow', timeoutMs: 1000, deliver: async () => { throw new Error('not yet') } }
  for (let n = 0; n < 40; n += 1) await appended(spool, recordOf(auditEvent({ rule: 'r'.repeat(2000), metadata: { note: 'n'.repeat(2000) } })))
  const withSlow = new Shipper({ spool, sinks: [postgresSink(database.audit), slow], clock: systemClock, retentionMs: -1000 })
  withSlow.start()
  await withSlow.stop()
  assert.equal(await withSlow.prune(), 0)
  const kept = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock, retentionMs: 3_600_000 })
  assert.equal(await kept.prune(), 0)
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock })
  assert.ok((await shipper.prune()) >= 2, 'at once, unless told otherwise')
  assert.ok((await listSegments(spool.directory)).includes(spool.head.segment))
  await spool.close()
  const adopt = async (): Promise<number> => (await adoptDeadStreams({ root, live: new Set(), sinks: [postgresSink(database.audit)], clock: systemClock, retentionMs: -1000 })).removed
  assert.equal(await adopt(), 0)
  const successor = await openSpool(root)
  assert.equal((await adoptDeadStreams({ root, live: new Set([successor.identity.stream]), sinks: [postgresSink(database.audit)], clock: systemClock, retentionMs: -1000 })).removed, 1)
  assert.deepEqual((await listStreams(root)).map(({ stream }) => stream), [successor.identity.stream])
  await successor.close()
})

test('killed again and again, writer and shipper lose nothing and insert nothing twice', async (t) => {
  const root = await scratch(t)
  const acknowledged: string[] = []
  const settings = JSON.stringify(database.settingsFor('coffer_audit'))
  for (let round = 0; round < 8; round += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../testing/shipping-child.ts'), root, settings], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => { output += text })
    while (output.length < 4000 + round * 9000 && child.exitCode === null) await pause(1)
    child.kill('SIGKILL')
    await once(child, 'close')
    acknowledged.push(...output.split('\n').slice(0, -1))
  }
  const streams = await listStreams(root)
  const spooled = (await Promise.all(streams.map(({ path }) => recordsOf(path)))).flat().map((record) => (JSON.parse(record) as { id: string }).id)
  const outcome = await adoptDeadStreams({ root, live: new Set(), sinks: [postgresSink(database.audit)], clock: systemClock, keys: chainKeys() })
  assert.deepEqual({ failed: outcome.failed, damaged: outcome.damaged }, { failed: 0, damaged: 0 })
  const stored = new Set([...(await idsOf(orgA)), ...(await idsOf(orgB))])
  assert.ok(acknowledged.length > 500)
  assert.deepEqual(acknowledged.filter((id) => !stored.has(id)), [])
  assert.deepEqual(spooled.filter((id) => !stored.has(id)), [])
})

test('no value that passes near a record is in the spool, the table or the file', async (t) => {
  const root = await scratch(t)
  const canary = 'canary-5f0c1b7e'
  const spool = await openSpool(root)
  const path = join(root, 'audit.jsonl')
  const file = fileSink(path)
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit), file], clock: systemClock })
  shipper.start()
  // An event that carries more than its type allows, as a mistaken caller's spread would.
  const careless = { ...auditEvent(), value: canary, data: { password: canary }, token: canary }
  await appended(spool, recordOf(careless))
  await shipper.stop()
  await spool.close()
  const { rows } = await database.superuser.query<{ found: number }>('select count(*) as found from coffer.audit_events e where e::text like $1', [`%${canary}%`])
  assert.equal(rows[0]?.found, 0)
  assert.ok(!(await readFile(path, 'utf8')).includes(canary))
  assert.ok(!(await recordsOf(spool.directory)).join().includes(canary))
})
