import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '../../crypto/digest.ts'
import { importHmacKey } from '../../crypto/keys.ts'
import type { AuditEvent } from '../../kernel/audit.ts'
import { actorPiece, assembleRecord, assembleRecords, hmacIdentifier, maxTextLength, parseRecord, recordOf, searchFields, targetPiece, writtenRecordOf } from './records.ts'

const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined })
const events: fc.Arbitrary<AuditEvent> = fc.record({
  id: fc.uuid({ version: 7 }), at: fc.integer({ min: 0, max: 4_000_000_000_000 }), orgId: fc.uuid(), eventType: text, action: text,
  actorType: fc.constantFrom('user', 'service_account', 'workload', 'system', 'anonymous'), actorId: maybe(text), principal: maybe(text), sourceIp: maybe(fc.ipV6()),
  requestId: text, door: fc.constantFrom('vault', 'rest', 'grpc'), project: maybe(text), environment: maybe(text), path: maybe(text), version: maybe(fc.nat()),
  resourceType: maybe(text), resourceId: maybe(text), decision: fc.constantFrom('ALLOW', 'DENY'), status: fc.integer({ min: 100, max: 599 }), rule: maybe(text),
  accessorHmac: maybe(text), errorCode: maybe(text), metadata: maybe(fc.dictionary(text.filter((name) => name !== '__proto__'), fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 5, noNullPrototype: true })),
})
const wellFormed = (value: unknown): unknown => JSON.parse(JSON.stringify(value), (_, inner: unknown) => (typeof inner === 'string' ? inner.toWellFormed() : inner))

test('a record says what the event says, whatever text is in it', () => {
  fc.assert(fc.property(events, (event) => {
    const record = recordOf(event)
    const { metadata, ...rest } = event
    const { metadata: parsedMetadata, ...parsed } = parseRecord(record) ?? {}
    assert.deepEqual(parsed, wellFormed(rest))
    for (const [name, value] of Object.entries(metadata ?? {})) if (name.isWellFormed()) assert.deepEqual(parsedMetadata?.[name], wellFormed(value))
    assert.equal(Buffer.from(record, 'utf8').toString('utf8'), record)
    assert.ok(!record.includes('\u0000'))
  }), { numRuns: 500 })
})

test('the pieces of the fast path give the same bytes', () => {
  fc.assert(fc.property(events, (event) => {
    assert.equal(assembleRecord(actorPiece(event), targetPiece(event), event), recordOf(event))
  }))
})

test('and so they do for many targets at once', () => {
  fc.assert(fc.property(events, fc.array(events, { maxLength: 5 }), (event, others) => {
    const ids = others.map(({ id }) => id)
    const records = assembleRecords(actorPiece(event), others.map((other) => Buffer.from(targetPiece(other), 'utf8')), event, () => ids.shift() ?? '')
    assert.deepEqual(records.map((record) => Buffer.from(record).toString('utf8')), others.map((other) => assembleRecord(actorPiece(event), targetPiece(other), { ...event, id: other.id })))
  }))
})

test('the contract names are on the record, and times are exact to the millisecond', () => {
  const event: AuditEvent = {
    id: '0198c5d2-7a00-7abc-9def-000000000001', at: Date.UTC(2026, 3, 8, 10, 30, 0, 7), orgId: '0198c5d2-7a00-7abc-9def-000000000002', eventType: 'SECRET_READ', action: 'secret.read',
    actorType: 'service_account', principal: 'service:prod:payments-api', sourceIp: '10.2.4.17', requestId: 'req_abc', door: 'rest', environment: 'prod', path: 'payments/stripe-api-key',
    version: 42, decision: 'ALLOW', status: 200,
  }
  assert.equal(recordOf(event), '{"id":"0198c5d2-7a00-7abc-9def-000000000001","createdAt":"2026-04-08T10:30:00.007Z","tenantId":"0198c5d2-7a00-7abc-9def-000000000002",' +
    '"eventType":"SECRET_READ","action":"secret.read","environment":"prod","path":"payments/stripe-api-key","version":42,"actorType":"service_account",' +
    '"principal":"service:prod:payments-api","door":"rest","requestId":"req_abc","sourceIp":"10.2.4.17","decision":"ALLOW","status":200}')
  assert.equal(recordOf({ ...event, at: event.at + 60 }).includes('10:30:00.067Z'), true)
})

test('text that a client can stretch is cut', () => {
  const event: AuditEvent = { id: '0198c5d2-7a00-7abc-9def-000000000001', at: 0, orgId: '0198c5d2-7a00-7abc-9def-000000000002', eventType: 'X', action: 'x', actorType: 'anonymous',
    requestId: 'r'.repeat(1_000_000), door: 'rest', decision: 'DENY', status: 403, path: `${'p'.repeat(maxTextLength - 2)}\u{1f511}tail` }
  assert.ok(recordOf(event).length < 3 * maxTextLength)
  const parsed = parseRecord(recordOf(event))
  assert.equal(parsed?.requestId.length, maxTextLength)
  assert.equal(parsed?.path, searchFields(event)['path'])
  assert.ok(recordOf(event).isWellFormed())
})

test('the digest of a write covers the record that is stored', () => {
  const event: AuditEvent = { id: '0198c5d2-7a00-7abc-9def-000000000001', at: 5, orgId: '0198c5d2-7a00-7abc-9def-000000000002', eventType: 'SECRET_WRITE', action: 'secret.update', actorType: 'user', requestId: 'é', door: 'rest', decision: 'ALLOW', status: 200 }
  const written = writtenRecordOf(event)
  assert.deepEqual(written.digest, sha256(Buffer.from(written.record, 'utf8')))
  assert.equal(written.fields['eventType'], 'SECRET_WRITE')
  assert.equal(written.fields['path'], null)
})

test('an identifier is only recognised by who holds the audit key', () => {
  const [one, other] = [1, 2].map((fill) => importHmacKey(Buffer.alloc(32, fill)))
  assert.ok(one !== undefined && other !== undefined)
  assert.equal(hmacIdentifier(one, 'hvs.abc'), hmacIdentifier(one, 'hvs.abc'))
  assert.notEqual(hmacIdentifier(one, 'hvs.abc'), hmacIdentifier(other, 'hvs.abc'))
  assert.ok(!hmacIdentifier(one, 'hvs.abc').includes('abc'))
})

test('what is no record is refused', () => {
  for (const bad of ['', '{', '[]', 'null', '{}', '{"tenantId":"x"}', '"text"']) assert.equal(parseRecord(bad), undefined)
})
