// The join of both sets of rules, root, sudo, memory and expiry: what comes out, and which rule is named.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAclPolicy } from './acl/parse.ts'
import { secretResource } from './actions.ts'
import { compilePrincipal, type CompiledPrincipal } from './compiled.ts'
import { capabilities, decide } from './decide.ts'
import { parseJsonPolicy } from './json/parse.ts'
import { roleBinding } from './roles.ts'
import type { Decision, FineAction, PolicyAction, PolicyResource, PrincipalView, RequestContext, RoleBinding } from './types.ts'

interface Given {
  readonly acl?: string
  readonly json?: readonly object[]
  readonly roles?: readonly RoleBinding[]
  readonly principal?: Partial<PrincipalView>
}

const compile = ({ acl, json, roles, principal }: Given): CompiledPrincipal => compilePrincipal({
  principal: { id: 'p', names: ['user:ann', 'group:payments-oncall'], root: false, ...principal },
  aclPolicies: acl === undefined ? [] : [parseAclPolicy(acl, 'ops')],
  jsonPolicies: json === undefined ? [] : [parseJsonPolicy({ statements: json }, 'team')],
  roleBindings: roles ?? [],
  defaultProject: 'secret',
})

const base: RequestContext = { mfa: false, time: 0, door: 'rest', sourceIp: '192.0.2.1' }

const stripe = (action: FineAction): PolicyResource =>
  secretResource(action, { project: 'secret', environment: 'prod', path: 'payments/stripe', protected: true })

const ask = (given: Given, action: FineAction = 'reveal', facts: Partial<RequestContext> = {}): Decision =>
  decide(compile(given), action, stripe(action), { ...base, ...facts })

const aclAllow = 'path "secret/data/prod/*" { capabilities = ["read"] }'
const aclDeny = 'path "secret/data/prod/*" { capabilities = ["deny"] }'
const aclOther = 'path "secret/data/prod/*" { capabilities = ["update"] }'
const allow = { effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['prod/payments/*'] }
const deny = { ...allow, effect: 'deny' }

for (const [acl, json, expected, rule] of [
  [undefined, undefined, false, 'default-deny'],
  [undefined, [allow], true, 'json:team#1'],
  [undefined, [deny], false, 'json:team#1'],
  [undefined, [allow, deny], false, 'json:team#2'],
  [aclAllow, undefined, true, 'acl:ops path "secret/data/prod/*"'],
  [aclAllow, [allow], true, 'acl:ops path "secret/data/prod/*"'],
  [aclAllow, [deny], false, 'json:team#1'],
  [aclDeny, undefined, false, 'acl:ops path "secret/data/prod/*"'],
  [aclDeny, [allow], false, 'acl:ops path "secret/data/prod/*"'],
  [aclDeny, [deny], false, 'acl:ops path "secret/data/prod/*"'],
  [aclOther, undefined, false, 'default-deny'],
  [aclOther, [allow], true, 'json:team#1'],
  [aclOther, [deny], false, 'json:team#1'],
] as const) {
  const name = `ACL ${acl === undefined ? 'nothing' : acl === aclAllow ? 'allow' : acl === aclDeny ? 'deny' : 'another verb'}, JSON ${json === undefined ? 'nothing' : json.map((each) => each.effect).join(' and ')}`
  test(`${name}: ${expected ? 'allowed' : 'denied'} by ${rule}`, () => {
    const decision = ask({ ...(acl === undefined ? {} : { acl }), ...(json === undefined ? {} : { json }) })
    assert.equal(decision.allow, expected)
    assert.equal(decision.rule, rule)
    assert.ok(decision.reason.length > 0)
  })
}

test('a role allows, and is named', () => {
  assert.equal(ask({ roles: [roleBinding('owner', { level: 'organization' })] }).rule, 'role:owner@organization')
})

test('a deny of either language holds against a role', () => {
  const roles = [roleBinding('owner', { level: 'organization' })]
  assert.equal(ask({ roles, json: [deny] }).allow, false)
  assert.equal(ask({ roles, acl: aclDeny }).allow, false)
})

