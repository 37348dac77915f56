import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importSigningKey, makeSigningKey, verifyKeyOf } from '../../crypto/sign.ts'
import { systemClock } from '../../lib/clock.ts'
import { Checkpointer, decodeCheckpoint, encodeCheckpoint, isSignedBy, signCheckpoint } from './checkpoint.ts'
import { itemKind } from './spool/frame.ts'
import { appended, framesOf, openSpool, removeDirectory, scratchDirectory } from './spool/testing/scratch.ts'

const facts = { stream: '0198c5d2-7a00-7abc-9def-000000000001', seq: 258, hash: Buffer.alloc(32, 9), at: 1_700_000_000_000 }

test('a checkpoint survives its encoding, and any flipped bit is found', () => {
  const key = makeSigningKey()
  const bytes = encodeCheckpoint(signCheckpoint(facts, { keyId: 'c1', key }))
  const decoded = decodeCheckpoint(bytes)
  assert.ok(decoded !== undefined && isSignedBy(decoded, verifyKeyOf(key)))
  assert.deepEqual({ stream: decoded.stream, seq: decoded.seq, hash: decoded.hash, at: decoded.at }, facts)
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const result = decodeCheckpoint(changed)
    assert.ok(result === undefined || !isSignedBy(result, verifyKeyOf(key)), `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length += 1) assert.equal(decodeCheckpoint(bytes.subarray(0, length)), undefined)
})

test('the layout is frozen', () => {
  const signer = { keyId: 'c1', key: importSigningKey(Buffer.alloc(32, 5)) }
  const bytes = encodeCheckpoint(signCheckpoint(facts, signer))
  assert.equal(bytes.subarray(0, 68).toString('hex'), `010198c5d27a007abc9def0000000000010000000000000102${'09'.repeat(32)}0000018bcfe56800026331`)
  assert.equal(bytes.subarray(68).toString('hex'), '77877f371ecebeeebeada4b7b8bdffdf7da45b193783015b49adfa911ee631f3d6ad1022677b9b65318e72614cb00a0751a3ac411109edb10307a6707d2e240d')
})

test('a stream is signed while it grows, and not when only its last checkpoint was added', async (t) => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const spool = await openSpool(root)
  const key = makeSigningKey()
  const checkpointer = new Checkpointer(spool, { keyId: 'c1', key }, systemClock)
  const checkpoint = (): Promise<boolean> => new Promise((resolve, reject) => {
    if (!checkpointer.checkpoint((error) => (error === undefined ? resolve(true) : reject(error)))) resolve(false)
  })
  await appended(spool, '{}')
  assert.equal(await checkpoint(), true)
  assert.equal(await checkpoint(), false)
  await appended(spool, '{}')
  assert.equal(await checkpoint(), true)
  await checkpointer.close()
  const frames = (await framesOf(spool.directory)).map(({ frame }) => frame)
  const signed = frames.flatMap((frame) => frame.items.filter(({ kind }) => kind === itemKind.checkpoint)).map(({ bytes }) => decodeCheckpoint(bytes))
  assert.equal(signed.length, 3)
  for (const one of signed) {
    assert.ok(one !== undefined && isSignedBy(one, verifyKeyOf(key)))
    assert.deepEqual(one.hash, frames[one.seq]?.tag)
  }
  assert.equal(signed.at(-1)?.seq, frames.length - 2)
})
