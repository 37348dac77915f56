import assert from 'node:assert/strict'
import { cp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '../../../crypto/digest.ts'
import { makeSigningKey, verifyKeyOf } from '../../../crypto/sign.ts'
import { systemClock } from '../../../lib/clock.ts'
import { Checkpointer, decodeCheckpoint, signCheckpoint } from '../checkpoint.ts'
import { itemKind } from '../spool/frame.ts'
import { listSegments, segmentHeadBytes, segmentPath } from '../spool/stream.ts'
import { appended, chainKeys, diskError, faultyFiles, framesOf, openSpool, removeDirectory, scratchDirectory } from '../spool/testing/scratch.ts'
import { orgA } from '../testing/events.ts'
import { verifyFiles } from './files.ts'
import type { VerifyReport } from './report.ts'
import type { VerifyKeys } from './walker.ts'

const signer = { keyId: 'c1', key: makeSigningKey() }
const keys: VerifyKeys = { chain: chainKeys(), checkpoint: (id) => (id === 'c1' ? verifyKeyOf(signer.key) : undefined) }
const base = await scratchDirectory()
after(() => removeDirectory(base))
const small = { segmentBytes: 32 * 1024, maxWaitingBytes: 8 * 1024 }

/** Two streams of one slot: the first in three segments and closed in order, the second left open as a crash leaves it. */
const original = join(base, 'original')
const first = await openSpool(original, small)
const record = JSON.stringify({ id: 'link' })
for (let n = 0; n < 30; n += 1) {
  await appended(first, JSON.stringify({ n, padding: 'x'.repeat(2000) }))
  await new Promise<void>((resolve) => first.appendDigest({ orgId: orgA, at: n, id: orgA, digest: sha256(record), record }, () => resolve()))
}
await new Checkpointer(first, signer, systemClock).close()
const second = await openSpool(original, small)
for (let n = 0; n < 5; n += 1) await appended(second, JSON.stringify({ n }))
const firstFrames = await framesOf(first.directory)
const secondFrames = await framesOf(second.directory)
after(() => second.close())

let copies = 0
const copy = async (): Promise<string> => {
  copies += 1
  const root = join(base, `copy-${copies}`)
  await cp(original, root, { recursive: true })
  return root
}
const verified = async (root: string, over: Partial<Parameters<typeof verifyFiles>[0]> = {}): Promise<VerifyReport> => await verifyFiles({ root, keys, ...over })
const within = (root: string, directory: string): string => join(root, directory.slice(original.length))
const kinds = (report: VerifyReport): readonly string[] => [...new Set(report.findings.map(({ kind }) => kind))]

test('what nobody touched has no findings, and what could not be seen is said', async () => {
  const report = await verified(original)
  assert.deepEqual(report.findings, [])
  assert.equal(report.ok, true)
  assert.equal(report.streams[0]?.closed, true)
  assert.equal(report.streams[0]?.checkpoints, 1)
  assert.equal(report.streams[1]?.closed, false)
  assert.equal(report.streams[0]?.frames, firstFrames.length)
  assert.ok(report.unseen.some((text) => text.includes(second.identity.stream)))
})

test('any flipped byte of any durable frame, head or unused space is found', async () => {
  const root = await copy()
  const targets = [...(await listSegments(first.directory)).map((segment) => segmentPath(first.directory, segment)), segmentPath(second.directory, 0)]
  await fc.assert(fc.asyncProperty(fc.nat(targets.length - 1), fc.nat(small.segmentBytes - 1), fc.boolean(), fc.integer({ min: 1, max: 255 }), async (which, offset, low, mask) => {
    const path = within(root, targets[which] ?? '')
    // The second stream is short: aim at its frames as often as at the space behind them.
    const at = low ? offset % (segmentHeadBytes + 1500) : offset
    const file = await open(path, 'r+')
    try {
      const byte = Buffer.alloc(1)
      await file.read(byte, 0, 1, at)
      const changed = Buffer.of(byte.readUInt8(0) ^ mask)
      await file.write(changed, 0, 1, at)
      const report = await verified(root)
      await file.write(byte, 0, 1, at)
      assert.notDeepEqual(report.findings, [])
      // Only the end of a stream that nobody vouches for may look like a crash.
      if (which < targets.length - 1) assert.equal(report.ok, false)
    } finally {
      await file.close()
    }
  }), { numRuns: 300 })
  assert.deepEqual((await verified(root)).findings, [])
})

test('a flip in the last frame of a live stream is an error when its worker says how far it wrote', async () => {
  const root = await copy()
  const last = secondFrames.at(-1)
  assert.ok(last !== undefined)
  const path = within(root, segmentPath(second.directory, 0))
  const bytes = await readFile(path)
  bytes.writeUInt8(bytes.readUInt8(last.offset + 70) ^ 1, last.offset + 70)
  await writeFile(path, bytes)
  assert.deepEqual(kinds(await verified(root)), ['torn_tail'])
  const report = await verified(root, { live: new Map([[second.identity.stream, second.head]]) })
  assert.equal(report.ok, false)
  assert.ok(kinds(report).includes('truncated'))
})

const frameAt = (seq: number): { readonly path: string; readonly from: number; readonly to: number } => {
  const read = firstFrames[seq]
  assert.ok(read !== undefined)
  return { path: segmentPath(first.directory, read.segment), from: read.offset, to: read.offset + read.frame.bytes }
}

/** The content without the frame, closed up so that no hole shows. */
const without = (bytes: Buffer, { from, to }: { readonly from: number; readonly to: number }): Buffer =>
  Buffer.concat([bytes.subarray(0, from), bytes.subarray(to), Buffer.alloc(to - from)])

test('a removed frame is found even when the hole is closed', async () => {
  const root = await copy()
  const target = frameAt(4)
  const path = within(root, target.path)
  await writeFile(path, without(await readFile(path), target))
  assert.deepEqual(kinds(await verified(root)), ['gap'])
})

test('two frames that changed places are found', async () => {
  const root = await copy()
  const [left, right] = [frameAt(3), frameAt(4)]
  const path = within(root, left.path)
  const bytes = await readFile(path)
  await writeFile(path, Buffer.concat([bytes.subarray(0, left.from), bytes.subarray(right.from, right.to), bytes.subarray(left.from, left.to), bytes.subarray(right.to)]))
  const report = await verified(root)
  assert.ok(kinds(report).includes('gap') && kinds(report).includes('reordered'))
})

test('a removed segment is found', async () => {
  const root = await copy()
  await rm(within(root, segmentPath(first.directory, 1)))
  assert.ok(kinds(await verified(root)).includes('gap'))
})

test('a stream that was cut before what its successor names is found', async () => {
  const root = await copy()
  const target = frameAt(firstFrames.length - 2)
  const path = within(root, target.path)
  const bytes = await readFile(path)
  bytes.fill(0, target.from)
  await writeFile(path, bytes)
  assert.deepEqual(kinds(await verified(root)), ['truncated'])
})

test('a stream that was cut before an exported checkpoint is found, and one after it is not', async () => {
  const root = await copy()
  const [cut, named] = [3, 4].map((seq) => secondFrames[seq])
  assert.ok(cut !== undefined && named !== undefined)
  const path = within(root, segmentPath(second.directory, 0))
  const bytes = await readFile(path)
  bytes.fill(0, named.offset)
  await writeFile(path, bytes)
  const over = signCheckpoint({ stream: second.identity.stream, seq: 4, hash: named.frame.tag, at: 1 }, signer)
  const before = signCheckpoint({ stream: second.identity.stream, seq: 3, hash: cut.frame.tag, at: 1 }, signer)
  assert.deepEqual(kinds(await verified(root, { checkpoints: [over] })), ['truncated'])
  const blind = await verified(root, { checkpoints: [before] })
  assert.deepEqual(blind.findings, [])
  assert.ok(blind.unseen.some((text) => text.includes(second.identity.stream) && text.includes('after 3')))
})

test('a history rewritten with another key, or under a checkpoint that says otherwise, is found', async () => {
  const foreign: VerifyKeys = { ...keys, chain: { ...chainKeys(9), find: () => chainKeys(9).current.key } }
  assert.equal((await verifyFiles({ root: original, keys: foreign })).ok, false)
  const lie = signCheckpoint({ stream: first.identity.stream, seq: 3, hash: Buffer.alloc(32, 1), at: 1 }, signer)
  assert.deepEqual(kinds(await verified(original, { checkpoints: [lie] })), ['edited'])
  const forged = { ...signCheckpoint({ stream: first.identity.stream, seq: 3, hash: Buffer.alloc(32, 1), at: 1 }, { keyId: 'c1', key: makeSigningKey() }) }
  assert.deepEqual(kinds(await verified(original, { checkpoints: [forged] })), ['forged'])
})

test('without the chain key the links are still followed, and the limit is said', async () => {
  const keyless: VerifyKeys = { ...keys, chain: { ...chainKeys(), find: () => undefined } }
  const root = await copy()
  assert.deepEqual((await verifyFiles({ root, keys: keyless })).findings, [])
  const target = frameAt(4)
  await writeFile(within(root, target.path), without(await readFile(within(root, target.path)), target))
  const report = await verifyFiles({ root, keys: keyless })
  assert.deepEqual(kinds(report), ['gap'])
  assert.ok(report.streams[0]?.notes.some((text) => text.includes('edits within frames cannot be seen')))
})

test('what a failed write left behind is no finding, and the resumed stream holds', async (t) => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const faults = faultyFiles()
  const spool = await openSpool(root, { files: faults.files })
  await appended(spool, '{"n":1}')
  for (const list of [faults.failWrites, faults.failFlushes]) {
    list.push(diskError('EIO'))
    await assert.rejects(appended(spool, JSON.stringify({ padding: 'y'.repeat(3000) })))
    while (!spool.available) await new Promise((resolve) => { setTimeout(resolve, 1) })
    await appended(spool, '{"n":2}')
  }
  await spool.close()
  const report = await verified(root)
  assert.deepEqual(report.findings, [])
  assert.equal(report.streams[0]?.notes.filter((text) => text.includes('failed write')).length, 2)
})

test('checkpoints that lie in the stream are read back as they were signed', () => {
  const found = firstFrames.flatMap(({ frame }) => frame.items).filter(({ kind }) => kind === itemKind.checkpoint).map(({ bytes }) => decodeCheckpoint(bytes))
  assert.deepEqual(found.map((checkpoint) => checkpoint?.seq), [firstFrames.length - 2])
})
