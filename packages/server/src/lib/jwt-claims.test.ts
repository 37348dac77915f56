import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { audiencesOf, checkTimes, claimOf, ClaimError, globMatches } from './jwt-claims.ts'

const none = { expirationSeconds: 0, notBeforeSeconds: 0, clockSkewSeconds: 0 }
const strict = { expirationSeconds: -1, notBeforeSeconds: -1, clockSkewSeconds: -1 }
const holds = (claims: Record<string, number>, now: number, leeways = none): boolean => {
  try {
    checkTimes(claims, now, leeways)
    return true
  } catch (error) {
    assert.ok(error instanceof ClaimError)
    return false
  }
}

test('a token holds from nbf to exp, give or take a minute between the clocks', () => {
  const claims = { nbf: 1000, exp: 2000 }
  for (const [now, expected] of [[939, false], [940, true], [2060, true], [2061, false]] as const) assert.equal(holds(claims, now), expected, String(now))
  for (const [now, expected] of [[999, false], [1000, true], [2000, true], [2001, false]] as const) assert.equal(holds(claims, now, strict), expected, String(now))
})

test('what is missing is made up: 150 seconds from iat, or before exp', () => {
  for (const [now, expected] of [[939, false], [940, true], [1210, true], [1211, false]] as const) assert.equal(holds({ iat: 1000 }, now), expected, String(now))
  for (const [now, expected] of [[789, false], [790, true], [1060, true], [1061, false]] as const) assert.equal(holds({ exp: 1000 }, now), expected, String(now))
  assert.equal(holds({}, 0), false)
})

test('a token from the future is refused even when nbf lies in the past', () => assert.equal(holds({ iat: 2000, nbf: 1, exp: 3000 }, 1000), false))

test('times that are none are refused', () => {
  for (const odd of ['1', Number.NaN, -1, {}, []]) assert.throws(() => checkTimes({ exp: odd as never }, 0, none), ClaimError)
})

test('audiences are a text or a list of texts', () => {
  assert.deepEqual(audiencesOf({}), [])
  assert.deepEqual(audiencesOf({ aud: 'a' }), ['a'])
  assert.deepEqual(audiencesOf({ aud: ['a', 'b'] }), ['a', 'b'])
  assert.throws(() => audiencesOf({ aud: [1] }), ClaimError)
})

test('claims are found by name and by pointer, never on a prototype', () => {
  const claims = { a: { 'b/c': [{ d: 1 }], '~': 2 }, 'x.y': 3 }
  assert.equal(claimOf(claims, '/a/b~1c/0/d'), 1)
  assert.equal(claimOf(claims, '/a/~0'), 2)
  assert.equal(claimOf(claims, 'x.y'), 3)
  for (const odd of ['toString', '/a/toString', '/a/b~1c/length', '/a/b~1c/01', '/a/b~1c/1', '/__proto__/a', '/x.y/z', '/']) assert.equal(claimOf(claims, odd), undefined, odd)
})

test('patterns match as their regular expressions do', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 }), fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), (pattern, text) => {
      assert.equal(globMatches(pattern, text), new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text))
    }),
    { numRuns: 5000 },
  )
})
