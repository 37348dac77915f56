// Which rule decides about a path, and what rules with one pattern become together. The cases are those of
// Vault's documentation ("Policy syntax", priority matching) and of its published behaviour for LIST.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AclPolicy } from '../types.ts'
import { buildAclSet, findAclRule, renderBlocks, type AclSet } from './compile.ts'
import { parseAclPolicy } from './parse.ts'
import { comparePriority, matchesPattern, parsePattern } from './pattern.ts'

const setOf = (...texts: readonly string[]): AclSet => {
  const policies: AclPolicy[] = texts.map((text, index) => parseAclPolicy(text, `p${index + 1}`))
  return buildAclSet(renderBlocks(policies, undefined), 0)
}

/** A policy with one `read` block per pattern. */
const patterns = (...all: readonly string[]): AclSet => setOf(all.map((each) => `path ${JSON.stringify(each)} { capabilities = ["read"] }`).join('\n'))

const winner = (set: AclSet, path: string, listing?: 'list' | 'scan'): string | undefined => findAclRule(set, path, listing)?.pattern.text

// ── Matching one pattern ────────────────────────────────────────────────────

for (const [pattern, path, expected] of [
  ['secret/foo', 'secret/foo', true],
  ['secret/foo', 'secret/foo/', false],
  ['secret/foo', 'secret/foobar', false],
  ['secret/foo*', 'secret/foo', true],
  ['secret/foo*', 'secret/foobar/baz', true],
  ['secret/foo*', 'secret/fo', false],
  ['secret/bar/*', 'secret/bar/zip/zap', true],
  ['secret/bar/*', 'secret/bar/', true],
  ['secret/bar/*', 'secret/bar', false],
  ['secret/bar/*', 'secret/bars/zip', false],
  ['secret/zip-*', 'secret/zip-zap', true],
  ['secret/zip-*', 'secret/zip-zap/zong', true],
  ['secret/zip-*', 'secret/zip/zap', false],
  ['secret/+/teamb', 'secret/foo/teamb', true],
  ['secret/+/teamb', 'secret/teamb', false],
  ['secret/+/teamb', 'secret/a/b/teamb', false],
  ['secret/+/+/teamb', 'secret/foo/bar/teamb', true],
  ['secret/+/+/teamb', 'secret/foo/teamb', false],
  ['+/foo', 'a/foo', true],
  ['+/foo', 'foo', false],
  ['+', 'a', true],
  ['+', 'a/b', false],
  ['secret/+', 'secret/', true],
  ['secret/+/x*', 'secret/a/x', true],
  ['secret/+/x*', 'secret/a/xyz/deep', true],
  ['secret/+/x*', 'secret/a/y', false],
  ['secret/+/*', 'secret/a/', true],
  ['secret/+/*', 'secret/a/b/c', true],
  ['secret/+/*', 'secret/a', false],
  ['secret/a+b/c', 'secret/a+b/c', true],
  ['secret/a+b/c', 'secret/axb/c', false],
  ['secret/+b/c', 'secret/+b/c', true],
  ['secret/+b/c', 'secret/ab/c', false],
  ['a/*/b', 'a/x/b', false],
  ['a/*/b', 'a/*/b', true],
  ['*', 'anything/at/all', true],
  ['*', '', true],
] as const) {
  test(`${pattern} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(path)}`, () => {
    assert.equal(winner(patterns(pattern), path), expected ? pattern : undefined)
  })
}

// ── Priority ────────────────────────────────────────────────────────────────

for (const [why, path, ...ranked] of [
  ['an exact path beats everything', 'secret/foo', 'secret/foo', 'secret/foo*', 'secret/+', 'secret/*', '*'],
  ['the longest prefix wins', 'secret/data/prod/x', 'secret/data/prod/*', 'secret/data/*', 'secret/*', '*'],
  ['a later first wildcard wins: a glob further right beats a plus', 'foo/a1', 'foo/a*', 'foo/+'],
  ['a later first wildcard wins: the plus further right', 'foo/bar/x/baz', 'foo/bar/+/baz', 'foo/+/x/baz'],
  ['not ending in a star wins', 'foo/x/bar', 'foo/+/bar', 'foo/+/ba*'],
  ['a single plus beats a star at the same place', 'foo/x', 'foo/+', 'foo/*'],
  ['fewer plus segments win', 'foo/bar/x/baz', 'foo/+/x/baz', 'foo/+/+/baz'],
  ['a longer pattern wins', 'foo/x/bar/baz', 'foo/+/bar/ba*', 'foo/+/bar/b*'],
  ['the documented example: secret/+/+/foo/* loses to the later wildcard', 'secret/a/b/foo/c', 'secret/a/b/*', 'secret/a/+/foo/*', 'secret/+/b/foo/*', 'secret/+/+/foo/*'],
  ['of equals the lexicographically larger wins', 'a/b/c/d', 'a/+/c/+', 'a/+/+/d'],
  ['a leading plus is the weakest but for the star', 'secret/x', 'secret/*', '+/x', '+/+', '*'],
] as const) {
  test(why, () => {
    const candidates: readonly string[] = ranked
    for (const [index, best] of candidates.entries()) {
      assert.equal(winner(patterns(...candidates.slice(index)), path), best)
      assert.equal(winner(patterns(...candidates.slice(index).reverse()), path), best, 'the order in which they are written must not matter')
    }
  })
}

