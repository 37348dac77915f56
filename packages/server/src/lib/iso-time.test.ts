import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIsoTime } from './iso-time.ts'

test('times are written as the language itself writes them', () => {
  const around = [0, 951_782_400_000, 951_868_799_999, 951_868_800_000, 4_107_542_400_000, -62_167_219_200_000, -62_167_219_200_001, 253_402_300_799_999, 253_402_300_800_000, 8_640_000_000_000_000, -8_640_000_000_000_000, 1_764_300_000_123.9, -0]
  for (const ms of around) assert.equal(formatIsoTime(ms), new Date(ms).toISOString())
  fc.assert(fc.property(fc.integer({ min: -62_200_000_000_000, max: 253_500_000_000_000 }), (ms) => formatIsoTime(ms) === new Date(ms).toISOString()), { numRuns: 20_000 })
})

test('every day of four centuries has its date', () => {
  for (let day = -25_567; day < 146_097 - 25_567; day++) assert.equal(formatIsoTime(day * 86_400_000), new Date(day * 86_400_000).toISOString())
})

test('what is no time is refused', () => {
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 8_640_000_000_000_001]) assert.throws(() => formatIsoTime(ms), RangeError)
})
