import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import { platform } from 'node:process'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isCofferError } from '../../../kernel/errors.ts'
import { isAuthentic, itemKind, skeletonOf } from './frame.ts'
import { findPredecessor } from './predecessor.ts'
import { maxRecordBytes } from './spool.ts'
import { listSegments, listStreams, segmentPath } from './stream.ts'
import { appended, chainKeys, diskError, faultyFiles, framesOf, inPlace, inThePool, openSpool, recordsOf, removeDirectory, scratchDirectory } from './testing/scratch.ts'

const scratch = async (t: TestContext): Promise<string> => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  return root
}

const isUnavailable = (error: unknown): boolean => isCofferError(error) && error.kind === 'internal' && error.code === 'audit_unavailable' && error.httpStatus === 500

test('records that wait together share one frame and one flush', async (t) => {
  const spool = await openSpool(await scratch(t))
  const before = { ...spool.counters }
  await Promise.all(Array.from({ length: 100 }, (_, n) => appended(spool, `{"n":${n}}`)))
  assert.equal(spool.counters.records - before.records, 100)
  assert.equal(spool.counters.fsyncs - before.fsyncs, 1)
  assert.equal((await recordsOf(spool.directory)).length, 100)
  await spool.close()
})

test('nothing is acknowledged before its flush has returned, and the next frame gathers meanwhile', async (t) => {
  const faults = faultyFiles()
  const spool = await openSpool(await scratch(t), { files: faults.files, place: inThePool })
  faults.hold = true
  const acknowledged: string[] = []

  spool.append('{"n":1}', () => { acknowledged.push('first') })
  while (faults.held.length === 0) await pause(1)
  for (let n = 0; n < 10; n += 1) spool.append('{"n":2}', () => { acknowledged.push('second') })
  await pause(5)
  assert.deepEqual(acknowledged, [])
  assert.deepEqual(faults.held.map(() => 'flush'), ['flush'])
  faults.held.shift()?.()
  assert.deepEqual(acknowledged, ['first'])

  while (faults.held.length === 0) await pause(1)
  faults.held.shift()?.()
  assert.equal(acknowledged.length, 11)
  faults.hold = false
  await spool.close()
})

test('the first segment is a short one, which a start waits for; those after it are whole', async (t) => {
  const MIB = 1024 * 1024
  const spool = await openSpool(await scratch(t), { segmentBytes: 32 * MIB, maxWaitingBytes: MIB })
  const record = JSON.stringify('x'.repeat(200 * 1024))
  let count = 0
  while (spool.head.segment === 0) count += await appended(spool, record).then(() => 1)
  assert.deepEqual(await Promise.all([0, 1].map(async (number) => (await stat(segmentPath(spool.directory, number))).size)), [12 * MIB, 32 * MIB])
  assert.equal((await recordsOf(spool.directory)).length, count)
  await spool.close()
})

test('a flush in place acknowledges its records, and none that came meanwhile', { skip: platform !== 'linux' && 'only Linux has writes that are flushes' }, async (t) => {
  const faults = faultyFiles()
  const spool = await openSpool(await scratch(t), { files: faults.files, place: inPlace })
  const before = { ...spool.counters }
  const acknowledged: string[] = []
  await new Promise<void>((resolve) => {
    spool.append('{"n":1}', () => {
      acknowledged.push(`first after ${faults.flushes}`)
      spool.append('{"n":3}', () => { acknowledged.push(`third after ${faults.flushes}`); resolve() })
    })
    spool.append('{"n":2}', () => { acknowledged.push(`second after ${faults.flushes}`) })
    assert.deepEqual(acknowledged, [])
    faults.flushes = 0
  })
  assert.deepEqual(acknowledged, ['first after 1', 'second after 1', 'third after 2'])
  assert.equal(spool.counters.awaited - before.awaited, 2)
  await spool.close()
  assert.deepEqual(await recordsOf(spool.directory), ['{"n":1}', '{"n":2}', '{"n":3}'])
})

test('from the pool back in place, the order of answers stays', async (t) => {
  const faults = faultyFiles()
  let isHere = false
  const spool = await openSpool(await scratch(t), { files: faults.files, place: { isHere: () => isHere, took: () => undefined } })
  faults.hold = true
  const acknowledged: number[] = []
  spool.append('{"n":1}', () => { acknowledged.push(1) })
  while (faults.held.length === 0) await pause(1)
  const second = new Promise<void>((resolve) => spool.append('{"n":2}', () => { acknowledged.push(2); resolve() }))
  isHere = true
  faults.hold = false
  faults.held.shift()?.()
  await second
  assert.deepEqual(acknowledged, [1, 2])
  await spool.close()
})

