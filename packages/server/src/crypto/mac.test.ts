import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from './digest.ts'
import { importHmacKey } from './keys.ts'
import type { HmacKey } from './keys.ts'
import { fingerprint, hmacSha256, macRow, verifyRow } from './mac.ts'
import type { RowColumn, RowKey } from './mac.ts'
import frozenFingerprints from './vectors/fingerprint.json' with { type: 'json' }
import rfc4231 from './vectors/hmac-sha256.json' with { type: 'json' }
import frozenRows from './vectors/row-mac.json' with { type: 'json' }

const ORG = '0198c5d2-7a00-7000-8000-000000000001'
const OTHER_ORG = '0198c5d2-7a00-7000-8000-000000000002'
const key = importHmacKey(Buffer.alloc(32, 1))
const otherKey = importHmacKey(Buffer.alloc(32, 2))

/** HMAC pads a short key with zeros and hashes a long one (FIPS 198-1, section 4), so every key has a 32-byte equal. */
function keyOf(hex: string): HmacKey {
  const bytes = Buffer.from(hex, 'hex')
  const short = bytes.length > 64 ? sha256(bytes) : Buffer.concat([bytes, Buffer.alloc(32 - bytes.length)])
  return importHmacKey(short)
}

test('HMAC-SHA-256 gives the published digests', () => {
  for (const v of rfc4231) {
    assert.equal(hmacSha256(keyOf(v.key), Buffer.from(v.data, 'hex')).toString('hex'), v.mac, v.source)
  }
})

test('parts are taken one after the other, text as UTF-8', () => {
  const whole = hmacSha256(key, Buffer.from('aé\u{1f600}b'))
  assert.deepEqual(hmacSha256(key, 'aé', '\u{1f600}', Buffer.from('b')), whole)
  assert.deepEqual(hmacSha256(key, 'aé\u{1f600}b'), whole)
  assert.notDeepEqual(hmacSha256(otherKey, 'aé\u{1f600}b'), whole)
})

type FrozenColumn = (typeof frozenRows)[number]['columns'][number]

function columnOf(column: FrozenColumn): RowColumn {
  const c: { string?: string; integer?: string; double?: number; boolean?: boolean; date?: string; bytes?: string; list?: string[] } = column
  if (c.integer !== undefined) return BigInt(c.integer)
  if (c.date !== undefined) return new Date(Number(c.date))
  if (c.bytes !== undefined) return Buffer.from(c.bytes, 'hex')
  return c.string ?? c.double ?? c.boolean ?? c.list ?? null
}

test('frozen rows verify for ever', () => {
  for (const v of frozenRows) {
    const rowKey: RowKey = v.rowKey
    const frozenKey = keyOf(v.key)
    assert.equal(macRow(frozenKey, v.table, rowKey, v.rowVersion, v.columns.map(columnOf)).toString('hex'), v.mac)
    assert.equal(hmacSha256(frozenKey, Buffer.from(v.input, 'hex')).toString('hex'), v.mac.slice(2))
    assert.ok(verifyRow(frozenKey, v.table, rowKey, v.rowVersion, v.columns.map(columnOf), Buffer.from(v.mac, 'hex')))
  }
})

const column: fc.Arbitrary<RowColumn> = fc.oneof(
  fc.string(), fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.boolean(), fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }), fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)), fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }),
)
const row = fc.record({
  table: fc.string({ maxLength: 5 }), rowKey: fc.oneof(fc.string({ maxLength: 5 }), fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 })),
  rowVersion: fc.nat({ max: 3 }), columns: fc.array(column, { maxLength: 4 }),
})

/** What a row is, as text, for comparing two: the type and then the value. */
function identity(value: unknown): string {
  if (Array.isArray(value)) return `list(${value.map(identity).join()})`
  if (value instanceof Date) return `date ${value.getTime()}`
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return `integer ${BigInt(value as number)}`
  return `${typeof value} ${JSON.stringify(value)}`
}

