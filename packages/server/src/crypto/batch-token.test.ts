import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import vectors from './vectors/batch-token.json' with { type: 'json' }
import { OpenFailed } from './aead.ts'
import { openBatchToken, sealBatchToken, type BatchFormat } from './batch-token.ts'
import { importHmacKey } from './keys.ts'

const keyOf = (hex: string) => importHmacKey(Buffer.from(hex, 'hex'))
const key = keyOf('11'.repeat(32))
const formats: readonly BatchFormat[] = [1, 2]
const org = '01890a5d-ac96-774b-bcce-b302099a8057'
const other = '01890a5d-ac96-774b-bcce-b302099a8058'

test('what was sealed opens, for its organization and under its key alone', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (plaintext) => {
    for (const format of formats) {
      const blob = sealBatchToken(key, org, plaintext, format)
      assert.equal(blob[0], format)
      assert.deepEqual(new Uint8Array(openBatchToken(key, org, blob)), plaintext)
      assert.throws(() => openBatchToken(key, other, blob), OpenFailed)
      assert.throws(() => openBatchToken(keyOf('22'.repeat(32)), org, blob), OpenFailed)
    }
  }), { numRuns: 50 })
})

test('what was sealed in one format is not of another, nor of one that nobody knows', () => {
  for (const format of formats) {
    const blob = sealBatchToken(key, org, Buffer.from('a'), format)
    for (const named of [0, 1, 2, 3, 255].filter((each) => each !== format)) assert.throws(() => openBatchToken(key, org, Buffer.concat([Buffer.of(named), blob.subarray(1)])), OpenFailed, `${format} as ${named}`)
  }
})

test('no byte of it can be changed, and none be missing', () => {
  for (const format of formats) requireWhole(sealBatchToken(key, org, Buffer.from('{"a":1}'), format))
})

const requireWhole = (blob: Buffer): void => {
  for (let at = 0; at < blob.length; at += 1) {
    const altered = Buffer.from(blob)
    altered.writeUInt8(blob.readUInt8(at) ^ 1, at)
    assert.throws(() => openBatchToken(key, org, altered), OpenFailed, `byte ${at}`)
    assert.throws(() => openBatchToken(key, org, blob.subarray(0, at)), OpenFailed)
  }
}

test('the same content is never sealed alike', () => {
  for (const format of formats) assert.notDeepEqual(sealBatchToken(key, org, Buffer.from('a'), format), sealBatchToken(key, org, Buffer.from('a'), format))
})

test('the frozen vectors open', () => {
  for (const vector of vectors) assert.equal(openBatchToken(keyOf(vector.key), vector.orgId, Buffer.from(vector.blob, 'hex')).toString('utf8'), vector.plaintext)
})
