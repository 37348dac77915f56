// Warnings: which policies reach further than they look, by the name of what they open.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAclPolicy } from './acl/parse.ts'
import { parseJsonPolicy } from './json/parse.ts'
import { lintPolicy } from './lint.ts'

const json = (changes: object): readonly string[] =>
  lintPolicy(parseJsonPolicy({ effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['prod/a/*'], ...changes }, 'p')).map((each) => each.code)

for (const [resource, codes] of [
  ['prod/payments/*', []],
  ['prod/*', []],
  ['billing:prod/*', []],
  ['prod/+/key', []],
  ['*', ['every-environment']],
  ['+/payments/*', ['every-environment']],
  ['pr*', ['every-environment', 'environment-itself']],
  ['billing:*', ['every-environment']],
  ['*:prod/*', ['every-project']],
  ['team-*:prod/*', ['every-project']],
  ['*:*', ['every-project', 'every-environment']],
  ['prod', ['environment-itself']],
  ['/*', ['every-project', 'every-environment']],
  ['/+/data/prod/*', ['every-project']],
  ['/+/data/*', ['every-project', 'every-environment']],
  ['/secret/*', ['every-environment']],
  ['/secret/data/*', ['every-environment']],
  ['/secret/data/+/payments/*', ['every-environment']],
  ['/secret/data/prod/*', []],
  ['/sys/policies/*', []],
  ['/transit/encrypt/app', []],
] as const) {
  test(`the JSON resource ${resource} ${codes.length === 0 ? 'is as wide as it looks' : `warns of ${codes.join(' and ')}`}`, () => {
    assert.deepEqual(json({ resources: [resource] }), codes)
  })
}

test('a deny may be as wide as it likes', () => assert.deepEqual(json({ effect: 'deny', principal: '*', resources: ['*:*', '/*'] }), []))

test('a condition on the environment narrows what the resource leaves open', () => {
  assert.deepEqual(json({ resources: ['*'], conditions: { environment: 'dev' } }), [])
})

test('everybody is a warning', () => assert.deepEqual(json({ principal: ['user:ann', '*'] }), ['every-principal']))

test('an environment may be named where it is meant', () => {
  assert.deepEqual(json({ actions: ['environments:administer'], resources: ['prod'] }), [])
})

test('the message names the rule and the resource', () => {
  const [warning] = lintPolicy(parseJsonPolicy({ statements: [{ id: 'wide', effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['*:prod/*'] }] }, 'ops'))
  assert.deepEqual(warning, { code: 'every-project', rule: 'json:ops#wide', message: 'json:ops#wide: the resource "*:prod/*" reaches every project.' })
})

for (const [pattern, codes] of [
  ['secret/data/prod/*', []],
  ['secret/data/prod/app', []],
  ['secret/data/{{identity.entity.name}}/*', []],
  ['sys/mounts', []],
  ['sys/*', []],
  ['auth/+/login', []],
  ['*', ['every-project', 'every-environment']],
  ['secret/*', ['every-environment']],
  ['secret/data/*', ['every-environment']],
  ['secret/+/*', ['every-environment']],
  ['secret/data/+/app', ['every-environment']],
  ['+/data/prod/*', ['every-project']],
  ['secret/data/prod/*/x', ['literal-star']],
] as const) {
  test(`the ACL path ${pattern} ${codes.length === 0 ? 'is as wide as it looks' : `warns of ${codes.join(' and ')}`}`, () => {
    const warnings = lintPolicy(parseAclPolicy(`path ${JSON.stringify(pattern)} { capabilities = ["read"] }`, 'p'))
    assert.deepEqual(warnings.map((each) => each.code), codes)
    assert.ok(warnings.every((each) => each.message.includes(JSON.stringify(pattern))))
  })
}

test('ACL denies and empty blocks do not warn', () => {
  assert.deepEqual(lintPolicy(parseAclPolicy('path "*" { capabilities = ["deny"] }\npath "+/*" {}', 'p')), [])
})

for (const [pattern, codes] of [
  ['secret/data/prod//key', ['other-spelling']],
  ['/sys/policies/*', []],
  ['//secret/data/prod/*', ['other-spelling']],
  ['secret/data/../prod/*', ['other-spelling']],
  ['secret/data/prod/caf%C3%A9', ['other-spelling']],
  ['secret/data/prod/100%/x', []],
  ['secret/data/prod/.hidden/...', []],
] as const) {
  for (const capability of ['deny', 'read']) {
    test(`a path ${pattern} with ${capability} ${codes.length === 0 ? 'is as requests have it' : 'warns that no request has it'}`, () => {
      assert.deepEqual(lintPolicy(parseAclPolicy(`path "${pattern}" { capabilities = ["${capability}"] }`, 'p')).map(({ code }) => code), codes)
    })
  }
}

test('a path in another form of Unicode is the one that requests have', () => {
  assert.equal(parseAclPolicy('path "secret/data/prod/cafe\u0301/*" { capabilities = ["deny"] }', 'p').paths[0]?.pattern, 'secret/data/prod/caf\u00e9/*')
})