test('an ACL rule that outranks a deny takes the deny away, as in Vault', () => {
  assert.equal(ask({ acl: `${aclDeny}\npath "secret/data/prod/payments/*" { capabilities = ["read"] }` }).allow, true)
})

test('a JSON allow that is narrower does not take a JSON deny away', () => {
  assert.equal(ask({ json: [{ ...deny, resources: ['*'] }, { ...allow, resources: ['prod/payments/stripe'] }] }).allow, false)
})

test('a statement for somebody else contributes nothing, neither allow nor deny', () => {
  assert.equal(ask({ json: [{ ...allow, principal: 'user:bob' }] }).rule, 'default-deny')
  assert.equal(ask({ json: [allow, { ...deny, principal: ['user:bob', 'group:others'] }] }).allow, true)
})

for (const [principal, names, expected] of [
  ['user:ann', ['user:ann'], true],
  ['user:ann', ['user:anna'], false],
  ['user:ann', ['USER:ANN'], false],
  ['group:payments-oncall', ['user:x', 'group:payments-oncall'], true],
  ['service:prod:*', ['service:prod:payments-api'], true],
  ['service:prod:*', ['service:production:x'], false],
  ['service:prod:*', ['service:prod:'], false],
  ['service:*', ['service:prod:x'], true],
  ['*', [], true],
] as const) {
  test(`${principal} ${expected ? 'is' : 'is not'} a principal called ${JSON.stringify(names)}`, () => {
    assert.equal(ask({ json: [{ ...allow, principal }], principal: { names } }).allow, expected)
  })
}

test('metadata needs no reveal, and reveal is not contained in metadata', () => {
  const json = [{ ...allow, actions: ['secrets:metadata'] }]
  assert.equal(ask({ json }, 'read').allow, true)
  assert.equal(ask({ json }, 'reveal').allow, false)
  assert.equal(ask({ acl: 'path "secret/metadata/*" { capabilities = ["read", "list"] }' }, 'reveal').allow, false)
})

test('who may rotate does not thereby see plaintext', () => {
  const json = [{ ...allow, actions: ['secrets:rotate'] }]
  assert.equal(ask({ json }, 'rotate').allow, true)
  for (const action of ['reveal', 'read', 'list', 'export', 'update', 'break-glass'] as const) assert.equal(ask({ json }, action).allow, false, action)
})

// ── Conditions ──────────────────────────────────────────────────────────────

const service = {
  effect: 'allow', principal: 'service:prod:payments-api', actions: ['secrets:read'], resources: ['prod/payments/*'],
  conditions: { sourceCluster: 'prod-us-east-1', mfa: false },
}
const oncall = {
  effect: 'allow', principal: 'group:payments-oncall', actions: ['secrets:rotate', 'secrets:read-break-glass'], resources: ['prod/payments/*'],
  conditions: { mfa: true, ticketRequired: true },
}

for (const [name, action, facts, expected, missing] of [
  ['a service from its cluster reveals', 'reveal', { sourceCluster: 'prod-us-east-1' }, true, undefined],
  ['a service from another cluster does not', 'reveal', { sourceCluster: 'prod-eu-1' }, false, ['sourceCluster']],
  ['a service whose cluster nobody verified does not', 'reveal', {}, false, ['sourceCluster']],
  ['a service does not write', 'update', { sourceCluster: 'prod-us-east-1' }, false, undefined],
] as const) {
  test(name, () => {
    const decision = ask({ json: [service], principal: { names: ['service:prod:payments-api'] } }, action, facts)
    assert.equal(decision.allow, expected)
    assert.deepEqual(decision.missing, missing)
  })
}

