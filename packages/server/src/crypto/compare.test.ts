import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { equalBytes, equalTags, equalText } from './compare.ts'

test('bytes are equal exactly when they are', () => {
  const bytes = fc.uint8Array({ maxLength: 6, max: 2 })
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0)
    assert.equal(equalBytes(a, Buffer.from(a)), true)
    assert.equal(equalTags(a, b), Buffer.compare(a, b) === 0)
    assert.equal(equalTags(a, Buffer.from(a)), true)
  }))
})

test('text is equal exactly when it is', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 4 })
  fc.assert(fc.property(text, text, (a, b) => {
    assert.equal(equalText(a, b), a === b)
  }))
})

test('a prefix, other lengths and nothing at all are answered, not thrown', () => {
  assert.equal(equalBytes(Buffer.from('abc'), Buffer.from('ab')), false)
  assert.equal(equalBytes(Buffer.of(), Buffer.of(0)), false)
  assert.equal(equalBytes(Buffer.of(), Buffer.of()), true)
  assert.equal(equalText('', 'a'), false)
  assert.equal(equalText('', ''), true)
})

test('text that looks alike but differs in its code points is not equal', () => {
  assert.equal(equalText('\u00e9', 'e\u0301'), false)
})