test('a row verifies, and no other row has its MAC', () => {
  fc.assert(fc.property(row, row, (a, b) => {
    const mac = macRow(key, a.table, a.rowKey, a.rowVersion, a.columns)
    assert.equal(mac.length, 33)
    assert.equal(mac[0], 0x01)
    assert.ok(verifyRow(key, a.table, a.rowKey, a.rowVersion, a.columns, mac))
    const same = identity([a.table, a.rowKey, a.rowVersion, a.columns]) === identity([b.table, b.rowKey, b.rowVersion, b.columns])
    assert.equal(verifyRow(key, b.table, b.rowKey, b.rowVersion, b.columns, mac), same)
  }), { numRuns: 500 })
})

test('rows that look alike when joined or printed differ', () => {
  const alike: readonly (readonly RowColumn[])[] = [
    ['a', 'b'], ['ab'], ['ab', ''], ['', 'ab'], [['a', 'b']], [['ab']], [['a'], ['b']], [[], 'ab'], ['a,b'],
    [1], ['1'], [true], ['true'], [1, 0], [10], ['10'], [null], [''], ['null'], [[]], [Buffer.of()], [0], [false], [Buffer.of(0)], [],
    [new Date(0)], [new Date(1)], [1.5], ['1.5'], [Buffer.from('a')], ['a'], [['a']], [-1], ['-1'],
  ]
  const macs = new Set(alike.map((columns) => macRow(key, 't', 'k', 1, columns).toString('hex')))
  assert.equal(macs.size, alike.length)
})

test('table, key and version bind, and values do not slide between them', () => {
  const macs = new Set([
    macRow(key, 't', 'k', 1, []), macRow(key, 'tk', '', 1, []), macRow(key, '', 'tk', 1, []), macRow(key, 't', ['k'], 1, []),
    macRow(key, 't', ['k', ''], 1, []), macRow(key, 't', 'k', 2, []), macRow(key, 't', 'k', 1, ['k']), macRow(otherKey, 't', 'k', 1, []),
  ].map((mac) => mac.toString('hex')))
  assert.equal(macs.size, 8)
})

test('an integer is the same column as number and as bigint', () => {
  for (const n of [0, -0, 1, -7, Number.MAX_SAFE_INTEGER]) {
    assert.deepEqual(macRow(key, 't', 'k', 1, [n]), macRow(key, 't', 'k', 1, [BigInt(n)]))
  }
})

test('every single bit of a row MAC matters, and so does its length', () => {
  const mac = macRow(key, 't', 'k', 1, ['a'])
  for (let bit = 0; bit < mac.length * 8; bit++) {
    const bad = Buffer.from(mac)
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(verifyRow(key, 't', 'k', 1, ['a'], bad), false, `bit ${bit}`)
  }
  for (const bad of [Buffer.of(), mac.subarray(1), mac.subarray(0, 32), Buffer.concat([mac, Buffer.of(0)])]) {
    assert.equal(verifyRow(key, 't', 'k', 1, ['a'], bad), false)
  }
})

test('a column without a canonical form is refused', () => {
  const bad: readonly unknown[] = [undefined, Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), { a: 1 }, Symbol('x'), new Uint8Array(1), '\ud800', ['\ud800']]
  for (const value of bad) assert.throws(() => macRow(key, 't', 'k', 1, [value as RowColumn]), /column/)
  assert.throws(() => macRow(key, 't', 'k', -1, []), RangeError)
})

test('frozen fingerprints stay', () => {
  for (const v of frozenFingerprints) assert.equal(fingerprint(keyOf(v.key), v.orgId, Buffer.from(v.value, 'hex')), v.fingerprint)
})

test('a fingerprint is 64 hex digits, equal for equal values of one organization and key only', () => {
  const value = Buffer.from('s3cr3t')
  const base = fingerprint(key, ORG, value)
  assert.match(base, /^[0-9a-f]{64}$/)
  assert.equal(fingerprint(key, ORG, Buffer.from('s3cr3t')), base)
  assert.notEqual(fingerprint(key, OTHER_ORG, value), base)
  assert.notEqual(fingerprint(otherKey, ORG, value), base)
  assert.notEqual(fingerprint(key, ORG, Buffer.from('s3cr3u')), base)
  assert.notEqual(base, sha256(value).toString('hex'))
  assert.throws(() => fingerprint(key, 'root', value), TypeError)
})
