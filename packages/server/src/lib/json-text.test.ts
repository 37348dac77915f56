import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonTextLength, writeJsonText } from './json-text.ts'

const written = (text: string): string => {
  const bytes = Buffer.from(text, 'utf8')
  const length = jsonTextLength(bytes)
  assert.ok(length !== undefined)
  const into = Buffer.alloc(length + 2, 0x23)
  assert.equal(writeJsonText(bytes, into, 1), length + 1)
  assert.equal(into[0], 0x23)
  assert.equal(into[length + 1], 0x23)
  return `"${into.toString('utf8', 1, length + 1)}"`
}

test('every text is written as JSON.stringify writes it', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => written(text) === JSON.stringify(text.toWellFormed())), { numRuns: 2000 })
})

test('every ASCII character is written as JSON.stringify writes it', () => {
  for (let code = 0; code < 0x100; code++) assert.equal(written(String.fromCharCode(code)), JSON.stringify(String.fromCharCode(code)))
})

test('bytes that are not UTF-8 have no length', () => {
  assert.equal(jsonTextLength(Buffer.from([0x61, 0xff])), undefined)
  assert.equal(jsonTextLength(Buffer.from([0xed, 0xa0, 0x80])), undefined)
})
