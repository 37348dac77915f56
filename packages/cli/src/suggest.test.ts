import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearest } from './suggest.ts'

const word = fc.string({ maxLength: 12 })

test('the distance is 0 for equal words only, and the same in both directions', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b) === 0, a === b)
      assert.equal(editDistance(a, b), editDistance(b, a))
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length))
    }),
  )
})

test('a swap of neighbours is one mistake', () => {
  assert.equal(editDistance('sercet', 'secret'), 1)
  assert.equal(editDistance('', 'abc'), 3)
})

test('what is near is suggested, what is far is not', () => {
  const known = ['secret', 'project', 'policy', 'token', 'explain']
  assert.equal(nearest('secrt', known), 'secret')
  assert.equal(nearest('toekn', known), 'token')
  assert.equal(nearest('proj', known), 'project')
  assert.equal(nearest('p', known), undefined)
  assert.equal(nearest('banana', known), undefined)
  assert.equal(nearest('x', []), undefined)
})
