import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteLru } from './lru.ts'
import type { RemovalReason } from './lru.ts'

function recording(maxBytes: number): { cache: ByteLru<string, number>; gone: [string, number, RemovalReason][] } {
  const gone: [string, number, RemovalReason][] = []
  return { cache: new ByteLru({ maxBytes, onEvict: (...removed) => gone.push(removed) }), gone }
}

test('what was used least recently goes first', () => {
  const { cache, gone } = recording(3)
  cache.set('a', 1, 1)
  cache.set('b', 2, 1)
  cache.set('c', 3, 1)
  assert.equal(cache.get('a'), 1)
  cache.set('d', 4, 1)
  assert.equal(cache.get('b'), undefined)
  assert.deepEqual(['a', 'c', 'd'].map((key) => cache.get(key)), [1, 3, 4])
  assert.deepEqual(gone, [['b', 2, 'evicted']])
})

test('one large entry makes room by dropping several', () => {
  const { cache, gone } = recording(10)
  for (const key of ['a', 'b', 'c', 'd', 'e']) cache.set(key, 0, 2)
  cache.set('big', 1, 7)
  assert.equal(cache.bytes, 9)
  assert.equal(cache.count, 2)
  assert.deepEqual(gone.map(([key]) => key), ['a', 'b', 'c', 'd'])
})

test('an entry beyond the whole budget is not kept, and does not leave the old value behind', () => {
  const { cache, gone } = recording(10)
  cache.set('a', 1, 1)
  assert.equal(cache.set('a', 2, 11), false)
  assert.equal(cache.get('a'), undefined)
  assert.deepEqual([cache.bytes, cache.count], [0, 0])
  assert.deepEqual(gone, [['a', 1, 'replaced']])
})

test('every way out is reported once, with its reason', () => {
  const { cache, gone } = recording(2)
  cache.set('a', 1, 1)
  cache.set('a', 2, 1)
  assert.equal(cache.delete('a'), true)
  assert.equal(cache.delete('a'), false)
  cache.set('b', 3, 1)
  cache.set('c', 4, 1)
  cache.clear()
  assert.deepEqual(gone, [['a', 1, 'replaced'], ['a', 2, 'deleted'], ['b', 3, 'cleared'], ['c', 4, 'cleared']])
  assert.deepEqual([cache.bytes, cache.count], [0, 0])
})

test('sizes and budgets must be numbers', () => {
  assert.throws(() => new ByteLru({ maxBytes: Number.NaN }), RangeError)
  assert.throws(() => recording(1).cache.set('a', 1, -1), RangeError)
  assert.throws(() => recording(1).cache.set('a', 1, Number.NaN), RangeError)
})

test('it behaves like the plain definition under any sequence of operations', () => {
  const operation = fc.record({
    kind: fc.constantFrom('set', 'set', 'get', 'delete'), key: fc.constantFrom(...'abcdef'), size: fc.nat({ max: 7 }),
  })
  fc.assert(fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
    const cache = new ByteLru<string, number>({ maxBytes: 12 })
    /** Oldest first. */
    let model: { key: string; value: number; size: number }[] = []
    operations.forEach(({ kind, key, size }, value) => {
      const held = model.find((entry) => entry.key === key)
      if (kind === 'get') {
        assert.equal(cache.get(key), held?.value)
        if (held) model = [...model.filter((entry) => entry !== held), held]
        return
      }
      model = model.filter((entry) => entry !== held)
      if (kind === 'delete') {
        assert.equal(cache.delete(key), held !== undefined)
        return
      }
      cache.set(key, value, size)
      while (sum(model) + size > 12) model.shift()
      model.push({ key, value, size })
      assert.equal(cache.bytes, sum(model))
      assert.equal(cache.count, model.length)
    })
    for (const { key, value } of model) assert.equal(cache.get(key), value)
  }))
})

function sum(entries: readonly { readonly size: number }[]): number {
  return entries.reduce((total, entry) => total + entry.size, 0)
}
