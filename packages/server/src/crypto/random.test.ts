import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseUuid } from '../lib/uuid.ts'
import { jitter, makeBase62, makeUuidV4, makeUuidV7, randomBytes, randomInt } from './random.ts'

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function millisecondsOf(uuid: string): number {
  return parseUuid(uuid)?.readUIntBE(0, 6) ?? -1
}

test('a UUID has the version, the variant and the time that RFC 9562 gives it', () => {
  const at = Date.UTC(2031, 4, 6, 7, 8, 9, 10)
  const uuid = makeUuidV7(at)
  assert.match(uuid, V7)
  assert.equal(millisecondsOf(uuid), at)
  assert.match(makeUuidV7(), V7)
})

test('UUIDs of one millisecond rise strictly, beyond the counter too', () => {
  const at = Date.UTC(2032, 0, 1)
  const uuids = Array.from({ length: 20_000 }, () => makeUuidV7(at))
  for (let i = 1; i < uuids.length; i++) assert.ok((uuids[i - 1] ?? '') < (uuids[i] ?? ''), `at ${i}`)
  assert.ok(millisecondsOf(uuids.at(-1) ?? '') - at < 20)
  for (const uuid of uuids) assert.match(uuid, V7)
})

test('UUIDs keep rising when the clock steps back a little', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -900, max: 900 }), { minLength: 2, maxLength: 30 }), (steps) => {
    let now = Date.UTC(2033, 0, 1)
    makeUuidV7(now)
    let last = makeUuidV7(now)
    for (const step of steps.slice(0, 10)) {
      now += step
      const next = makeUuidV7(now)
      assert.ok(next > last)
      last = next
    }
    makeUuidV7(0)
  }))
})

test('a far step back is another time, so that one id from the future does not bind all later ones', () => {
  makeUuidV7(Date.UTC(2200, 0, 1))
  const at = Date.UTC(2027, 0, 1)
  assert.equal(millisecondsOf(makeUuidV7(at)), at)
})

test('UUIDs, base62 and bytes do not repeat', () => {
  const count = 5_000
  assert.equal(new Set(Array.from({ length: count }, () => makeUuidV7(1).slice(19))).size, count)
  assert.equal(new Set(Array.from({ length: count }, () => makeBase62(16))).size, count)
  assert.equal(new Set(Array.from({ length: count }, () => randomBytes(16).toString('hex'))).size, count)
})

test('every random bit of a UUID takes both values', () => {
  let ones = Buffer.alloc(16)
  let zeros = Buffer.alloc(16)
  for (let i = 0; i < 200; i++) {
    const bytes = parseUuid(makeUuidV7(1e12 + i * 60_000)) ?? Buffer.alloc(16)
    ones = Buffer.from(ones.map((b, at) => b | (bytes[at] ?? 0)))
    zeros = Buffer.from(zeros.map((b, at) => b | (~(bytes[at] ?? 0) & 0xff)))
  }
  const both = ones.map((b, at) => b & (zeros[at] ?? 0))
  assert.equal(both[8], 0x3f)
  assert.deepEqual([...both.subarray(9)], Array<number>(7).fill(0xff))
})

test('random bytes are memory of their own', () => {
  assert.equal(randomBytes(32).length, 32)
  const bytes = randomBytes(16)
  assert.equal(bytes.buffer.byteLength, 16)
})

test('base62 has the width of its byte count', () => {
  assert.deepEqual([1, 5, 16, 32].map((n) => makeBase62(n).length), [2, 7, 22, 43])
})

test('an integer is within its bounds, and all of them occur', () => {
  const seen = new Set(Array.from({ length: 1_000 }, () => randomInt(3, 7)))
  assert.deepEqual([...seen].sort(), [3, 4, 5, 6])
})

test('jitter stays within its fraction and goes both ways', () => {
  const values = Array.from({ length: 1_000 }, () => jitter(1_000, 0.2))
  assert.ok(values.every((value) => value >= 800 && value <= 1_200))
  assert.ok(values.some((value) => value < 900) && values.some((value) => value > 1_100))
  assert.equal(jitter(0), 0)
  assert.equal(jitter(50, 0), 50)
})

test('version 4 UUIDs have their version and variant and do not repeat', () => {
  const made = Array.from({ length: 1000 }, () => makeUuidV4())
  for (const uuid of made) assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(new Set(made).size, 1000)
})
