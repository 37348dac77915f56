import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { makeSigningKey, verifyKeyOf } from '../../../crypto/sign.ts'
import { systemClock } from '../../../lib/clock.ts'
import { Checkpointer } from '../checkpoint.ts'
import { recordOf, writtenRecordOf } from '../records.ts'
import { adoptDeadStreams, Shipper } from '../shipping/shipper.ts'
import { postgresSink } from '../shipping/sinks/postgres.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { appended, chainKeys, openSpool, removeDirectory, scratchDirectory } from '../spool/testing/scratch.ts'
import { testDatabase } from '../../../kernel/testing/database.ts'
import { auditEvent, orgA, orgB } from '../testing/events.ts'
import { verifyDatabase, verifyRecords } from './database.ts'
import type { VerifyReport } from './report.ts'
import type { VerifyKeys } from './walker.ts'

const signer = { keyId: 'c1', key: makeSigningKey() }
const keys: VerifyKeys = { chain: chainKeys(), checkpoint: (id) => (id === 'c1' ? verifyKeyOf(signer.key) : undefined) }
type Scenario = Awaited<ReturnType<typeof shipped>>

/** Two streams of two organizations with reads and writes, shipped to a database of their own. */
const shipped = async (t: TestContext) => {
  const database = await testDatabase({ after: (cleanUp) => t.after(cleanUp) })
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const streams: string[] = []
  for (let boot = 0; boot < 2; boot += 1) {
    const spool = await openSpool(root)
    streams.push(spool.identity.stream)
    for (let n = 0; n < 12; n += 1) {
      const orgId = n % 2 === 0 ? orgA : orgB
      await Promise.all([appended(spool, recordOf(auditEvent({ orgId, path: `read/${n}` }))), written(spool, database, orgId), appended(spool, recordOf(auditEvent({ orgId })))])
    }
    await new Checkpointer(spool, signer, systemClock).close()
  }
  await adoptDeadStreams({ root, live: new Set(), sinks: [postgresSink(database.audit)], clock: systemClock })
  const verify = async (over: Partial<Parameters<typeof verifyDatabase>[0]> = {}): Promise<VerifyReport> => await verifyDatabase({ jobs: database.jobs, keys, clock: systemClock, ...over })
  const tamper = async (sql: string, values: readonly string[] = []): Promise<void> => {
    assert.ok((await database.superuser.query(sql, values)).count > 0, 'the tampering touched something')
  }
  return { database, streams, verify, tamper }
}

const written = async (spool: AuditSpool, database: Awaited<ReturnType<typeof testDatabase>>, orgId: string): Promise<void> => {
  const event = auditEvent({ orgId, action: 'secret.update', eventType: 'SECRET_WRITE' })
  const record = writtenRecordOf(event)
  await database.app.transaction(orgId, async (tx) =>
    await tx.query('select coffer.audit_write($1, $2, $3, $4, $5, $6)', [orgId, record.id, new Date(record.at), record.record, record.digest, record.fields]))
  await new Promise<void>((resolve, reject) => spool.appendDigest({ orgId, at: event.at, id: event.id, digest: record.digest }, (error) => (error === undefined ? resolve() : reject(error))))
}

const kinds = (report: VerifyReport): readonly string[] => [...new Set(report.findings.map(({ kind }) => kind))]

test('what was shipped and not touched has no findings, and its checkpoints hold', async (t) => {
  const { database, verify } = await shipped(t)
  const report = await verify()
  assert.deepEqual(report.findings, [])
  assert.deepEqual(report.streams.map(({ closed, checkpoints }) => ({ closed, checkpoints })), [{ closed: true, checkpoints: 2 }, { closed: true, checkpoints: 2 }])
  for (const orgId of [orgA, orgB]) {
    const records = await verifyRecords({ database: database.app, orgId, from: 0, to: Date.now() + 1000 })
    assert.deepEqual(records, { records: 36, findings: [] })
  }
})

