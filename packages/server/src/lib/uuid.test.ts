import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatUuid, parseUuid } from './uuid.ts'

const TEXT = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f' // the version 7 example of RFC 9562, A.6

test('the example of RFC 9562 is read and written', () => {
  const bytes = Buffer.from('017f22e279b07cc398c4dc0c0c07398f', 'hex')
  assert.deepEqual(parseUuid(TEXT), bytes)
  assert.equal(formatUuid(bytes), TEXT)
})

test('upper case is read and lower case written', () => {
  const bytes = parseUuid(TEXT.toUpperCase())
  assert.ok(bytes)
  assert.equal(formatUuid(bytes), TEXT)
})

test('any 16 bytes survive', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    assert.deepEqual(parseUuid(formatUuid(bytes)), Buffer.from(bytes))
  }))
})

test('a view into a larger buffer is formatted by itself', () => {
  const whole = Buffer.concat([Buffer.alloc(3, 0xff), Buffer.alloc(16, 0x11), Buffer.alloc(3, 0xff)])
  assert.equal(formatUuid(whole.subarray(3, 19)), '11111111-1111-1111-1111-111111111111')
})

test('other shapes are refused', () => {
  for (const text of ['', TEXT.replaceAll('-', ''), `{${TEXT}}`, `${TEXT} `, TEXT.slice(1), `urn:uuid:${TEXT}`, TEXT.replace('0', 'g'), `${TEXT.slice(0, 8)}_${TEXT.slice(9)}`, `${TEXT.slice(0, 35)}\n`]) {
    assert.equal(parseUuid(text), undefined, text)
  }
  assert.throws(() => formatUuid(Buffer.alloc(15)), RangeError)
})
