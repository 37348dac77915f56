import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { openBytes, sealBytes } from './aead.ts'
import { importAesKey, importHmacKey, KEY_BYTES, makeKeyBytes } from './keys.ts'
import { hmacSha256 } from './mac.ts'

test('fresh keys have 32 bytes and differ', () => {
  const [a, b] = [makeKeyBytes(), makeKeyBytes()]
  assert.equal(KEY_BYTES, 32)
  assert.equal(a.length, 32)
  assert.notDeepEqual(a, b)
})

test('importing wipes the raw bytes and the key still works', () => {
  for (const importKey of [importAesKey, importHmacKey]) {
    const raw = Buffer.alloc(32, 7)
    const key = importKey(raw)
    assert.deepEqual(raw, Buffer.alloc(32))
    assert.deepEqual(key.export(), Buffer.alloc(32, 7))
  }
})

test('two imports of the same bytes are the same key', () => {
  const blob = sealBytes(importAesKey(Buffer.alloc(32, 1)), Buffer.from('x'), Buffer.of())
  assert.equal(openBytes(importAesKey(Buffer.alloc(32, 1)), blob, Buffer.of()).toString(), 'x')
  const macs = [3, 3, 4].map((fill) => hmacSha256(importHmacKey(Buffer.alloc(32, fill)), 'x').toString('hex'))
  assert.equal(macs[0], macs[1])
  assert.notEqual(macs[0], macs[2])
})

test('other lengths are refused, and wiped all the same', () => {
  for (const length of [0, 16, 24, 31, 33, 64]) {
    const raw = Buffer.alloc(length, 7)
    assert.throws(() => importAesKey(raw), RangeError)
    assert.deepEqual(raw, Buffer.alloc(length))
    assert.throws(() => importHmacKey(Buffer.alloc(length, 7)), RangeError)
  }
})

test('a key does not print its bytes', () => {
  const key = importAesKey(Buffer.from('0123456789abcdefghijklmnopqrstuv'))
  assert.doesNotMatch(inspect(key, { showHidden: true, depth: 5 }) + JSON.stringify(key) + String(key), /0123456|30 31 32|303132/)
})
