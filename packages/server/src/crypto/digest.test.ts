import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256, sha256Hex } from './digest.ts'

/** FIPS 180-4 examples (NIST CSRC, "Examples with intermediate values"). */
const EXAMPLES: readonly (readonly [string, string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
]

test('SHA-256 gives the published digests, of text and of bytes', () => {
  for (const [text, digest] of EXAMPLES) {
    assert.equal(sha256Hex(text), digest)
    assert.equal(sha256(Buffer.from(text)).toString('hex'), digest)
  }
})

test('text is hashed as UTF-8', () => {
  assert.equal(sha256Hex('é'), sha256Hex(Buffer.from('c3a9', 'hex')))
})
