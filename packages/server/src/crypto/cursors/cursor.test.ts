import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OpenFailed } from '../aead.ts'
import { importHmacKey } from '../keys.ts'
import { openCursor, sealCursor } from './cursor.ts'

const keyOf = (hex: string) => importHmacKey(Buffer.from(hex.repeat(32), 'hex'))
const key = keyOf('11')
const list = ['an organization', 'secrets', 'app/']

test('every place comes back, for its own list and under its key alone, and none is longer than another', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (at) => {
    const blob = sealCursor(key, list, at)
    assert.equal(openCursor(key, list, blob), at)
    assert.equal(blob.length, sealCursor(key, list, '').length)
    for (const other of [['another', 'secrets', 'app/'], ['an organization', 'history', 'app/'], ['an organization', 'secrets', ''], ['an organization', 'secretsapp/'], []]) assert.throws(() => openCursor(key, other, blob), OpenFailed)
    assert.throws(() => openCursor(keyOf('22'), list, blob), OpenFailed)
  }), { numRuns: 50 })
})

test('the longest path fits, into what a contract takes as a cursor', () => {
  const longest = 'ä'.repeat(512)
  const blob = sealCursor(key, list, longest)
  assert.equal(openCursor(key, list, blob), longest)
  assert.ok(blob.toString('base64url').length <= 2048)
  assert.throws(() => sealCursor(key, list, `${longest}a`), RangeError)
})

test('no byte of it can be changed, and none be missing', () => {
  const blob = sealCursor(key, list, 'app/token')
  for (let at = 0; at < blob.length; at += 1) {
    const altered = Buffer.from(blob)
    altered.writeUInt8(blob.readUInt8(at) ^ 1, at)
    assert.throws(() => openCursor(key, list, altered), OpenFailed, `byte ${at}`)
    assert.throws(() => openCursor(key, list, blob.subarray(0, at)), OpenFailed)
  }
})

test('the same place is never sealed alike', () => assert.notDeepEqual(sealCursor(key, list, 'a'), sealCursor(key, list, 'a')))
