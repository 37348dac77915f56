import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimit } from './bucket.ts'

const rule = { rate: 3, intervalSeconds: 10, blockSeconds: 0 }
const taking = (limit: RateLimit, now: number, address = 'a'): boolean => limit.take(address, now).allowed

test('so many in an interval, and as many in the next', () => {
  const limit = new RateLimit(rule, 1)
  assert.deepEqual([0, 1, 9_999, 9_999].map((now) => taking(limit, now)), [true, true, true, false])
  assert.deepEqual([10_000, 10_000, 10_000, 19_999].map((now) => taking(limit, now)), [true, true, true, false])
})

test('each address by itself', () => {
  const limit = new RateLimit({ ...rule, rate: 1 }, 1)
  assert.deepEqual([taking(limit, 0, 'a'), taking(limit, 0, 'a'), taking(limit, 0, 'b')], [true, false, true])
})

test('says what is left and when to come back', () => {
  const limit = new RateLimit({ ...rule, rate: 1 }, 1)
  assert.deepEqual(limit.take('a', 0), { allowed: true, limit: 1, remaining: 0, resetSeconds: 10, retryAfterSeconds: 0, blocked: false })
  assert.deepEqual(limit.take('a', 7_500), { allowed: false, limit: 1, remaining: 0, resetSeconds: 3, retryAfterSeconds: 3, blocked: false })
})

test('a blocked address stays out although the interval is over, and not longer for asking', () => {
  const limit = new RateLimit({ rate: 1, intervalSeconds: 1, blockSeconds: 60 }, 1)
  assert.deepEqual([taking(limit, 0), taking(limit, 500)], [true, false])
  assert.deepEqual([5_000, 30_000, 60_499].map((now) => limit.take('a', now).blocked), [true, true, true])
  assert.equal(taking(limit, 60_500), true)
})

test('workers share a rate; each lets one through at least', () => {
  assert.deepEqual([[100, 4], [10, 4], [1, 4], [0.2, 1], [2.5, 1]].map(([rate = 0, workers = 1]) => new RateLimit({ ...rule, rate }, workers).limit), [25, 3, 1, 1, 3])
})

test('memory is bounded, whatever asks', () => {
  const limit = new RateLimit(rule, 1)
  for (let n = 0; n < 300_000; n++) limit.take(`2001:db8::${n}`, 0)
  assert.equal(taking(limit, 0, '2001:db8::299999'), true)
})

test('whether one would be let through is told without taking it', () => {
  const limit = new RateLimit({ rate: 2, intervalSeconds: 10, blockSeconds: 60 }, 1)
  const asked = (now: number): boolean => limit.allows('a', now)
  assert.deepEqual([asked(0), asked(0), asked(0)], [true, true, true])
  assert.deepEqual([taking(limit, 0), asked(1), taking(limit, 1), asked(2)], [true, true, true, false])
  assert.deepEqual([taking(limit, 3), asked(10_001), asked(60_002), asked(60_003)], [false, false, false, true])
  const next = new RateLimit({ rate: 1, intervalSeconds: 10, blockSeconds: 0 }, 1)
  assert.deepEqual([taking(next, 0), next.allows('a', 9_999), next.allows('a', 10_000), taking(next, 10_000)], [true, false, true, true])
})

test('and whether several would be, one after the other', () => {
  const limit = new RateLimit({ rate: 3, intervalSeconds: 10, blockSeconds: 0 }, 1)
  assert.deepEqual([1, 3, 4].map((requests) => limit.allows('a', 0, requests)), [true, true, false])
  taking(limit, 0)
  assert.deepEqual([limit.allows('a', 1, 2), limit.allows('a', 1, 3), limit.allows('a', 10_000, 3), limit.allows('a', 10_000, 4)], [true, false, true, false])
})
