import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RecentFrames, type RecentFrame } from './recent-frames.ts'

const CAPACITY = 1000
const add = (frames: RecentFrames, seq: number, bytes: number, units: number): void =>
  frames.add({ seq, at: seq, items: 1, isPlain: true, after: { segment: 0, offset: seq }, bytes: Buffer.alloc(bytes, seq % 251), units: Buffer.alloc(units, 255 - (seq % 251)) })
const isWhole = ({ memory }: RecentFrames, { seq, start, bytes, unitsBytes }: RecentFrame): boolean =>
  memory.subarray(start, start + bytes).every((byte) => byte === seq % 251) && memory.subarray(start + bytes, start + bytes + unitsBytes).every((byte) => byte === 255 - (seq % 251))

test('whatever frames come, what is remembered is whole, and the last one is remembered unless it is too large', () => {
  fc.assert(fc.property(fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 600 }), units: fc.integer({ min: 1, max: 80 }) }), { minLength: 1, maxLength: 200 }), (sizes) => {
    const frames = new RecentFrames(CAPACITY)
    for (const [seq, { bytes, units }] of sizes.entries()) {
      add(frames, seq, bytes, units)
      for (let from = 0; from <= seq; from++) assert.ok(frames.from(from, Number.MAX_SAFE_INTEGER).every((frame) => isWhole(frames, frame)))
      assert.equal(frames.from(seq, 1).length, bytes + units > CAPACITY / 2 ? 0 : 1)
    }
  }))
})

test('frames come in order from the one that was asked for, without gaps, until there are enough bytes', () => {
  const frames = new RecentFrames(CAPACITY)
  for (const seq of [1, 2, 3, 5]) add(frames, seq, 50, 33)
  assert.deepEqual(frames.from(1, Number.MAX_SAFE_INTEGER).map(({ seq }) => seq), [1, 2, 3])
  assert.deepEqual(frames.from(1, 51).map(({ seq }) => seq), [1, 2])
  assert.deepEqual(frames.from(4, Number.MAX_SAFE_INTEGER), [])
})

test('the oldest are forgotten first', () => {
  const frames = new RecentFrames(CAPACITY)
  for (let seq = 0; seq < 30; seq++) add(frames, seq, 67, 33)
  assert.deepEqual(frames.from(19, 1), [])
  assert.deepEqual(frames.from(20, Number.MAX_SAFE_INTEGER).map(({ seq }) => seq), [20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
})
