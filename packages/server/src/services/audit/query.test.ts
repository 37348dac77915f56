import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { isCofferError } from '../../kernel/errors.ts'
import type { AuditEvent } from '../../kernel/audit.ts'
import { searchEvents, summarise, type EventFilter, type EventPage, type SummaryView } from './query.ts'
import { writtenRecordOf } from './records.ts'
import { testDatabase } from '../../kernel/testing/database.ts'
import { auditEvent, orgA, orgB } from './testing/events.ts'

const database = await testDatabase({ after })
const start = Date.UTC(2026, 3, 8)
const insert = async (events: readonly AuditEvent[]): Promise<void> => {
  for (const event of events) {
    const written = writtenRecordOf(event)
    await database.app.transaction(event.orgId, async (tx) =>
      await tx.query('select coffer.audit_write($1, $2, $3, $4, $5, $6)', [event.orgId, written.id, new Date(written.at), written.record, written.digest, written.fields]))
  }
}
const search = async (filter: EventFilter, page: Parameters<typeof searchEvents>[2] = {}, orgId = orgA): Promise<EventPage> =>
  await database.app.transaction(orgId, async (tx) => await searchEvents(tx, filter, page), { readOnly: true })
const summary = async (view: SummaryView): Promise<readonly { readonly name: string; readonly count: number }[]> =>
  (await database.app.transaction(orgA, async (tx) => await summarise(tx, view, { from: start, to: start + 100_000 }))).map(({ name, count }) => ({ name, count }))

const events: readonly AuditEvent[] = [
  auditEvent({ at: start, path: 'payments/key', principal: 'user:a' }),
  auditEvent({ at: start + 1, path: 'payments/deep/key', principal: 'user:a', decision: 'DENY', status: 403 }),
  auditEvent({ at: start + 2, path: 'payments2', principal: 'user:b', requestId: 'req_x' }),
  auditEvent({ at: start + 3, path: 'payments/key', principal: 'user:b', environment: 'dev' }),
  auditEvent({ at: start + 4, path: 'payments/key', action: 'secret.break-glass', eventType: 'SECRET_BREAK_GLASS', metadata: { reason: 'incident', ticketUrl: 'https://tracker.example.com/1' } }),
  auditEvent({ at: start + 5, action: 'secret.promote', eventType: 'SECRET_PROMOTE', metadata: { ownerTeam: 'payments' } }),
  auditEvent({ at: start + 6, action: 'secret.promote', eventType: 'SECRET_PROMOTE', metadata: { ownerTeam: 'payments' } }),
  auditEvent({ at: start + 7, action: 'secret.promote', eventType: 'SECRET_PROMOTE', metadata: { ownerTeam: 'with nul \u0000' } }),
  auditEvent({ at: start + 8, path: 'pay%ents/key', principal: 'user:c' }),
]
await insert([...events, auditEvent({ at: start + 2, orgId: orgB, principal: 'user:a' })])

test('every filter selects what it says, newest first', async () => {
  const indexes = async (filter: EventFilter): Promise<readonly number[]> => (await search(filter)).events.map((event) => events.findIndex(({ id }) => id === event.id))
  assert.deepEqual(await indexes({}), [8, 7, 6, 5, 4, 3, 2, 1, 0])
  assert.deepEqual(await indexes({ from: start + 2, to: start + 4 }), [3, 2])
  assert.deepEqual(await indexes({ principal: 'user:a' }), [1, 0])
  assert.deepEqual(await indexes({ pathPrefix: 'payments/' }), [7, 6, 5, 4, 3, 1, 0])
  assert.deepEqual(await indexes({ pathPrefix: 'payments/key' }), [4, 3, 0])
  assert.deepEqual(await indexes({ pathPrefix: 'pay%ents' }), [8])
  assert.deepEqual(await indexes({ action: 'secret.promote', environment: 'prod' }), [7, 6, 5])
  assert.deepEqual(await indexes({ action: 'secret', environment: 'prod', principal: 'user:c' }), [8])
  assert.deepEqual(await indexes({ action: 'secret' }), [8, 7, 6, 5, 4, 3, 2, 1, 0])
  assert.deepEqual(await indexes({ action: 'secret.' }), [8, 7, 6, 5, 4, 3, 2, 1, 0])
  for (const action of ['secre', 'secret.pro', 'secret.promote.x', 'secret%', '.', '']) assert.deepEqual(await indexes({ action }), [], action)
  assert.deepEqual(await indexes({ decision: 'DENY' }), [1])
  assert.deepEqual(await indexes({ requestId: 'req_x' }), [2])
  assert.deepEqual(await indexes({ eventType: 'SECRET_BREAK_GLASS' }), [4])
  assert.deepEqual(await indexes({ project: `secret' or true --` }), [])
})

test('what is found is the event as it happened', async () => {
  assert.deepEqual((await search({ requestId: 'req_x' })).events, [JSON.parse(JSON.stringify(events[2]))])
})

test('an organization never finds another\'s events', async () => {
  const found = await search({}, {}, orgB)
  assert.deepEqual(found.events.map(({ orgId }) => orgId), [orgB])
})

test('pages follow each other without a gap or a repeat, also among equal times', async () => {
  const same = Array.from({ length: 7 }, () => auditEvent({ at: start + 50_000_000, principal: 'user:paged' }))
  await insert(same)
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await search({ principal: 'user:paged' }, { cursor, limit: 3 })
    seen.push(...page.events.map(({ id }) => id))
    cursor = page.nextCursor
    if (seen.length === 3) await insert([auditEvent({ at: start + 60_000_000, principal: 'user:paged' })])
  } while (cursor !== undefined)
  assert.deepEqual(seen, same.map(({ id }) => id).toReversed())
})

test('a cursor that is not ours is refused', async () => {
  for (const cursor of ['', 'x', 'AAAA', Buffer.alloc(25, 255).toString('base64url')]) {
    await assert.rejects(search({}, { cursor }), (error: unknown) => isCofferError(error) && error.kind === 'invalid_request')
  }
})

test('the summaries count what they say', async () => {
  assert.deepEqual(await summary('reads-by-principal'), [{ name: 'user:b', count: 2 }, { name: 'service:prod:payments-api', count: 1 }, { name: 'user:a', count: 1 }, { name: 'user:c', count: 1 }])
  assert.deepEqual((await summary('reads-by-secret'))[0], { name: 'secret/prod/payments/key', count: 2 })
  assert.deepEqual(await summary('break-glass-reads'), [{ name: 'secret/prod/payments/key', count: 1 }])
  assert.deepEqual(await summary('denied-reads'), [{ name: 'user:a', count: 1 }])
  assert.deepEqual(await summary('rotations-by-owner-team'), [{ name: 'payments', count: 2 }, { name: '', count: 1 }])
})
