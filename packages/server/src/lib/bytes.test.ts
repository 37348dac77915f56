import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, decodeUtf8Strict, lengthPrefixed, NotUtf8, u64be, utf8, wipe } from './bytes.ts'

const fields = fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 5 })

test('fields are each preceded by their length', () => {
  assert.equal(lengthPrefixed(utf8('ab'), Buffer.alloc(0), utf8('c')).toString('hex'), '000000026162' + '00000000' + '0000000163')
  assert.equal(lengthPrefixed().length, 0)
})

test('two different lists of fields never encode alike', () => {
  fc.assert(fc.property(fields, fields, (a, b) => {
    const same = a.length === b.length && a.every((field, i) => Buffer.from(field).equals(b[i] ?? Buffer.of()))
    assert.equal(lengthPrefixed(...a).equals(lengthPrefixed(...b)), same)
  }))
})

test('a u64 is big-endian, from a number or a bigint', () => {
  assert.equal(u64be(1).toString('hex'), '0000000000000001')
  assert.equal(u64be(Number.MAX_SAFE_INTEGER).toString('hex'), '001fffffffffffff')
  assert.equal(u64be(2n ** 64n - 1n).toString('hex'), 'ffffffffffffffff')
  fc.assert(fc.property(fc.maxSafeNat(), (n) => {
    assert.deepEqual(u64be(n), u64be(BigInt(n)))
    assert.equal(u64be(n).readBigUInt64BE(), BigInt(n))
  }))
})

test('a u64 refuses what it cannot hold exactly', () => {
  for (const n of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -1n, 2n ** 64n]) {
    assert.throws(() => u64be(n), RangeError, String(n))
  }
})

test('wiping leaves zeros in the same memory', () => {
  const whole = Buffer.from('before secret after')
  wipe(whole.subarray(7, 13))
  assert.equal(whole.toString(), 'before \0\0\0\0\0\0 after')
})

test('concatenation copies', () => {
  const part = Buffer.from('a')
  const joined = concat(part, utf8('b'))
  wipe(part)
  assert.equal(joined.toString(), 'ab')
})

test('text survives UTF-8 and back, a byte order mark included', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed()), (text) => {
    assert.equal(decodeUtf8Strict(utf8(text)), text)
  }))
  assert.equal(decodeUtf8Strict(Buffer.from('efbbbf41', 'hex')), '\ufeffA')
})

test('invalid UTF-8 is refused and not repeated in the error', () => {
  // Bare continuation, overlong slash, surrogate, beyond U+10FFFF, cut short.
  for (const hex of ['80', 'c0af', 'e080af', 'eda080', 'f4908080', '41e282']) {
    assert.throws(() => decodeUtf8Strict(Buffer.from(hex, 'hex')), (error: unknown) => {
      assert.ok(error instanceof NotUtf8)
      assert.equal(error.code, 'not_utf8')
      return true
    }, hex)
  }
})
