import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Recent } from './recent.ts'

test('the most recently used are held, and never more than twice the capacity', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 })), { maxLength: 200 }), (capacity, steps) => {
    const recent = new Recent<number, string>(capacity)
    let used: number[] = []
    for (const [isSet, key] of steps) {
      if (isSet) recent.set(key, `v${key}`)
      const found = recent.get(key)
      if (isSet || used.slice(-capacity).includes(key)) assert.equal(found, `v${key}`)
      if (found !== undefined) used = [...used.filter((each) => each !== key), key]
      assert.ok(recent.size <= 2 * capacity)
    }
  }))
})

test('what is set again has its new value', () => {
  const recent = new Recent<string, number>(1)
  recent.set('a', 1)
  recent.set('b', 2)
  recent.set('a', 3)
  assert.equal(recent.get('a'), 3)
  recent.clear()
  assert.equal(recent.get('a'), undefined)
})
