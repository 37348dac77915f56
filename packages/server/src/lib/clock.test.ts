import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from './clock.ts'

test('the system clock reads today and never goes back', () => {
  assert.ok(systemClock.wall() > Date.UTC(2025, 0, 1))
  const before = systemClock.monotonic()
  assert.ok(systemClock.monotonic() >= before)
})

test('a manual clock stands still until moved, and then moves both hands', () => {
  const clock = new ManualClock(1_000)
  assert.deepEqual([clock.wall(), clock.monotonic()], [1_000, 0])
  clock.advance(250.5)
  assert.deepEqual([clock.wall(), clock.monotonic()], [1_250.5, 250.5])
})

test('a step of the wall clock leaves monotonic time alone', () => {
  const clock = new ManualClock(1_000)
  clock.advance(10)
  clock.setWall(5)
  assert.deepEqual([clock.wall(), clock.monotonic()], [5, 10])
})

test('time cannot pass backwards', () => {
  const clock = new ManualClock()
  assert.throws(() => clock.advance(-1), RangeError)
  assert.throws(() => clock.advance(Number.NaN), RangeError)
})
