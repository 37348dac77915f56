import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { hkdfSha256 } from './hazmat/hkdf.ts'
import { deriveKey } from './hkdf.ts'
import { importHmacKey } from './keys.ts'
import vectors from './vectors/hkdf-sha256.json' with { type: 'json' }

const key = importHmacKey(Buffer.alloc(32, 1))

test('HKDF-SHA-256 gives the published output', () => {
  for (const v of vectors) {
    const [inputKey, salt, info] = [v.inputKey, v.salt, v.info].map((hex) => Buffer.from(hex, 'hex'))
    assert.ok(inputKey && salt && info)
    assert.equal(hkdfSha256(createSecretKey(inputKey), salt, info, v.output.length / 2).toString('hex'), v.output, v.source)
  }
})

test('a derived key is HKDF with an empty salt and the label', () => {
  const expected = hkdfSha256(key, Buffer.alloc(0), Buffer.from('coffer/cache/1'), 32)
  assert.deepEqual(deriveKey(key, 'coffer/cache/1', 32), expected)
  assert.deepEqual(deriveKey(key, Buffer.from('coffer/cache/1'), 32), expected)
})

test('label, key and nothing else decide, and a longer output begins with the shorter', () => {
  const base = deriveKey(key, 'a', 32)
  assert.deepEqual(deriveKey(key, 'a', 32), base)
  assert.notDeepEqual(deriveKey(key, 'b', 32), base)
  assert.notDeepEqual(deriveKey(importHmacKey(Buffer.alloc(32, 2)), 'a', 32), base)
  assert.deepEqual(deriveKey(key, 'a', 64).subarray(0, 32), base)
})

test('a label is needed, and no more comes out than HKDF can give', () => {
  assert.throws(() => deriveKey(key, '', 32), TypeError)
  assert.throws(() => deriveKey(key, 'a', 255 * 32 + 1))
})

test('what is derived can be wiped without touching the source', () => {
  const first = deriveKey(key, 'a', 32)
  const copy = Buffer.from(first)
  first.fill(0)
  assert.deepEqual(deriveKey(key, 'a', 32), copy)
})