for (const [name, action, facts, expected, missing] of [
  ['with MFA and a ticket on-call rotates', 'rotate', { mfa: true, ticket: 'INC-1842' }, true, undefined],
  ['without MFA it does not', 'rotate', { ticket: 'INC-1842' }, false, ['mfa']],
  ['without either it is told of both', 'rotate', {}, false, ['mfa', 'ticketRequired']],
  ['break-glass needs a reason as well', 'break-glass', { mfa: true, ticket: 'INC-1842' }, false, ['reasonRequired']],
  ['break-glass with all three', 'break-glass', { mfa: true, ticket: 'INC-1842', reason: 'production incident' }, true, undefined],
  ['an ordinary reveal is not part of it', 'reveal', { mfa: true, ticket: 'INC-1842', reason: 'x' }, false, undefined],
] as const) {
  test(`on-call: ${name}`, () => {
    const decision = ask({ json: [oncall] }, action, facts)
    assert.equal(decision.allow, expected)
    assert.deepEqual(decision.missing, missing)
  })
}

test('of several conditional allows the one that lacks least is named', () => {
  const json = [{ ...allow, conditions: { mfa: true, ticketRequired: true } }, { ...allow, conditions: { mfa: true } }]
  const decision = ask({ json })
  assert.deepEqual(decision.missing, ['mfa'])
  assert.match(decision.reason, /json:team#2 would, but its conditions are not met: mfa/)
})

test('a conditional deny holds only when its conditions do, and is asked every time', () => {
  const compiled = compile({ json: [allow, { ...deny, conditions: { sourceCidr: '10.0.0.0/8' } }] })
  for (const [sourceIp, expected] of [['192.0.2.1', true], ['10.0.0.1', false], ['192.0.2.1', true], [undefined, false]] as const) {
    assert.equal(decide(compiled, 'reveal', stripe('reveal'), { ...base, sourceIp }).allow, expected, String(sourceIp))
  }
})

test('a condition on the environment separates environments', () => {
  const compiled = compile({ json: [{ ...allow, resources: ['*'], conditions: { environment: ['dev', 'staging'] } }] })
  const inside = (environment: string): boolean =>
    decide(compiled, 'reveal', secretResource('reveal', { project: 'secret', environment, path: 'a', protected: false }), base).allow
  assert.deepEqual(['dev', 'staging', 'prod'].map(inside), [true, true, false])
})

// ── Break-glass and ACL policies ────────────────────────────────────────────

test('no ACL policy grants break-glass, however wide', () => {
  const decision = ask({ acl: 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }' }, 'break-glass', { mfa: true, ticket: 'T', reason: 'r' })
  assert.equal(decision.allow, false)
  assert.equal(decision.rule, 'default-deny')
})

test('an ACL deny on the data path denies break-glass too', () => {
  const decision = ask({ acl: aclDeny, json: [oncall] }, 'break-glass', { mfa: true, ticket: 'T', reason: 'r' })
  assert.equal(decision.allow, false)
  assert.equal(decision.rule, 'acl:ops path "secret/data/prod/*"')
})

test('a deny of break-glass is named even where ticket and reason are missing', () => {
  const decision = ask({ json: [oncall, { ...deny, actions: ['secrets:read-break-glass'] }] }, 'break-glass')
  assert.equal(decision.rule, 'json:team#2')
})

test('a list is of a folder, however the caller wrote it', () => {
  const folder: PolicyResource = { kind: 'secret', apiPath: 'secret/metadata/prod/payments', project: 'secret', environment: 'prod', path: 'payments', protected: true }
  assert.equal(decide(compile({ json: [allow] }), 'list', folder, base).allow, true)
  assert.equal(decide(compile({ json: [{ ...allow, resources: ['/secret/metadata/prod/payments/*'] }] }), 'list', folder, base).allow, true)
  assert.equal(decide(compile({ acl: 'path "secret/metadata/prod/payments/*" { capabilities = ["list"] }' }), 'list', folder, base).allow, true)
  assert.equal(decide(compile({ json: [allow] }), 'read', folder, base).allow, false, 'but reading is of a secret')
})

// ── ACL constraints ─────────────────────────────────────────────────────────

const constrained = 'path "secret/data/prod/*" { capabilities = ["update"] allowed_parameters = { "data" = [] } denied_parameters = { "force" = [] } }'

for (const [name, parameters, json, expected] of [
  ['an allowed parameter passes', { data: {} }, undefined, true],
  ['another parameter does not', { other: 1 }, undefined, false],
  ['another parameter may be allowed by the other set', { other: 1 }, [{ ...allow, actions: ['secrets:write'] }], true],
  ['a denied parameter is a deny, whatever the other set says', { force: true }, [{ ...allow, actions: ['secrets:write'] }], false],
] as const) {
  test(`constraints: ${name}`, () => {
    assert.equal(ask({ acl: constrained, ...(json === undefined ? {} : { json }) }, 'update', { parameters }).allow, expected)
  })
}

test('a refusal by constraint says which', () => {
  assert.match(ask({ acl: constrained }, 'update', { parameters: { other: 1 } }).reason, /"other" is not allowed/)
  assert.match(ask({ acl: constrained }, 'update', { parameters: { force: 1 } }).reason, /"force" is denied/)
})

// ── Root and sudo ───────────────────────────────────────────────────────────

test('root may do everything, whatever the rules say', () => {
  const given: Given = { acl: aclDeny, json: [deny], principal: { root: true } }
  for (const action of ['reveal', 'destroy', 'break-glass'] as const) assert.deepEqual([ask(given, action).allow, ask(given, action).rule], [true, 'root'])
})

const protectedPath: PolicyResource = { kind: 'system', apiPath: 'sys/audit', sudo: true }

for (const [name, acl, expected] of [
  ['both', 'path "sys/audit" { capabilities = ["read", "sudo"] }', true],
  ['only the verb', 'path "sys/audit" { capabilities = ["read"] }', false],
  ['only sudo', 'path "sys/audit" { capabilities = ["sudo"] }', false],
] as const) {
  test(`a sudo path with ${name} is ${expected ? 'open' : 'shut'}`, () => {
    assert.equal(decide(compile({ acl }), 'read', protectedPath, base).allow, expected)
  })
}

test('a refusal for lack of sudo says so', () => {
  assert.match(decide(compile({ acl: 'path "sys/audit" { capabilities = ["read"] }' }), 'read', protectedPath, base).reason, /also needs sudo/)
})

test('administering is sudo for JSON policies', () => {
  const json = (action: string) => [{ effect: 'allow', principal: '*', actions: [action], resources: ['/sys/audit'] }]
  assert.equal(decide(compile({ json: json('system:read') }), 'read', protectedPath, base).allow, false)
  assert.equal(decide(compile({ json: json('system:*') }), 'read', protectedPath, base).allow, true)
})

// ── Memory ──────────────────────────────────────────────────────────────────

test('the same path with another kind, environment or protection is another question', () => {
  const compiled = compile({ roles: [roleBinding('reader', { level: 'environment', project: 'secret', environment: 'dev' })] })
  const resource = (changes: Partial<PolicyResource>): PolicyResource =>
    ({ kind: 'secret', apiPath: 'secret/data/dev/a', project: 'secret', environment: 'dev', path: 'a', protected: false, ...changes })
  const asked = (changes: Partial<PolicyResource>): boolean => decide(compiled, 'reveal', resource(changes), base).allow
  for (let round = 0; round < 2; round += 1) {
    assert.equal(asked({}), true)
    assert.equal(asked({ protected: true }), false)
    assert.equal(asked({ environment: 'prod' }), false)
    assert.equal(asked({ project: 'billing' }), false)
    assert.equal(asked({ kind: 'engine' }), false)
    assert.equal(asked({ path: 'b' }), true)
  }
})

test('an object that the caller fills anew does not change what is remembered', () => {
  const compiled = compile({ json: [{ ...allow, resources: ['prod/a'] }] })
  const resource = { kind: 'secret' as const, apiPath: 'secret/data/prod/a', project: 'secret', environment: 'prod', path: 'a', protected: true }
  assert.equal(decide(compiled, 'reveal', resource, base).allow, true)
  resource.path = 'b'
  assert.equal(decide(compiled, 'reveal', resource, base).allow, false)
})

test('more paths than are remembered are still decided rightly', () => {
  const compiled = compile({ json: [{ ...allow, resources: ['prod/even/*'] }] })
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 2000; index += 1) {
      const path = `${index % 2 === 0 ? 'even' : 'odd'}/${index}`
      assert.equal(decide(compiled, 'reveal', secretResource('reveal', { project: 'secret', environment: 'prod', path, protected: true }), base).allow, index % 2 === 0)
    }
  }
})

