import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFields, formatTable } from './table.ts'
import { plain } from './write.ts'

test('columns are as wide as they need, and empty cells are a dash', () => {
  assert.deepEqual(formatTable(['PATH', 'VERSION'], [['db/password', 3], ['x', undefined], ['', null]]), ['PATH         VERSION', 'db/password  3', 'x            -', '-            -'])
})

test('names and values stand beside each other', () => {
  assert.deepEqual(formatFields([['a', true], ['longer', 'x']]), ['a       yes', 'longer  x'])
})

test('text of others cannot move the cursor, break the line or turn the direction', () => {
  assert.equal(plain('a\u001B[2Jb\r\nc\u202Ed\u0007e\u2028f'), 'a\uFFFD[2Jb\uFFFD\uFFFDc\uFFFDd\uFFFDe\uFFFDf')
  assert.equal(plain('Grüße 日本 ✓'), 'Grüße 日本 ✓')
})
