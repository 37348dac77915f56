// The quick way to a record's columns against the whole one: whatever the text, both say the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { auditEvent, orgA, orgB } from '../testing/events.ts'
import { parseRecord, recordOf, searchFields } from '../records.ts'
import { RecordReader } from './record.ts'

/** What the columns must be: those of the whole text, parsed. */
const expected = (text: string): object | undefined => {
  const event = parseRecord(text)
  if (event === undefined) return undefined
  const { requestId, ...fields } = searchFields(event)
  return { id: event.id, at: new Date(event.at).toISOString(), requestId, shared: { orgId: event.orgId, ...fields } }
}

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constantFrom('"', '\\', ',"door":"', '\u0000', '{}', 'x'.repeat(3000)))
const maybe = fc.option(text, { nil: undefined })
const events = fc.record({
  orgId: fc.constantFrom(orgA, orgB), at: fc.integer({ min: 0, max: 4_000_000_000_000 }), eventType: text, action: text, actorType: fc.constantFrom('user' as const, 'system' as const), principal: maybe, project: maybe, environment: maybe,
  path: maybe, version: fc.option(fc.nat(), { nil: undefined }), requestId: text, sourceIp: maybe, rule: maybe, errorCode: maybe, decision: fc.constantFrom('ALLOW' as const, 'DENY' as const),
  metadata: fc.option(fc.dictionary(text, text, { maxKeys: 3 }), { nil: undefined }),
})

test('columns are those of the whole record, however it was read', () => {
  const reader = new RecordReader()
  fc.assert(fc.property(events, (fields) => {
    const record = recordOf(auditEvent(fields))
    for (let time = 0; time < 2; time++) assert.deepEqual(reader.read(Buffer.from(record))?.columns, expected(record))
  }), { numRuns: 500 })
})

test('records of one token and one version share their columns', () => {
  const reader = new RecordReader()
  const [one, other, denied] = [auditEvent(), auditEvent(), auditEvent({ decision: 'DENY' })].map((event) => reader.read(Buffer.from(recordOf(event)))?.columns)
  assert.equal(one?.shared, other?.shared)
  assert.notEqual(one?.id, other?.id)
  assert.equal(denied?.shared.decision, 'DENY')
})

const record = recordOf(auditEvent({ path: 'a"b' }))

test('a text that was changed anywhere is read as it says, or not at all', () => {
  const reader = new RecordReader()
  reader.read(Buffer.from(record))
  fc.assert(fc.property(fc.nat(record.length - 1), fc.nat(6), fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('"', ',"tenantId":"x"', ',"id":"y"', '","path":"other', '\\', '}', ',"door":"', '9999', ':null')), (at, cut, put) => {
    const changed = record.slice(0, at) + put + record.slice(at + cut)
    const read = reader.read(Buffer.from(changed))
    if (read !== undefined) assert.deepEqual(read.columns, expected(changed))
  }), { numRuns: 3000 })
})

test('what the database could not hold is no record', () => {
  const reader = new RecordReader()
  for (const hostile of [
    record.replace(/"id":"[^"]+"/, '"id":"x"'), record.replace(/"createdAt":"[^"]+"/, '"createdAt":"2026-02-31T00:00:00.000Z"').replace('2026-02-31', '2026-13-01'), record.replace(/"createdAt":"[^"]+"/, '"createdAt":"+010000-01-01T00:00:00.000Z"'),
    record.replace(/"createdAt":"[^"]+"/, '"createdAt":"-000001-01-01T00:00:00.000Z"'), record.replace(/"path":"[^,]*"/, '"path":{"a":1}'), record.replace(/"tenantId":"[^"]+"/, '"tenantId":"x"'), `${record}\n`, `${record}\u0000`, record.slice(0, -1), '', '[]', 'null',
    record.replace('"decision":"ALLOW"', '"decision":7'),
  ]) assert.equal(reader.read(Buffer.from(hostile)), undefined, hostile)
  assert.equal(reader.read(Buffer.from([0x22, 0xc0, 0xaf])), undefined)
})