test('an ACL block ends when it expires, also for what was remembered', () => {
  const compiled = compile({ acl: 'path "secret/data/prod/*" { capabilities = ["read"] expiration = "1970-01-01T00:00:10Z" }' })
  const at = (time: number): boolean => decide(compiled, 'reveal', stripe('reveal'), { ...base, time }).allow
  assert.deepEqual([at(0), at(9_999), at(10_000), at(9_999), at(20_000)], [true, true, false, true, false])
})

// ── Capabilities ────────────────────────────────────────────────────────────

for (const [name, acl, path, expected] of [
  ['nothing', '', 'secret/data/x', ['deny']],
  ['what the best rule grants, sorted', 'path "secret/*" { capabilities = ["update", "read", "create"] }', 'secret/data/x', ['create', 'read', 'update']],
  ['deny', 'path "secret/*" { capabilities = ["deny"] }', 'secret/data/x', ['deny']],
  ['a rule without capabilities', 'path "secret/*" {}', 'secret/data/x', ['deny']],
  ['a leading slash', 'path "secret/*" { capabilities = ["read"] }', '/secret/data/x', ['read']],
  ['a folder by its rule without the slash', 'path "secret/metadata/a" { capabilities = ["list"] }', 'secret/metadata/a/', ['list']],
] as const) {
  test(`capabilities of a path: ${name}`, () => assert.deepEqual(capabilities(compile({ acl }), path, base), expected))
}

