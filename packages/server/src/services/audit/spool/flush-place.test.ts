import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlushPlace } from './flush-place.ts'

const after = (place: FlushPlace, flushes: readonly number[], from = 0): number => flushes.reduce((now, ms) => {
  place.took(ms, now + ms)
  return now + ms
}, from)

const many = (count: number, ms: number): readonly number[] => Array.from({ length: count }, () => ms)

test('a fast disk is waited for in place', () => {
  const place = new FlushPlace()
  assert.ok(place.isHere(after(place, many(5000, 0.1))))
})

test('a slow disk is left to the pool within a few flushes, and asked again later and later', () => {
  const place = new FlushPlace()
  let now = 0
  for (const pause of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    let flushes = 0
    for (; place.isHere(now); flushes++) now = after(place, [1], now)
    assert.ok(flushes <= 8, `${flushes} flushes in place`)
    assert.ok(!place.isHere(now + pause - 1))
    assert.ok(place.isHere(now + pause))
    now += pause
  }
})

test('one flush that hangs changes nothing, a row of them does', () => {
  const place = new FlushPlace()
  const now = after(place, [...many(100, 0.07), 500, ...many(100, 0.07)])
  assert.ok(place.isHere(now))
  assert.ok(!place.isHere(after(place, [500, 500, 500], now)))
})

test('a disk that was slow for a while is trusted again', () => {
  const place = new FlushPlace()
  let now = after(place, many(3, 2))
  now = after(place, many(3, 2), now + 1000)
  assert.ok(!place.isHere(now + 1999))
  now = after(place, many(1000, 0.07), now + 2000)
  now = after(place, many(2, 2), now)
  assert.ok(!place.isHere(now + 999))
  assert.ok(place.isHere(now + 1000))
})
