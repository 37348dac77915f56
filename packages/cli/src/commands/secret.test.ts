import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from './secret.ts'

test('times are seconds, or numbers with units', () => {
  for (const [text, expected] of [['90', 90], ['90s', 90], ['15m', 900], ['24h', 86_400], ['30d', 2_592_000], ['1h30m', 5400]] as const) assert.equal(seconds(text, 'ttl'), expected)
  assert.equal(seconds(undefined, 'ttl'), undefined)
  for (const wrong of ['', 'h', '1x', '1h 30m', '-5', '1.5h', '1h30']) assert.throws(() => seconds(wrong, 'ttl'), { kind: 'invalid_request', message: /--ttl/ })
})
