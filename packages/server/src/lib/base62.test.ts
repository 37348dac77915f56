import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { base62Length, crc32, decodeBase62, encodeBase62 } from './base62.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The definition, in arbitrary precision. */
function reference(bytes: Uint8Array): string {
  let n = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
  let text = ''
  while (n > 0n) {
    text = ALPHABET.charAt(Number(n % 62n)) + text
    n /= 62n
  }
  return text.padStart(base62Length(bytes.length), '0')
}

test('known encodings', () => {
  assert.equal(encodeBase62(Buffer.of()), '')
  assert.equal(encodeBase62(Buffer.of(0)), '00')
  assert.equal(encodeBase62(Buffer.of(61)), '0z')
  assert.equal(encodeBase62(Buffer.of(62)), '10')
  assert.equal(encodeBase62(Buffer.of(255)), '47')
  assert.equal(encodeBase62(Buffer.from('ffffffff', 'hex')), '4gfFC3')
  assert.deepEqual([4, 16, 32].map(base62Length), [6, 22, 43])
})

test('the encoding is the number in base 62 at a fixed width', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    assert.equal(encodeBase62(bytes), reference(bytes))
  }))
})

test('bytes survive encoding and decoding, leading zeros included', () => {
  fc.assert(fc.property(fc.nat({ max: 5 }), fc.uint8Array({ maxLength: 64 }), (zeros, tail) => {
    const bytes = Buffer.concat([Buffer.alloc(zeros), tail])
    assert.deepEqual(decodeBase62(encodeBase62(bytes)), bytes)
  }))
})

test('equal lengths sort as their bytes do', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 16, maxLength: 16 }), (a, b) => {
    const texts = Math.sign(encodeBase62(a) < encodeBase62(b) ? -1 : encodeBase62(a) > encodeBase62(b) ? 1 : 0)
    assert.equal(texts, Buffer.compare(a, b))
  }))
})

test('text that no bytes encode to is refused', () => {
  // Wrong width, wrong alphabet, one more than the largest byte.
  for (const text of ['0', '0000', '0-', '0_', ' 0', '48', 'zz', '4gfFC4', 'é0', '\u{1d7d8}']) {
    assert.equal(decodeBase62(text), undefined, text)
  }
})

test('whatever decodes, encodes back to the same text', () => {
  const digits = fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 50 })
  fc.assert(fc.property(fc.oneof(digits, fc.string()), (text) => {
    const bytes = decodeBase62(text)
    if (bytes !== undefined) assert.equal(encodeBase62(bytes), text)
  }), { numRuns: 1000 })
})

test('the CRC is the one of ISO 3309 (its check value)', () => {
  assert.equal(crc32('123456789'), 0xcbf43926)
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
  assert.equal(crc32(''), 0)
})
