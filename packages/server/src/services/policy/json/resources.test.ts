// Resources of JSON policies: what each spelling means, where wildcards reach and where they stop.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secretResource } from '../actions.ts'
import type { FineAction, PolicyResource } from '../types.ts'
import { compileResource, matchesResource, parseResourcePattern, subjectOf } from './resources.ts'

const matches = (text: string, resource: PolicyResource, action: FineAction = 'reveal', defaultProject: string | undefined = 'secret'): boolean => {
  const parsed = parseResourcePattern(text)
  assert.notEqual(typeof parsed, 'string', String(parsed))
  assert.ok(typeof parsed !== 'string')
  return matchesResource(compileResource(parsed, defaultProject), subjectOf(resource, action === 'list'))
}

const secret = (environment: string, path: string, project = 'secret', action: FineAction = 'reveal'): PolicyResource =>
  secretResource(action, { project, environment, path, protected: false })

for (const [pattern, environment, path, expected] of [
  ['prod/payments/*', 'prod', 'payments/stripe', true],
  ['prod/payments/*', 'prod', 'payments/eu/stripe', true],
  ['prod/payments/*', 'prod', 'payments', false],
  ['prod/payments/*', 'prod', 'payments-old/stripe', false],
  ['prod/payments/*', 'staging', 'payments/stripe', false],
  ['prod/payments/stripe', 'prod', 'payments/stripe', true],
  ['prod/payments/stripe', 'prod', 'payments/stripe2', false],
  ['prod/payments/stripe', 'prod', 'payments/stripe/key', false],
  ['prod/pay*', 'prod', 'payments', true],
  ['prod/pay*', 'prod', 'pay', true],
  ['prod/pay*', 'prod', 'payments/stripe', false],
  ['prod/*', 'prod', 'anything/below', true],
  ['prod/*', 'production', 'anything', false],
  ['prod*', 'prod', 'anything', false],
  ['*', 'prod', 'a/b/c', true],
  ['+/payments/*', 'dev', 'payments/x', true],
  ['+/payments/*', 'dev', 'other/x', false],
  ['+/payments/*', 'dev', 'payments', false],
  ['prod/+/key', 'prod', 'a/key', true],
  ['prod/+/key', 'prod', 'a/b/key', false],
  ['prod/+/key', 'prod', 'key', false],
  ['prod/+', 'prod', 'a', true],
  ['prod/+', 'prod', 'a/b', false],
  ['prod/+/pay*', 'prod', 'a/payments', true],
  ['prod/+/pay*', 'prod', 'a/payments/b', false],
  ['prod/a+b', 'prod', 'a+b', true],
  ['prod/a+b', 'prod', 'axb', false],
  ['prod/a.c', 'prod', 'abc', false],
  ['PROD/*', 'prod', 'a', false],
  ['default/app/*', 'default', 'app/key', true],
  ['prod/clé', 'prod', 'clé', true],
] as const) {
  test(`${pattern} ${expected ? 'covers' : 'does not cover'} ${path} in ${environment}`, () => {
    assert.equal(matches(pattern, secret(environment, path)), expected)
  })
}

for (const [pattern, project, expected] of [
  ['prod/*', 'secret', true],
  ['prod/*', 'billing', false],
  ['billing:prod/*', 'billing', true],
  ['billing:prod/*', 'secret', false],
  ['*:prod/*', 'billing', true],
  ['*:*', 'billing', true],
  ['bill*:prod/*', 'billing', true],
  ['bill*:prod/*', 'billing/eu', false],
  ['team/*:prod/*', 'team/kv', true],
  ['team/*:prod/*', 'team/kv/old', false],
  ['team/kv:prod/*', 'team/kv', true],
  ['billing:*', 'billing', true],
] as const) {
  test(`${pattern} ${expected ? 'covers' : 'does not cover'} prod of the project ${project}`, () => {
    assert.equal(matches(pattern, secret('prod', 'a', project)), expected)
  })
}

test('without a default project a resource that names none covers nothing', () => {
  const parsed = parseResourcePattern('*')
  assert.ok(typeof parsed !== 'string')
  assert.equal(matchesResource(compileResource(parsed, undefined), subjectOf(secret('prod', 'a'), false)), false)
})

test('the first colon ends the project, so that a path with a colon needs its project named', () => {
  assert.equal(matches('secret:prod/a:b', secret('prod', 'a:b')), true)
  assert.equal(matches('prod/a:b', secret('prod', 'a:b')), false)
})

