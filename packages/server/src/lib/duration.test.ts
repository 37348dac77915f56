import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, InvalidDuration, MAX_DURATION_SECONDS, parseDuration } from './duration.ts'

const ACCEPTED: readonly (readonly [string | number, number])[] = [
  ['0', 0], ['90', 90], [90, 90], ['90s', 90], ['1h30m', 5400], ['1.5h', 5400], ['2d', 172_800], ['1d12h', 129_600],
  ['1h0m0s', 3600], ['.5m', 30], ['1.m', 60], ['+5s', 5], [' 10s ', 10], ['768h', 2_764_800], ['60000ms', 60],
  ['1000000us', 1], ['1000000\u00b5s', 1], ['1000000\u03bcs', 1], ['1000000000ns', 1], ['', 0], [-0, 0],
]

test('durations are read as Vault reads them', () => {
  for (const [text, seconds] of ACCEPTED) assert.equal(parseDuration(text), seconds, JSON.stringify(text))
})

test('a fraction of a second rounds up, so that it never becomes zero', () => {
  assert.equal(parseDuration('500ms'), 1)
  assert.equal(parseDuration('1ns'), 1)
  assert.equal(parseDuration('1.0000000001h'), 3601)
  assert.equal(parseDuration(0.2), 1)
})

test('what is not a duration is refused', () => {
  const refused = [
    '-1', '-5s', 'h', '5x', '1h 30m', '1h30', '.s', '1e3s', '0x10', 'ms', '1..5h', '--1s', '+-1s', '1,5h', 'NaN', 'Infinity', '\u0661s',
  ]
  for (const text of refused) assert.throws(() => parseDuration(text), InvalidDuration, JSON.stringify(text))
  for (const n of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => parseDuration(n), InvalidDuration)
})

test('what Go cannot hold is refused, to the second', () => {
  assert.equal(parseDuration(String(MAX_DURATION_SECONDS)), MAX_DURATION_SECONDS)
  assert.equal(parseDuration(`${MAX_DURATION_SECONDS}s`), MAX_DURATION_SECONDS)
  for (const text of [`${MAX_DURATION_SECONDS + 1}`, `${MAX_DURATION_SECONDS + 1}s`, '9999999999999999999h', '9'.repeat(200), `${'1h'.repeat(100)}`]) {
    assert.throws(() => parseDuration(text), InvalidDuration, text.slice(0, 30))
  }
  assert.throws(() => parseDuration(MAX_DURATION_SECONDS + 1), InvalidDuration)
})

test('the error does not repeat the input', () => {
  assert.throws(() => parseDuration('hunter2'), (error: unknown) => error instanceof Error && !error.message.includes('hunter2'))
})

test('a duration is written in the shortest Go notation', () => {
  assert.deepEqual([0, 1, 60, 90, 3600, 5400, 3661, 2_764_800].map(formatDuration), ['0s', '1s', '1m', '1m30s', '1h', '1h30m', '1h1m1s', '768h'])
  assert.throws(() => formatDuration(1.5), RangeError)
  assert.throws(() => formatDuration(-1), RangeError)
})

test('every number of seconds survives writing and reading', () => {
  fc.assert(fc.property(fc.nat({ max: MAX_DURATION_SECONDS }), (seconds) => {
    assert.equal(parseDuration(formatDuration(seconds)), seconds)
    assert.equal(parseDuration(String(seconds)), seconds)
  }))
})

test('any text gives seconds in range or the typed error', () => {
  const notation = fc.string({ unit: fc.constantFrom(...'0123456789.+-hmsdnuµ ') })
  fc.assert(fc.property(fc.oneof(fc.string(), notation), (text) => {
    try {
      const seconds = parseDuration(text)
      assert.ok(Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_DURATION_SECONDS)
    } catch (error) {
      assert.ok(error instanceof InvalidDuration)
    }
  }), { numRuns: 1000 })
})
