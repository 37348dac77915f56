import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_SEALS_PER_KEY, openBytes, OpenFailed, SEAL_OVERHEAD, sealBytes } from './aead.ts'
import { gcmOpen, gcmSeal } from './hazmat/aes-gcm.ts'
import { importAesKey, makeKeyBytes } from './keys.ts'
import type { AesKey } from './keys.ts'
import nist from './vectors/aes-gcm.json' with { type: 'json' }

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 })

function refused(key: AesKey, blob: Buffer, aad: Buffer, why: string): void {
  assert.throws(() => openBytes(key, blob, aad), (error: unknown) => {
    assert.ok(error instanceof OpenFailed, why)
    assert.equal(error.code, 'open_failed')
    assert.equal(error.message, 'The sealed bytes could not be opened')
    assert.equal(error.cause, undefined)
    return true
  }, why)
}

test('AES-256-GCM gives the published ciphertexts and tags', () => {
  for (const v of nist) {
    const sealed = gcmSeal(importAesKey(hex(v.key)), hex(v.iv), hex(v.plaintext), hex(v.aad))
    assert.equal(sealed.ciphertext.toString('hex'), v.ciphertext, v.source)
    assert.equal(sealed.tag.toString('hex'), v.tag, v.source)
  }
})

test('the published ciphertexts open, in our layout too', () => {
  for (const v of nist) {
    const sealed = { ciphertext: hex(v.ciphertext), tag: hex(v.tag) }
    assert.equal(gcmOpen(importAesKey(hex(v.key)), hex(v.iv), sealed, hex(v.aad)).toString('hex'), v.plaintext, v.source)
    const blob = hex(`01${v.iv}${v.tag}${v.ciphertext}`)
    assert.equal(openBytes(importAesKey(hex(v.key)), blob, hex(v.aad)).toString('hex'), v.plaintext, v.source)
  }
})

test('what is sealed opens with the same key and data', () => {
  fc.assert(fc.property(keyBytes, bytes, bytes, (raw, plaintext, aad) => {
    const key = importAesKey(Buffer.from(raw))
    const blob = sealBytes(key, plaintext, aad)
    assert.equal(blob.length, plaintext.length + SEAL_OVERHEAD)
    assert.deepEqual(openBytes(key, blob, aad), plaintext)
  }))
})

test('the layout is format byte, iv, tag, ciphertext', () => {
  const key = importAesKey(makeKeyBytes())
  const blob = sealBytes(key, Buffer.from('text'), Buffer.from('aad'))
  assert.equal(blob[0], 0x01)
  const opened = gcmOpen(key, blob.subarray(1, 13), { tag: blob.subarray(13, 29), ciphertext: blob.subarray(29) }, Buffer.from('aad'))
  assert.equal(opened.toString(), 'text')
})

test('every single bit of a blob matters', () => {
  const key = importAesKey(makeKeyBytes())
  const aad = Buffer.from('aad')
  for (const length of [0, 1, 16, 33]) {
    const blob = sealBytes(key, Buffer.alloc(length, 0x5a), aad)
    for (let bit = 0; bit < blob.length * 8; bit++) refused(key, flip(blob, bit), aad, `bit ${bit} of ${length}`)
    assert.equal(openBytes(key, blob, aad).length, length)
  }
})

test('every single bit of the associated data and of the key matters', () => {
  const raw = makeKeyBytes()
  const aad = Buffer.from('coffer')
  const blob = sealBytes(importAesKey(Buffer.from(raw)), Buffer.from('text'), aad)
  for (let bit = 0; bit < aad.length * 8; bit++) refused(importAesKey(Buffer.from(raw)), blob, flip(aad, bit), `aad bit ${bit}`)
  for (let bit = 0; bit < 256; bit++) refused(importAesKey(flip(raw, bit)), blob, aad, `key bit ${bit}`)
})

test('a shorter, longer, moved or concatenated blob is refused', () => {
  const key = importAesKey(makeKeyBytes())
  const aad = Buffer.of()
  const blob = sealBytes(key, Buffer.from('some text'), aad)
  for (let length = 0; length < blob.length; length++) refused(key, blob.subarray(0, length), aad, `cut to ${length}`)
  refused(key, Buffer.concat([blob, Buffer.of(0)]), aad, 'one byte more')
  refused(key, Buffer.concat([blob, blob]), aad, 'twice')
  refused(key, blob.subarray(1), aad, 'without its format byte')
})

test('every other format byte is refused like any other failure', () => {
  const key = importAesKey(makeKeyBytes())
  const blob = sealBytes(key, Buffer.from('x'), Buffer.of())
  for (let format = 0; format < 256; format++) {
    if (format === 1) continue
    refused(key, Buffer.concat([Buffer.of(format), blob.subarray(1)]), Buffer.of(), `format ${format}`)
  }
})

test('arbitrary bytes are refused and never crash', () => {
  const key = importAesKey(makeKeyBytes())
  fc.assert(fc.property(bytes, bytes, (blob, aad) => {
    refused(key, blob, aad, 'arbitrary')
    refused(key, Buffer.concat([Buffer.of(1), blob]), aad, 'arbitrary after a right format byte')
  }))
})

test('sealing twice gives different IVs and different ciphertexts', () => {
  const key = importAesKey(makeKeyBytes())
  const blobs = Array.from({ length: 1_000 }, () => sealBytes(key, Buffer.alloc(16), Buffer.of()))
  assert.equal(new Set(blobs.map((blob) => blob.toString('hex', 1, 13))).size, 1_000)
  assert.equal(new Set(blobs.map((blob) => blob.toString('hex', 29))).size, 1_000)
})

test('sealing leaves its input alone, and plaintext is memory that can be wiped', () => {
  const key = importAesKey(makeKeyBytes())
  const [plaintext, aad] = [Buffer.from('text'), Buffer.from('aad')]
  const blob = sealBytes(key, plaintext, aad)
  assert.deepEqual([plaintext.toString(), aad.toString()], ['text', 'aad'])
  const opened = openBytes(key, blob, aad)
  opened.fill(0)
  assert.equal(openBytes(key, blob, aad).toString(), 'text')
})

test('a tag of another length is refused by the primitive itself', () => {
  const key = importAesKey(makeKeyBytes())
  const iv = Buffer.alloc(12)
  const { ciphertext, tag } = gcmSeal(key, iv, Buffer.from('text'), Buffer.of())
  for (const length of [0, 4, 8, 12, 15]) {
    assert.throws(() => gcmOpen(key, iv, { ciphertext, tag: tag.subarray(0, length) }, Buffer.of()), String(length))
  }
})

test('the limit of seals for a key is half of what the standard allows', () => {
  assert.equal(MAX_SEALS_PER_KEY * 2, 2 ** 32)
})

function flip(buffer: Buffer, bit: number): Buffer {
  const copy = Buffer.from(buffer)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}
