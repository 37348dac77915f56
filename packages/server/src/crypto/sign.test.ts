import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import {
  exportSigningSeed, exportVerifyKey, importSigningKey, importVerifyKey, makeSigningKey, sign, verify, verifyKeyOf,
} from './sign.ts'
import vectors from './vectors/ed25519.json' with { type: 'json' }

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

test('Ed25519 gives the published public keys and signatures', () => {
  for (const v of vectors) {
    const key = importSigningKey(hex(v.seed))
    assert.equal(exportVerifyKey(verifyKeyOf(key)).toString('hex'), v.publicKey, v.source)
    assert.equal(sign(key, hex(v.message)).toString('hex'), v.signature, v.source)
    assert.ok(verify(importVerifyKey(hex(v.publicKey)), hex(v.message), hex(v.signature)), v.source)
  }
})

test('a key survives export and import, and the seed is wiped on the way in', () => {
  const key = makeSigningKey()
  const seed = exportSigningSeed(key)
  assert.equal(seed.length, 32)
  const again = importSigningKey(seed)
  assert.deepEqual(seed, Buffer.alloc(32))
  assert.deepEqual(exportVerifyKey(verifyKeyOf(again)), exportVerifyKey(verifyKeyOf(key)))
  assert.deepEqual(sign(again, Buffer.from('m')), sign(key, Buffer.from('m')))
})

test('a signature holds for its message and key only', () => {
  const [key, other] = [makeSigningKey(), makeSigningKey()]
  const [publicKey, otherPublic] = [verifyKeyOf(key), verifyKeyOf(other)]
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 }), (message, another) => {
    const signature = sign(key, message)
    assert.ok(verify(publicKey, message, signature))
    assert.equal(verify(publicKey, another, signature), Buffer.compare(message, another) === 0)
    assert.equal(verify(otherPublic, message, signature), false)
  }), { numRuns: 40 })
})

test('every single bit of a signature matters', () => {
  const key = makeSigningKey()
  const publicKey = verifyKeyOf(key)
  const message = Buffer.from('checkpoint')
  const signature = sign(key, message)
  for (let bit = 0; bit < 512; bit++) {
    const bad = Buffer.from(signature)
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(verify(publicKey, message, bad), false, `bit ${bit}`)
  }
})

test('a malleated signature is refused: S plus the group order (RFC 8032, 5.1.7)', () => {
  const v = vectors[0]
  assert.ok(v)
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const signature = hex(v.signature)
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
  const malleated = Buffer.concat([signature.subarray(0, 32), hex(s.toString(16).padStart(64, '0')).reverse()])
  assert.equal(verify(importVerifyKey(hex(v.publicKey)), hex(v.message), malleated), false)
})

test('signatures, seeds and public keys of other lengths are refused', () => {
  const key = makeSigningKey()
  const signature = sign(key, Buffer.of())
  for (const bad of [Buffer.of(), signature.subarray(0, 63), Buffer.concat([signature, Buffer.of(0)])]) {
    assert.equal(verify(verifyKeyOf(key), Buffer.of(), bad), false)
  }
  const long = Buffer.alloc(33, 1)
  assert.throws(() => importSigningKey(long), RangeError)
  assert.deepEqual(long, Buffer.alloc(33))
  assert.throws(() => importVerifyKey(Buffer.alloc(31)), RangeError)
})

test('a signing key does not print its seed', () => {
  const v = vectors[0]
  assert.ok(v)
  const key = importSigningKey(hex(v.seed))
  assert.doesNotMatch(inspect(key, { showHidden: true, depth: 5 }) + JSON.stringify(key), /9d61b19d|9d 61 b1/)
})
