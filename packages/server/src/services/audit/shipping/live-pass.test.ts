import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { makeUuidV7 } from '../../../crypto/random.ts'
import { systemClock } from '../../../lib/clock.ts'
import { testDatabase } from '../../../kernel/testing/database.ts'
import { recordOf } from '../records.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { appended, openSpool, removeDirectory, scratchDirectory } from '../spool/testing/scratch.ts'
import { auditEvent, orgA, orgB } from '../testing/events.ts'
import { deliver } from './delivery.ts'
import { LivePass } from './live-pass.ts'
import { PlainBatches } from './plain-batch.ts'
import type { Sink } from './sink.ts'
import { postgresSink } from './sinks/postgres.ts'

const database = await testDatabase({ after })

const opened = async (t: TestContext): Promise<AuditSpool> => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  return await openSpool(root)
}
/** The sink, and how often which of its ways was taken. */
const counting = (sink: Sink): { readonly sink: Sink; readonly ways: { plain: number; whole: number } } => {
  const ways = { plain: 0, whole: 0 }
  const { deliverPlain } = sink
  return { ways, sink: { ...sink, deliver: async (...given) => { ways.whole += 1; await sink.deliver(...given) }, ...(deliverPlain === undefined ? {} : { deliverPlain: async (...given) => { ways.plain += 1; await deliverPlain(...given) } }) } }
}
const rowsOf = async (stream: string): Promise<unknown> => ({
  events: (await database.superuser.query('select org_id, at, id, record, digest, seq, ordinal, event_type, action, decision, principal, project, environment, path, request_id from coffer.audit_events where stream = $1 order by seq, ordinal', [stream])).rows,
  frames: (await database.superuser.query('select seq, at, previous, tag, units, control from coffer.audit_frames where stream = $1 order by seq', [stream])).rows,
})
const forget = async (stream: string): Promise<void> => {
  for (const table of ['audit_events', 'audit_frames']) await database.superuser.query(`delete from coffer.${table} where stream = $1`, [stream])
}
const append = async (spool: AuditSpool, ...events: readonly ReturnType<typeof auditEvent>[]): Promise<void> => {
  await Promise.all(events.map((event) => appended(spool, recordOf(event))))
}

test('rows are the same whether they come from memory or from the disk', async (t) => {
  const spool = await opened(t)
  const { sink, ways } = counting(postgresSink(database.audit))
  const pass = new LivePass(sink, { spool, clock: systemClock })
  await pass.run({ isLast: false })
  const before = { ...ways }
  await append(spool, ...Array.from({ length: 40 }, (_, n) => auditEvent({ orgId: n % 2 === 0 ? orgA : orgB, path: `p/"${n}"\\`, requestId: 'ä line\nbreak, a tab\t, a snowman ☃ and 🗝', ...(n % 3 === 0 ? { principal: undefined, project: undefined, environment: undefined } : {}) })))
  for (let n = 0; n < 5; n++) await append(spool, auditEvent({ metadata: { ownerTeam: 'payments', count: n }, id: makeUuidV7() }), auditEvent({ decision: 'DENY', errorCode: 'forbidden' }))
  const outcome = await pass.run({ isLast: false })
  assert.deepEqual(outcome, { seq: spool.head.seq, damaged: 0 })
  assert.deepEqual(ways, { plain: before.plain + 1, whole: before.whole })
  const fromMemory = await rowsOf(spool.identity.stream)
  for (const plain of [undefined, new PlainBatches(spool.identity)]) {
    await forget(spool.identity.stream)
    await rm(join(spool.directory, 'cursor-postgres.json'), { force: true })
    await deliver({ directory: spool.directory, sink: postgresSink(database.audit), until: spool.head, ...(plain === undefined ? {} : { plain }) })
    const fromDisk = (await rowsOf(spool.identity.stream)) as { events: unknown[] }
    assert.deepEqual(fromMemory, fromDisk)
    assert.equal(fromDisk.events.length, 50)
  }
  await spool.close()
})

