// Constraints of ACL rules on the request: parameters and response wrapping, with the outcomes that Vault has.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestContext, VaultCapability } from '../types.ts'
import { buildAclSet, findAclRule, renderBlocks } from './compile.ts'
import { checkConstraints } from './parameters.ts'
import { parseAclPolicy } from './parse.ts'

type Facts = Pick<RequestContext, 'parameters' | 'wrapTtlSeconds'>

const outcome = (block: string, facts: Facts, capability: VaultCapability = 'update'): string => {
  const set = buildAclSet(renderBlocks([parseAclPolicy(`path "a" { ${block} }`, 'p')], undefined), 0)
  const constraints = findAclRule(set, 'a', undefined)?.constraints
  assert.ok(constraints !== undefined)
  return checkConstraints(constraints, capability, { mfa: false, time: 0, door: 'vault', ...facts }).outcome
}

const allowed = 'allowed_parameters = { "k" = ["v", "pre*", "*post", "*mid*", 7, true] "any" = [] }'
const others = 'allowed_parameters = { "k" = ["v"] "*" = [] }'
const denied = 'denied_parameters = { "k" = ["v", "bad*"] "never" = [] }'

for (const [name, block, parameters, expected] of [
  ['a value that is listed', allowed, { k: 'v' }, 'met'],
  ['a value that is not listed', allowed, { k: 'w' }, 'unmet'],
  ['a name in another case', allowed, { K: 'v' }, 'met'],
  ['a glob at the end', allowed, { k: 'prefix' }, 'met'],
  ['a glob at the start', allowed, { k: 'thepost' }, 'met'],
  ['a glob on both sides', allowed, { k: 'a mid b' }, 'met'],
  ['a number that is listed', allowed, { k: 7 }, 'met'],
  ['a number that is not', allowed, { k: 8 }, 'unmet'],
  ['a number as a string', allowed, { k: '7' }, 'unmet'],
  ['a boolean that is listed', allowed, { k: true }, 'met'],
  ['a list all of which is listed', allowed, { k: ['v', 'prefix'] }, 'met'],
  ['a list with one that is not', allowed, { k: ['v', 'w'] }, 'unmet'],
  ['a comma list all of which is listed', allowed, { k: 'v, prefix' }, 'met'],
  ['a comma list with one that is not', allowed, { k: 'v,w' }, 'unmet'],
  ['a null', allowed, { k: null }, 'unmet'],
  ['an object', allowed, { k: { v: 1 } }, 'unmet'],
  ['an empty list of values, which permits every one', allowed, { any: { deep: ['x'] } }, 'met'],
  ['a parameter that is not listed', allowed, { other: 'v' }, 'unmet'],
  ['one good and one bad parameter', allowed, { k: 'v', other: 1 }, 'unmet'],
  ['no parameters', allowed, {}, 'met'],
  ['any parameter beside a star', others, { other: 1 }, 'met'],
  ['a listed parameter beside a star, with a wrong value', others, { k: 'w' }, 'unmet'],
  ['only a star', 'allowed_parameters = { "*" = [] }', { x: 1 }, 'met'],
  ['a parameter named like a prototype', allowed, JSON.parse('{"__proto__": "v"}'), 'unmet'],

  ['a denied value', denied, { k: 'v' }, 'denied'],
  ['a denied value by glob', denied, { k: 'badly' }, 'denied'],
  ['another value', denied, { k: 'w' }, 'met'],
  ['a parameter denied whatever its value', denied, { never: 0 }, 'denied'],
  ['a parameter denied in another case', denied, { NEVER: 0 }, 'denied'],
  ['a list with one denied value', denied, { k: ['w', 'v'] }, 'denied'],
  ['a comma list with one denied value', denied, { k: 'w, v' }, 'denied'],
  ['another parameter', denied, { x: 1 }, 'met'],
  ['any parameter where all are denied', 'denied_parameters = { "*" = [] }', { x: 1 }, 'denied'],
  ['no parameter where all are denied', 'denied_parameters = { "*" = [] }', {}, 'met'],
  ['a denied parameter that is also allowed', 'allowed_parameters = { "k" = [] } denied_parameters = { "k" = ["v"] }', { k: 'v' }, 'denied'],

  ['a policy name in another case, denied', 'denied_parameters = { "policies" = ["admin"] }', { policies: 'ADMIN' }, 'denied'],
  ['policy names in a list, denied', 'denied_parameters = { "token_policies" = ["admin"] }', { token_policies: ['x', 'Admin'] }, 'denied'],
  ['another parameter in another case', 'denied_parameters = { "k" = ["admin"] }', { k: 'ADMIN' }, 'met'],

  ['a required parameter that is there', 'required_parameters = ["k"]', { K: 1 }, 'met'],
  ['a required parameter that is not', 'required_parameters = ["k", "l"]', { k: 1 }, 'unmet'],
  ['a required parameter when there are none', 'required_parameters = ["k"]', {}, 'unmet'],
] as const) {
  test(`${name}: ${expected}`, () => assert.equal(outcome(block, { parameters }), expected))
}

test('objects and lists as values compare by content', () => {
  const block = 'allowed_parameters = { "k" = [{ a = 1, b = ["x"] }, ["p", "q"]] }'
  assert.equal(outcome(block, { parameters: { k: { b: ['x'], a: 1 } } }), 'met')
  assert.equal(outcome(block, { parameters: { k: { b: ['y'], a: 1 } } }), 'unmet')
  assert.equal(outcome(block, { parameters: { k: { a: 1 } } }), 'unmet')
  assert.equal(outcome(block, { parameters: { k: ['p', 'q'] } }), 'met')
  assert.equal(outcome(block, { parameters: { k: ['q', 'p'] } }), 'unmet')
})

for (const [capability, expected] of [['read', 'denied'], ['create', 'denied'], ['update', 'denied'], ['patch', 'denied'], ['recover', 'denied'], ['list', 'met'], ['delete', 'met'], ['sudo', 'met']] as const) {
  test(`parameters of a ${capability} are ${expected === 'met' ? 'not ' : ''}looked at`, () => {
    assert.equal(outcome(denied, { parameters: { never: 1 } }, capability), expected)
  })
}

const wrapping = 'min_wrapping_ttl = "1m" max_wrapping_ttl = "10m"'

for (const [ttl, expected] of [[undefined, 'unmet'], [59, 'unmet'], [60, 'met'], [600, 'met'], [601, 'unmet'], [0, 'unmet']] as const) {
  test(`a response wrapped for ${String(ttl)} seconds within 1 to 10 minutes: ${expected}`, () => {
    assert.equal(outcome(wrapping, { wrapTtlSeconds: ttl }), expected)
  })
}

test('wrapping is required of every verb, lists and deletes included', () => {
  assert.equal(outcome(wrapping, {}, 'list'), 'unmet')
  assert.equal(outcome(wrapping, {}, 'delete'), 'unmet')
})

test('bounds that exclude each other after joining let nothing through', () => {
  const policies = ['path "a" { min_wrapping_ttl = 100 }', 'path "a" { max_wrapping_ttl = 50 }'].map((text) => parseAclPolicy(text, 'p'))
  const constraints = findAclRule(buildAclSet(renderBlocks(policies, undefined), 0), 'a', undefined)?.constraints
  assert.ok(constraints !== undefined)
  for (const wrapTtlSeconds of [10, 50, 75, 100, 200]) {
    assert.equal(checkConstraints(constraints, 'read', { mfa: false, time: 0, door: 'vault', wrapTtlSeconds }).outcome, 'unmet')
  }
})
