// Explanations: the decision that decide gives, and for every rule why it did or did not count.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAclPolicy } from './acl/parse.ts'
import { secretResource } from './actions.ts'
import { compilePrincipal } from './compiled.ts'
import { decide } from './decide.ts'
import { explain } from './explain.ts'
import { parseJsonPolicy } from './json/parse.ts'
import { roleBinding } from './roles.ts'
import type { FineAction, RequestContext } from './types.ts'

const compiled = compilePrincipal({
  principal: { id: 'p', names: ['user:ann'], root: false },
  aclPolicies: [
    parseAclPolicy(`
      path "secret/*" { capabilities = ["read"] }
      path "secret/data/prod/*" { capabilities = ["read", "update"] required_parameters = ["data"] }
      path "secret/data/prod/shut" { capabilities = ["deny"] }
      path "other/*" { capabilities = ["read"] }`, 'acl'),
  ],
  jsonPolicies: [
    parseJsonPolicy({
      statements: [
        { id: 'mfa', effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['prod/*'], conditions: { mfa: true } },
        { id: 'dev', effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['*'], conditions: { environment: 'dev' } },
        { id: 'elsewhere', effect: 'deny', principal: '*', actions: ['secrets:*'], resources: ['billing:*'] },
        { id: 'bob', effect: 'allow', principal: 'user:bob', actions: ['*'], resources: ['*:*'] },
        { id: 'policies', effect: 'allow', principal: '*', actions: ['policies:*'], resources: ['/sys/policies/*'] },
        { id: 'from-ten', effect: 'deny', principal: '*', actions: ['secrets:destroy'], resources: ['*'], conditions: { sourceCidr: '10.0.0.0/8' } },
      ],
    }, 'json'),
  ],
  roleBindings: [roleBinding('reader', { level: 'project', project: 'secret' })],
  defaultProject: 'secret',
})

const context: RequestContext = { mfa: false, time: 0, door: 'rest', sourceIp: '10.0.0.1' }

const resource = (action: FineAction, path: string, environment = 'prod') => secretResource(action, { project: 'secret', environment, path, protected: environment === 'prod' })

const why = (action: FineAction, path: string, rule: string, facts: Partial<RequestContext> = {}): string => {
  const { considered } = explain(compiled, action, resource(action, path), { ...context, ...facts })
  const found = considered.find((each) => each.rule === rule)
  assert.ok(found !== undefined, `${rule} is not among ${considered.map((each) => each.rule).join(', ')}`)
  return `${found.effect} ${found.matched ? 'yes' : 'no'}: ${found.why}`
}

for (const [action, path, rule, expected] of [
  ['reveal', 'a', 'acl:acl path "secret/*"', 'none no: a pattern of higher priority decides'],
  ['reveal', 'a', 'acl:acl path "other/*"', 'none no: its pattern does not match the path'],
  ['reveal', 'a', 'acl:acl path "secret/data/prod/shut"', 'none no: its pattern does not match the path'],
  ['reveal', 'shut', 'acl:acl path "secret/data/prod/shut"', 'deny yes: the pattern of highest priority denies'],
  ['reveal', 'a', 'acl:acl path "secret/data/prod/*"', 'none no: the parameter "data" is required'],
  ['delete', 'a', 'acl:acl path "secret/data/prod/*"', 'none no: its pattern decides, but does not grant delete'],
  ['break-glass', 'a', 'acl:acl path "secret/data/prod/*"', 'none no: no ACL policy can grant break-glass'],
  ['read', 'a', 'acl:acl path "secret/*"', 'allow yes: the pattern of highest priority grants read'],
  ['reveal', 'a', 'json:json#mfa', 'none no: its conditions are not met: mfa'],
  ['update', 'a', 'json:json#mfa', 'none no: its actions do not contain update for this kind of resource'],
  ['reveal', 'a', 'json:json#dev', 'none no: it is for other environments'],
  ['reveal', 'a', 'json:json#elsewhere', 'none no: none of its resources matches'],
  ['reveal', 'a', 'json:json#bob', 'none no: it names other principals'],
  ['reveal', 'a', 'json:json#policies', 'none no: its actions do not contain reveal for this kind of resource'],
  ['destroy', 'a', 'json:json#from-ten', 'deny yes: action, resource and conditions match'],
  ['reveal', 'a', 'role:reader@project:secret', 'none no: the role does not contain the action here'],
  ['read', 'a', 'role:reader@project:secret', 'allow yes: the role contains the action here'],
] as const) {
  test(`${action} of ${path}: ${rule} is explained`, () => assert.equal(why(action, path, rule), expected))
}

test('what the request brings changes the explanation', () => {
  assert.equal(why('reveal', 'a', 'json:json#mfa', { mfa: true }), 'allow yes: action, resource and conditions match')
  assert.equal(why('update', 'a', 'acl:acl path "secret/data/prod/*"', { parameters: { data: {} } }), 'allow yes: the pattern of highest priority grants update')
  assert.equal(why('destroy', 'a', 'json:json#from-ten', { sourceIp: '192.0.2.1' }), 'none no: its conditions are not met: sourceCidr')
})

test('the decision is the one that decide gives, and agrees with the rules that matched', () => {
  for (const action of ['list', 'read', 'reveal', 'update', 'destroy', 'break-glass'] as const) {
    for (const path of ['a', 'shut']) {
      for (const facts of [{}, { mfa: true }, { parameters: { data: 1 } }, { sourceIp: '192.0.2.1' }]) {
        const given = { ...context, ...facts }
        const { decision, considered } = explain(compiled, action, resource(action, path), given)
        assert.deepEqual(decision, decide(compiled, action, resource(action, path), given))
        const matched = considered.filter((each) => each.matched)
        assert.equal(decision.allow, matched.length > 0 && matched.every((each) => each.effect === 'allow'))
        if (decision.rule !== 'default-deny') assert.ok(matched.some((each) => each.rule === decision.rule), decision.rule)
      }
    }
  }
})

test('every rule is listed once', () => {
  const rules = explain(compiled, 'reveal', resource('reveal', 'a'), context).considered.map((each) => each.rule)
  assert.equal(rules.length, 4 + 6 + 1)
  assert.equal(new Set(rules).size, rules.length)
})