for (const [pattern, folder, expected] of [
  ['prod/payments/*', 'payments', true],
  ['prod/payments/*', 'payments/eu', true],
  ['prod/payments/*', '', false],
  ['prod/payments', 'payments', true],
  ['prod/*', '', true],
  ['prod', '', true],
  ['prod/+', 'payments', true],
  ['prod/+/*', 'payments', true],
  ['prod/pay*', 'payments', true],
] as const) {
  test(`${pattern} ${expected ? 'covers' : 'does not cover'} listing the folder ${JSON.stringify(folder)}`, () => {
    assert.equal(matches(pattern, secret('prod', folder, 'secret', 'list'), 'list'), expected)
    const unslashed: PolicyResource = { ...secret('prod', folder, 'secret', 'list'), path: folder }
    assert.equal(matches(pattern, unslashed, 'list'), expected, 'however the folder was written')
  })
}

for (const [pattern, apiPath, expected] of [
  ['/sys/policies/acl/*', 'sys/policies/acl/ops', true],
  ['/sys/policies/acl/*', 'sys/policies/password/x', false],
  ['/sys/mounts', 'sys/mounts', true],
  ['/sys/mounts', 'sys/mounts/x', false],
  ['/transit/encrypt/app-*', 'transit/encrypt/app-1', true],
  ['/transit/encrypt/app-*', 'transit/encrypt/app-1/x', false],
  ['/+/creds/+', 'database/creds/readonly', true],
  ['/a/+/b', 'a//b', false],
  ['/*', 'anything/at/all', true],
] as const) {
  test(`${pattern} ${expected ? 'covers' : 'does not cover'} the API path ${apiPath}`, () => {
    assert.equal(matches(pattern, { kind: 'system', apiPath }), expected)
  })
}

test('an API path pattern covers a secret by the operation that its path stands for', () => {
  assert.equal(matches('/secret/metadata/prod/*', secret('prod', 'a', 'secret', 'read')), true)
  assert.equal(matches('/secret/metadata/prod/*', secret('prod', 'a', 'secret', 'reveal')), false)
})

test('an environment and a project are covered by patterns of their own', () => {
  const environment: PolicyResource = { kind: 'environment', apiPath: 'sys/environments/secret/prod', project: 'secret', environment: 'prod' }
  const project: PolicyResource = { kind: 'project', apiPath: 'sys/mounts/secret', project: 'secret' }
  assert.equal(matches('prod', environment), true)
  assert.equal(matches('prod/*', environment), true)
  assert.equal(matches('prod*', { ...environment, environment: 'production' }), true)
  assert.equal(matches('dev', environment), false)
  assert.equal(matches('secret:*', project), true)
  assert.equal(matches('secret:prod/*', project), false)
})

test('a secret whose environment was forgotten is not matched by its path', () => {
  assert.equal(matches('*', { kind: 'secret', apiPath: 'secret/data/prod/a', project: 'secret', path: 'prod/a' }), false)
})

test('an engine is matched by what follows its mount', () => {
  assert.equal(matches('transit:encrypt/*', { kind: 'engine', apiPath: 'transit/encrypt/k', project: 'transit', path: 'encrypt/k' }), true)
  assert.equal(matches('transit:decrypt/*', { kind: 'engine', apiPath: 'transit/encrypt/k', project: 'transit', path: 'encrypt/k' }), false)
})

for (const [text, reason] of [
  ['', /empty/],
  ['prod/', /ends in a slash/],
  ['/', /names no path/],
  ['billing:', /names no path/],
  [':prod/*', /nothing before its colon/],
  ['prod//x', /empty or dot segment/],
  ['prod/../dev/x', /empty or dot segment/],
  ['./x', /empty or dot segment/],
  ['prod/*/x', /\* before its end/],
  ['*/x', /\* before its end/],
  ['prod/**', /\* before its end/],
  ['a*b:prod/x', /\* inside the name of its project/],
  ['a//b:prod/x', /segment in its project/],
  ['/v1/secret/data/x', /leave that out/],
  ['prod/a\u0000b', /control characters/],
  ['prod/a\nb', /control characters/],
  ['prod/\ud800', /control characters/],
  ['prod/cle\u0301', /normal form C/],
  [`prod/${'a'.repeat(1100)}`, /longer than/],
] as const) {
  test(`the resource ${JSON.stringify(text.slice(0, 30))} is refused`, () => {
    const parsed = parseResourcePattern(text)
    assert.equal(typeof parsed, 'string')
    assert.match(String(parsed), reason)
  })
}