test('the order of priority is antisymmetric and names no two different patterns equal', () => {
  const all = ['a/*', 'a/+', 'a/b*', 'a/+/c', 'a/+/*', 'a/+/+', '+/b', '+/+', '*', 'a/+/c*', 'a/b/+'].map(parsePattern)
  for (const one of all) {
    for (const other of all) {
      assert.equal(Math.sign(comparePriority(one, other)) + Math.sign(comparePriority(other, one)), 0)
      assert.equal(comparePriority(one, other) === 0, one === other)
    }
  }
})

test('a more specific rule takes over wholly: it does not add to the wider one', () => {
  const set = setOf('path "secret/*" { capabilities = ["read", "update"] }\npath "secret/app" { capabilities = ["read"] }')
  assert.deepEqual([...(findAclRule(set, 'secret/app', undefined)?.grants.keys() ?? [])], ['read'])
})

test('a more specific allow opens what a wider deny closed, and the other way round', () => {
  const set = setOf('path "secret/*" { capabilities = ["deny"] }\npath "secret/open/*" { capabilities = ["read"] }\npath "secret/open/shut" { capabilities = ["deny"] }')
  assert.equal(findAclRule(set, 'secret/x', undefined)?.denies, true)
  assert.equal(findAclRule(set, 'secret/open/x', undefined)?.denies, false)
  assert.equal(findAclRule(set, 'secret/open/shut', undefined)?.denies, true)
})

test('a pattern knows its form', () => {
  assert.deepEqual(['a', 'a*', 'a/+', '+', '+/a', 'a+b', 'a/+b', 'a/+/b*'].map((text) => parsePattern(text).form),
    ['exact', 'prefix', 'segments', 'segments', 'segments', 'exact', 'segments', 'segments'])
  assert.equal(matchesPattern(parsePattern('a/+/b*'), 'a/x/bc'), true)
})

// ── LIST looks at the path with and without its slash ───────────────────────

for (const [why, text, path, listing, expected] of [
  ['an exact rule without the slash covers the list', 'path "kv/a" { capabilities = ["list"] }', 'kv/a/', 'list', 'kv/a'],
  ['an exact rule with the slash is preferred', 'path "kv/a" { capabilities = ["list"] }\npath "kv/a/" { capabilities = ["deny"] }', 'kv/a/', 'list', 'kv/a/'],
  ['an exact rule without the slash does not cover other verbs', 'path "kv/a" { capabilities = ["read"] }', 'kv/a/', undefined, undefined],
  ['a plus covers the list of a folder', 'path "kv/+" { capabilities = ["list"] }', 'kv/a/', 'list', 'kv/+'],
  ['a deny below the folder outranks the plus', 'path "kv/+" { capabilities = ["list"] }\npath "kv/private/*" { capabilities = ["deny"] }', 'kv/private/', 'list', 'kv/private/*'],
  ['a narrower rule that does not speak of list leaves it to a wider one', 'path "kv/+" { capabilities = ["list"] }\npath "kv/a/*" { capabilities = ["read"] }', 'kv/a/', 'list', 'kv/+'],
  ['a deny that is outranked does not hold', 'path "kv/*" { capabilities = ["deny"] }\npath "kv/+" { capabilities = ["list"] }', 'kv/a/', 'list', 'kv/+'],
  ['without deny or list the highest rule is the answer', 'path "kv/+" { capabilities = ["read"] }\npath "kv/a/*" { capabilities = ["update"] }', 'kv/a/', 'list', 'kv/a/*'],
  ['a scan is treated alike', 'path "kv/+" { capabilities = ["scan"] }\npath "kv/a/*" { capabilities = ["list"] }', 'kv/a/', 'scan', 'kv/+'],
  ['the prefix of the folder itself covers it', 'path "kv/a/*" { capabilities = ["list"] }', 'kv/a/', 'list', 'kv/a/*'],
  ['nothing matches', 'path "kv/b/*" { capabilities = ["list"] }', 'kv/a/', 'list', undefined],
] as const) {
  test(`LIST: ${why}`, () => assert.equal(winner(setOf(text), path, listing), expected))
}