test('capabilities of root are root', () => {
  assert.deepEqual(capabilities(compile({ principal: { root: true } }), 'secret/data/x', base), ['root'])
  assert.deepEqual(capabilities(compile({ principal: { root: true } }), stripe('reveal'), base), ['root'])
})

test('capabilities of a resource speak for both languages', () => {
  const compiled = compile({ acl: 'path "secret/data/prod/*" { capabilities = ["update", "scan"] }', json: [allow, { ...deny, actions: ['secrets:delete'] }] })
  assert.deepEqual(capabilities(compiled, stripe('reveal'), base), ['read', 'scan', 'update'])
  assert.deepEqual(capabilities(compiled, stripe('read'), base), ['list', 'read'], 'of metadata: what JSON grants')
})

test('who reads only metadata has no read on data', () => {
  const compiled = compile({ json: [{ ...allow, actions: ['secrets:metadata'] }] })
  assert.deepEqual(capabilities(compiled, stripe('reveal'), base), ['deny'])
  assert.deepEqual(capabilities(compiled, stripe('read'), base), ['list', 'read'])
  assert.deepEqual(capabilities(compiled, stripe('list'), base), ['list', 'read'])
})

test('capabilities that depend on the request are there when their conditions are met', () => {
  const compiled = compile({ json: [{ ...allow, conditions: { mfa: true } }] })
  assert.deepEqual(capabilities(compiled, stripe('reveal'), base), ['deny'])
  assert.deepEqual(capabilities(compiled, stripe('reveal'), { ...base, mfa: true }), ['read'])
})

test('a capability may be asked for as it is', () => {
  const resource: PolicyResource = { kind: 'engine', apiPath: 'transit/keys/a' }
  const compiled = compile({ acl: 'path "transit/keys/*" { capabilities = ["patch", "scan", "recover", "subscribe"] }' })
  const asked: readonly PolicyAction[] = ['patch', 'scan', 'recover', 'subscribe', 'update', 'list', 'sudo']
  assert.deepEqual(asked.filter((action) => decide(compiled, action, resource, base).allow), ['patch', 'scan', 'recover', 'subscribe'])
  const onFolder = compile({ acl: 'path "transit/keys/a" { capabilities = ["scan"] }' })
  assert.equal(decide(onFolder, 'scan', resource, base).allow, true)
})