test('the chain runs from the opening frame to the closing one, across segments', async (t) => {
  const spool = await openSpool(await scratch(t), { segmentBytes: 64 * 1024, maxWaitingBytes: 16 * 1024 })
  for (let n = 0; n < 60; n += 1) await appended(spool, JSON.stringify({ n, padding: 'x'.repeat(5000) }))
  await spool.close()
  assert.ok((await listSegments(spool.directory)).length > 3)
  const frames = (await framesOf(spool.directory)).map(({ frame }) => frame)
  for (const [at, frame] of frames.entries()) {
    assert.equal(frame.seq, at)
    assert.ok(isAuthentic(skeletonOf(frame), chainKeys().current.key))
    if (at > 0) assert.deepEqual(frame.previous, frames[at - 1]?.tag)
  }
  assert.equal(frames[0]?.items[0]?.kind, itemKind.open)
  assert.equal(frames.at(-1)?.items[0]?.kind, itemKind.close)
})

test('files are the owner\'s alone and have their full size from the start', async (t) => {
  const spool = await openSpool(await scratch(t))
  assert.equal((await stat(spool.directory)).mode & 0o777, 0o700)
  const segment = await stat(segmentPath(spool.directory, 0))
  assert.equal(segment.mode & 0o777, 0o600)
  assert.equal(segment.size, 256 * 1024)
  assert.ok(segment.blocks * 512 >= 256 * 1024, 'blocks are allocated, not a hole')
  await spool.close()
})

test('a second stream of the slot names where the first one ended', async (t) => {
  const root = await scratch(t)
  const first = await openSpool(root)
  await appended(first, '{"n":1}')
  await first.close()
  const second = await openSpool(root)
  assert.deepEqual(second.identity.predecessor, { stream: first.identity.stream, seq: first.head.seq, hash: first.head.hash.toString('hex') })
  const other = await openSpool(root, { slot: 1 })
  assert.equal(other.identity.predecessor, null)
  await Promise.all([second.close(), other.close()])
})

for (const place of [inPlace, inThePool]) for (const [name, inject] of [
  ['write', (faults: ReturnType<typeof faultyFiles>) => faults.failWrites.push(diskError('EIO'))],
  ['fdatasync', (faults: ReturnType<typeof faultyFiles>) => faults.failFlushes.push(diskError('EIO'))],
  ['write for want of space', (faults: ReturnType<typeof faultyFiles>) => faults.failWrites.push(diskError('ENOSPC'))],
] as const) {
  test(`a failed ${name} ${place === inPlace ? 'in place' : 'in the pool'} refuses all that wait and gives the segment up; service resumes in a new one`, async (t) => {
    const faults = faultyFiles()
    const spool = await openSpool(await scratch(t), { files: faults.files, place })
    await appended(spool, '{"n":"kept"}')
    inject(faults)
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => appended(spool, '{"n":"lost"}')))
    for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' && isUnavailable(outcome.reason))
    assert.equal(spool.available, false)
    await assert.rejects(appended(spool, '{"n":"at once"}'), isUnavailable)
    while (!spool.available) await pause(2)
    await appended(spool, '{"n":"after"}')
    assert.equal(spool.counters.poisoned, 1)
    assert.equal(spool.head.segment, 1)
    await spool.close()
    assert.deepEqual(await recordsOf(spool.directory), ['{"n":"kept"}', '{"n":"after"}'])
    const resumed = (await framesOf(spool.directory)).find(({ frame }) => frame.items[0]?.kind === itemKind.resumed)
    assert.equal(resumed?.segment, 1)
  })
}

test('while no probe frame can be made durable, everything is refused', async (t) => {
  const faults = faultyFiles()
  const spool = await openSpool(await scratch(t), { files: faults.files })
  // The record's own flush, then those of five attempts to open another segment.
  faults.failFlushes.push(...Array.from({ length: 6 }, () => diskError('EIO')))
  await assert.rejects(appended(spool, '{"n":1}'), isUnavailable)
  while (faults.failFlushes.length > 0) {
    await assert.rejects(appended(spool, '{"n":2}'), isUnavailable)
    await pause(2)
  }
  while (!spool.available) await pause(2)
  await appended(spool, '{"n":3}')
  await spool.close()
  assert.deepEqual(await recordsOf(spool.directory), ['{"n":3}'])
  assert.equal((await readdir(spool.directory)).filter((name) => name.endsWith('.preparing')).length, 0)
})

test('a full spool refuses, and resumes when a shipped segment is gone', async (t) => {
  const { unlink } = await import('node:fs/promises')
  const spool = await openSpool(await scratch(t), { segmentBytes: 64 * 1024, maxWaitingBytes: 16 * 1024, maxSegments: 2 })
  const large = JSON.stringify({ padding: 'x'.repeat(8000) })
  let written = 0
  await assert.rejects(async () => {
    for (; written < 100; written += 1) await appended(spool, large)
  }, isUnavailable)
  assert.ok(written >= 12)
  await assert.rejects(appended(spool, large), isUnavailable)
  await unlink(segmentPath(spool.directory, 0))
  while (!spool.available) await pause(2)
  await appended(spool, large)
  await spool.close()
})