// ── Joining blocks with the same pattern ────────────────────────────────────

test('capabilities of the same pattern add up, and each knows who grants it', () => {
  const set = setOf('path "a/*" { capabilities = ["read", "list"] }', 'path "a/*" { capabilities = ["list", "update"] }')
  const grants = findAclRule(set, 'a/b', undefined)?.grants
  assert.deepEqual(grants?.get('read'), ['p1'])
  assert.deepEqual(grants?.get('list'), ['p1', 'p2'])
  assert.deepEqual(grants?.get('update'), ['p2'])
})

for (const [order, texts] of [
  ['first', ['path "a" { capabilities = ["deny"] }', 'path "a" { capabilities = ["read"] allowed_parameters = { "k" = [] } }']],
  ['last', ['path "a" { capabilities = ["read"] allowed_parameters = { "k" = [] } }', 'path "a" { capabilities = ["deny"] }']],
] as const) {
  test(`deny wins within the same pattern when it comes ${order}`, () => {
    const rule = findAclRule(setOf(...texts), 'a', undefined)
    assert.equal(rule?.denies, true)
    assert.deepEqual([...(rule?.grants.keys() ?? [])], ['deny'])
    assert.equal(rule?.constraints, undefined)
  })
}

test('one pattern with and without a leading slash is one pattern', () => {
  assert.equal(findAclRule(setOf('path "/a" { capabilities = ["read"] }', 'path "a" { capabilities = ["deny"] }'), 'a', undefined)?.denies, true)
})

test('the shorter wrapping bounds hold', () => {
  const set = setOf('path "a" { min_wrapping_ttl = 20 max_wrapping_ttl = 300 }', 'path "a" { min_wrapping_ttl = 10 max_wrapping_ttl = 200 }', 'path "a" { policy = "read" }')
  const constraints = findAclRule(set, 'a', undefined)?.constraints
  assert.equal(constraints?.minWrappingTtlSeconds, 10)
  assert.equal(constraints?.maxWrappingTtlSeconds, 200)
})

test('parameters of the same pattern are united, and an empty list swallows the others', () => {
  const set = setOf(
    'path "a" { allowed_parameters = { "x" = ["1"] "y" = ["1"] } denied_parameters = { "d" = ["1"] } required_parameters = ["r"] }',
    'path "a" { allowed_parameters = { "x" = ["2"] "y" = [] "z" = ["3"] } denied_parameters = { "d" = [] } required_parameters = ["r", "s"] }',
  )
  const constraints = findAclRule(set, 'a', undefined)?.constraints
  assert.deepEqual(Object.fromEntries(constraints?.allowed ?? []), { x: ['1', '2'], y: [], z: ['3'] })
  assert.deepEqual(Object.fromEntries(constraints?.denied ?? []), { d: [] })
  assert.deepEqual(constraints?.required, ['r', 's'])
})

test('rules of different patterns do not share their parameters', () => {
  const set = setOf('path "a*" { allowed_parameters = { "x" = [] } }\npath "ab" { capabilities = ["read"] }')
  assert.equal(findAclRule(set, 'ab', undefined)?.constraints, undefined)
})

// ── Expiration ──────────────────────────────────────────────────────────────

const expiring = parseAclPolicy(`
  path "a" { capabilities = ["read"] expiration = "1970-01-01T00:00:10Z" }
  path "a" { capabilities = ["list"] expiration = "1970-01-01T00:00:20Z" }
  path "a*" { capabilities = ["update"] }`, 'p')

for (const [time, capabilities, from, until] of [
  [0, ['read', 'list'], Number.NEGATIVE_INFINITY, 10_000],
  [9_999, ['read', 'list'], Number.NEGATIVE_INFINITY, 10_000],
  [10_000, ['list'], 10_000, 20_000],
  [19_999, ['list'], 10_000, 20_000],
  [20_000, ['update'], 20_000, Number.POSITIVE_INFINITY],
] as const) {
  test(`at ${time} ms what has expired is gone, and the set says how long it holds`, () => {
    const set = buildAclSet(renderBlocks([expiring], undefined), time)
    assert.deepEqual([...(findAclRule(set, 'a', undefined)?.grants.keys() ?? [])], capabilities)
    assert.equal(set.from, from)
    assert.equal(set.until, until)
  })
}

test('a deny that expires stops denying', () => {
  const policy = parseAclPolicy('path "a" { capabilities = ["deny"] expiration = "1970-01-01T00:00:10Z" }\npath "a" { capabilities = ["read"] }', 'p')
  assert.equal(findAclRule(buildAclSet(renderBlocks([policy], undefined), 9_000), 'a', undefined)?.denies, true)
  assert.equal(findAclRule(buildAclSet(renderBlocks([policy], undefined), 11_000), 'a', undefined)?.denies, false)
})