const one = `(select id from coffer.audit_events where stream is not null order by at, id limit 1)`
const link = `(select event_id from coffer.audit_links order by at, event_id limit 1)`
const middle = 'seq = 5 and stream = $1'
const tamperings: readonly [title: string, sql: string, kind: string, onStream?: boolean][] = [
  ['a removed read', `delete from coffer.audit_events where id = ${one}`, 'removed'],
  ['a removed write', `delete from coffer.audit_events where id = ${link}`, 'removed'],
  ['a removed link', `delete from coffer.audit_links where event_id = ${link}`, 'removed'],
  ['another digest', `update coffer.audit_events set digest = sha256('x') where id = ${one}`, 'edited'],
  ['another digest of a write', `update coffer.audit_events set digest = sha256('x') where id = ${link}`, 'edited'],
  ['a link that was made to look adopted', `update coffer.audit_links set adopted = true where event_id = ${link}`, 'edited'],
  ['a read that changed its place', `update coffer.audit_events set ordinal = 7 where id = ${one}`, 'foreign'],
  ['a read moved into a frame that is not there', `update coffer.audit_events set seq = 7000 where id = ${one}`, 'foreign'],
  ['an event that no frame holds', `insert into coffer.audit_events (org_id, at, id, record, digest, stream, seq, ordinal, event_type, action, decision, request_id)
     select org_id, at, gen_random_uuid(), record, digest, stream, seq, ordinal, event_type, action, decision, request_id from coffer.audit_events where id = ${one}`, 'foreign'],
  ['a removed frame', `delete from coffer.audit_frames where ${middle}`, 'gap', true],
  ['other units', `update coffer.audit_frames set units = set_byte(units, 3, (get_byte(units, 3) + 1) % 256) where ${middle}`, 'edited', true],
  ['another tag', `update coffer.audit_frames set tag = set_byte(tag, 3, (get_byte(tag, 3) + 1) % 256) where ${middle}`, 'edited', true],
  ['another time of a frame', `update coffer.audit_frames set at = at + interval '1 hour' where ${middle}`, 'edited', true],
  ['a link to another frame', `update coffer.audit_frames set previous = sha256('x') where ${middle}`, 'reordered', true],
  ['removed control items', `update coffer.audit_frames set control = null where stream = $1 and seq = 0`, 'edited', true],
  ['a cut end of the chain', `delete from coffer.audit_frames where stream = $1 and seq > 5`, 'truncated', true],
  ['a checkpoint that says otherwise', `update coffer.audit_checkpoints set hash = sha256('x') where stream = $1`, 'forged', true],
]

for (const [title, sql, kind, onStream] of tamperings) {
  test(`${title} is found in the database`, async (t) => {
    const { streams, verify, tamper }: Scenario = await shipped(t)
    await tamper(sql, onStream === true ? [streams[0] ?? ''] : [])
    const report = await verify()
    assert.equal(report.ok, false)
    assert.ok(kinds(report).includes(kind), kinds(report).join())
  })
}

test('a stream that vanished whole is missed by its successor and by an exported checkpoint', async (t) => {
  const { database, streams, verify, tamper } = await shipped(t)
  const { rows } = await database.superuser.query<{ seq: number; hash: Buffer; at: Date; key_id: string; signature: Buffer }>('select seq, hash, at, key_id, signature from coffer.audit_checkpoints where stream = $1', [streams[0] ?? ''])
  const exported = rows.map((row) => ({ stream: streams[0] ?? '', seq: row.seq, hash: row.hash, at: row.at.getTime(), keyId: row.key_id, signature: row.signature }))
  for (const table of ['audit_frames', 'audit_events', 'audit_links', 'audit_checkpoints', 'audit_streams']) await tamper(`delete from coffer.${table} where stream = $1`, [streams[0] ?? ''])
  assert.deepEqual(kinds(await verify()).filter((kind) => kind !== 'unchained'), ['removed'])
  assert.equal((await verify({ checkpoints: exported })).ok, false)
})

test('an edited record or column is found by its organization, which sees no other', async (t) => {
  const { database, verify, tamper } = await shipped(t)
  await tamper(`update coffer.audit_events set record = replace(record, 'ALLOW', 'DENY') where id = ${one}`)
  await tamper(`update coffer.audit_events set principal = 'someone-else' where id = ${link}`)
  const range = { from: 0, to: Date.now() + 1000 }
  const reports = await Promise.all([orgA, orgB].map(async (orgId) => await verifyRecords({ database: database.app, orgId, ...range })))
  assert.equal(reports.flatMap(({ findings }) => findings).length, 2)
  assert.equal((await verify()).ok, true)
})

test('what retention took is no finding, and a write that nobody chained is a warning', async (t) => {
  const { database, verify, tamper } = await shipped(t)
  await tamper(`delete from coffer.audit_events where org_id = '${orgA}'`)
  assert.equal((await verify()).ok, false)
  const event = auditEvent({ at: Date.now() - 3_600_000 })
  const record = writtenRecordOf(event)
  await database.app.transaction(orgA, async (tx) =>
    await tx.query('select coffer.audit_write($1, $2, $3, $4, $5, $6)', [orgA, record.id, new Date(record.at), record.record, record.digest, record.fields]))
  const report = await verify({ retainedFrom: Date.now() + 1000 })
  assert.equal(report.ok, true)
  assert.deepEqual(kinds(await verify({ retainedFrom: event.at - 1 })).includes('unchained'), true)
})

test('what is shipped while verification looks is no finding', async (t) => {
  const { database, verify } = await shipped(t)
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const spool = await openSpool(root)
  const shipper = new Shipper({ spool, sinks: [postgresSink(database.audit)], clock: systemClock })
  shipper.start()
  let over = false
  const traffic = (async () => {
    while (!over) await appended(spool, recordOf(auditEvent({ orgId: orgA })))
  })()
  try {
    for (let look = 0; look < 30; look += 1) assert.deepEqual((await verify()).findings.filter(({ severity }) => severity === 'error'), [])
  } finally {
    over = true
    await traffic
    await shipper.stop()
    await spool.close()
  }
})