test('more than may wait is refused at once, while what waits already is kept', async (t) => {
  const faults = faultyFiles()
  const spool = await openSpool(await scratch(t), { files: faults.files, place: inThePool })
  faults.hold = true
  const outcomes: (Error | undefined)[] = []
  let refusedAtOnce = 0
  for (let n = 0; n < 40; n += 1) {
    const before = outcomes.length
    spool.append('x'.repeat(4000), (error) => outcomes.push(error))
    refusedAtOnce += outcomes.length - before
  }
  assert.ok(refusedAtOnce > 20)
  assert.ok(outcomes.every(isUnavailable))
  while (faults.held.length === 0) await pause(1)
  faults.hold = false
  for (const release of faults.held.splice(0)) release()
  while (outcomes.length < 40) await pause(1)
  assert.equal(outcomes.filter((outcome) => outcome === undefined).length, 40 - refusedAtOnce)
  await spool.close()
})

test('records that belong together are in one frame, or in none', async (t) => {
  const spool = await openSpool(await scratch(t), { segmentBytes: 4 * 1024 * 1024, maxWaitingBytes: 1024 * 1024 })
  const all = (records: readonly string[]): Promise<void> => new Promise((resolve, reject) => spool.appendAll(records, (error) => (error === undefined ? resolve() : reject(error))))
  const before = spool.counters.fsyncs
  await all(['{"n":1}', '{"n":2}', '{"n":3}'])
  assert.equal(spool.counters.fsyncs, before + 1)
  assert.equal((await framesOf(spool.directory)).at(-1)?.frame.items.length, 3)
  // The last of them is more than may wait, or than a record may be.
  await assert.rejects(all(Array.from({ length: 6 }, () => 'x'.repeat(200_000))), isUnavailable)
  await assert.rejects(all(['{"n":4}', 'x'.repeat(maxRecordBytes + 1)]), isUnavailable)
  await all(['{"n":5}'])
  assert.deepEqual(await recordsOf(spool.directory), ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":5}'])
  await spool.close()
  await assert.rejects(all(['{"n":6}']), isUnavailable)
})

test('a callback that throws does not keep the others from their answer', async (t) => {
  const spool = await openSpool(await scratch(t))
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  const listeners = process.listeners('uncaughtException').slice(0, -1)
  for (const listener of listeners) process.removeListener('uncaughtException', listener)
  spool.append('{"n":1}', () => { throw new Error('mine') })
  await appended(spool, '{"n":2}')
  assert.match(String(await thrown), /mine/)
  for (const listener of listeners) process.on('uncaughtException', listener)
  await spool.close()
})

test('closing makes everything that waits durable', async (t) => {
  const spool = await openSpool(await scratch(t))
  let durable = 0
  for (let n = 0; n < 50; n += 1) spool.append(`{"n":${n}}`, (error) => { if (error === undefined) durable += 1 })
  await spool.close()
  assert.equal(durable, 50)
  await assert.rejects(appended(spool, '{}'), isUnavailable)
})

test('a torn tail is not part of the stream, and the next stream follows what was whole', async (t) => {
  const root = await scratch(t)
  const faults = faultyFiles()
  const spool = await openSpool(root, { files: faults.files })
  await appended(spool, '{"n":"whole"}')
  const whole = spool.head
  // Half a frame reaches the disk and the process is gone before it can do anything about it.
  faults.failWrites.push(diskError('EIO'), ...Array.from({ length: 1000 }, () => diskError('EIO')))
  await assert.rejects(appended(spool, JSON.stringify({ n: 'torn', padding: 'x'.repeat(2000) })))
  assert.deepEqual(await recordsOf(spool.directory), ['{"n":"whole"}'])
  assert.deepEqual(await findPredecessor(root, 0, chainKeys()), { stream: spool.identity.stream, seq: whole.seq, hash: whole.hash.toString('hex') })
  await spool.close()
})

test('every acknowledged record survives kill -9 of its writer', async (t) => {
  const root = await scratch(t)
  const acknowledged: string[] = []
  for (let round = 0; round < 12; round += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/writing-child.ts'), root, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => { output += text })
    while (output.length < 200 + round * 1500 && child.exitCode === null) await pause(1)
    child.kill('SIGKILL')
    await once(child, 'close')
    acknowledged.push(...output.split('\n').slice(0, -1))
  }
  const found = new Set<string>()
  const streams = await listStreams(root)
  for (const stream of streams) {
    const frames = await framesOf(stream.path)
    for (const { frame } of frames) assert.ok(isAuthentic(skeletonOf(frame), chainKeys().current.key))
    for (const record of await recordsOf(stream.path)) found.add((JSON.parse(record) as { id: string }).id)
  }
  assert.equal(streams.length, 12)
  assert.ok(acknowledged.length > 100)
  assert.deepEqual(acknowledged.filter((id) => !found.has(id)), [])
})