test('frames of records and what lies between them are there together, so that nobody sees a gap', async (t) => {
  const spool = await opened(t)
  const { sink, ways } = counting(postgresSink(database.audit))
  const pass = new LivePass(sink, { spool, clock: systemClock })
  await pass.run({ isLast: false })
  const before = { ...ways }
  await append(spool, auditEvent({}))
  await new Promise<void>((resolve, reject) => spool.appendCheckpoint(Buffer.from('not a checkpoint'), (error) => (error === undefined ? resolve() : reject(error))))
  await append(spool, auditEvent({}), auditEvent({ requestId: 'nul \u0000' }))
  await append(spool, auditEvent({}))
  await pass.run({ isLast: false })
  // The NUL makes all of them go the other way, together again.
  assert.deepEqual(ways, { plain: before.plain + 2, whole: before.whole + 1 })
  await append(spool, auditEvent({}))
  await new Promise<void>((resolve, reject) => spool.appendCheckpoint(Buffer.from('not a checkpoint'), (error) => (error === undefined ? resolve() : reject(error))))
  await append(spool, auditEvent({}))
  await pass.run({ isLast: false })
  assert.deepEqual(ways, { plain: before.plain + 3, whole: before.whole + 1 })
  const { events, frames } = (await rowsOf(spool.identity.stream)) as { events: unknown[]; frames: { seq: string }[] }
  assert.deepEqual([events.length, frames.map(({ seq }) => Number(seq))], [6, Array.from({ length: spool.head.seq + 1 }, (_, seq) => seq)])
  await spool.close()
})

test('a record that the database cannot take by itself takes the other way, and its neighbours with it', async (t) => {
  const spool = await opened(t)
  const { sink, ways } = counting(postgresSink(database.audit))
  const pass = new LivePass(sink, { spool, clock: systemClock })
  await pass.run({ isLast: false })
  const before = { ...ways }
  await append(spool, auditEvent({ requestId: 'nul \u0000 in an id' }), auditEvent({}))
  await pass.run({ isLast: false })
  assert.equal(ways.whole, before.whole + 1)
  await append(spool, auditEvent({}))
  await appended(spool, '{"id":"no record"}')
  assert.deepEqual(await pass.run({ isLast: false }), { seq: spool.head.seq, damaged: 1 })
  const { events } = (await rowsOf(spool.identity.stream)) as { events: unknown[] }
  assert.equal(events.length, 3)
  await spool.close()
})

test('what memory has lost comes from the disk, and a failure repeats nothing', async (t) => {
  const spool = await opened(t)
  let failures = 0
  const inner = postgresSink(database.audit)
  const { sink } = counting({ ...inner, deliverPlain: async (...given) => { if (failures > 0) { failures -= 1; throw new Error('the connection broke') } await inner.deliverPlain?.(...given) } })
  const pass = new LivePass(sink, { spool, clock: systemClock })
  await pass.run({ isLast: false })
  await append(spool, auditEvent({}), auditEvent({}))
  failures = 1
  await assert.rejects(pass.run({ isLast: false }), /connection broke/)
  assert.deepEqual(await pass.run({ isLast: false }), { seq: spool.head.seq, damaged: 0 })
  await append(spool, auditEvent({}))
  for (let n = 0; n < 3; n++) spool.recent.add({ seq: spool.head.seq + 1000, at: 0, items: 1, isPlain: true, after: { segment: 0, offset: 0 }, bytes: Buffer.alloc(spool.recent.memory.length / 2 - 1), units: Buffer.alloc(1) })
  assert.deepEqual(await pass.run({ isLast: true }), { seq: spool.head.seq, damaged: 0 })
  const { events } = (await rowsOf(spool.identity.stream)) as { events: unknown[] }
  assert.equal(events.length, 3)
  await spool.close()
})
