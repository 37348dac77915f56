// One decision for a folder is compared with a decision on each of many paths below it, for random policies whose patterns collide with the folder's path.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAclPolicy } from './acl/parse.ts'
import { decideBelow } from './below.ts'
import { RuleBook, type CompiledPrincipal } from './compiled.ts'
import { decide } from './decide.ts'
import { parseJsonPolicy } from './json/parse.ts'
import { roleBinding } from './roles.ts'
import type { AclPathRule, AclPolicy, CompileInput, EntityView, JsonPolicy, PolicyAction, PolicyResource, RequestContext, VaultCapability } from './types.ts'

const segment = fc.constantFrom('a', 'b', 'ab', 'n1', 'a+', '_')
const wild = fc.oneof({ weight: 4, arbitrary: segment }, { weight: 3, arbitrary: fc.constant('+') }, { weight: 1, arbitrary: fc.constantFrom('{{identity.entity.name}}', 'x{{identity.entity.metadata.team}}') })
const pattern = fc.tuple(fc.constantFrom('s/metadata/dev/', 's/metadata/dev/', 's/metadata/', 's/', '+/metadata/', ''), fc.array(wild, { maxLength: 3 }), fc.constantFrom('', '*', '/*', '/'))
  .map(([head, segments, end]) => head + segments.join('/') + end).filter((text) => text !== '' && !text.includes('+*') && !text.includes('//'))
const aclRule: fc.Arbitrary<AclPathRule> = fc.record({
  pattern,
  capabilities: fc.uniqueArray(fc.constantFrom<VaultCapability>('read', 'update', 'list', 'deny'), { minLength: 1, maxLength: 2 }),
  expiresAt: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(10, 20) }),
  requiredParameters: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(['x']) }),
})
const acl = fc.array(aclRule, { maxLength: 6 }).map((paths): AclPolicy => ({ name: 'p', paths }))

const resource = fc.oneof(
  fc.tuple(fc.constantFrom('', 's:', '*:', 'other:'), fc.constantFrom('dev', 'dev', '+'), fc.array(fc.oneof(segment, fc.constant('+')), { maxLength: 3 }), fc.constantFrom('', '/*', '*')).map(([project, environment, segments, end]) => project + [environment, ...segments].join('/') + end),
  fc.tuple(fc.array(fc.oneof(segment, fc.constant('+')), { maxLength: 2 }), fc.constantFrom('', '/*', '*')).map(([segments, end]) => ['/s/metadata/dev', ...segments].join('/') + end),
  fc.constantFrom('*', '*:*'),
).filter((text) => !text.includes('+*'))
const json = fc.array(fc.record({
  effect: fc.constantFrom('allow', 'allow', 'deny'), principal: fc.constantFrom('*', 'service:n1', 'group:none'), actions: fc.constantFrom(['secrets:read'], ['secrets:metadata'], ['secrets:write']), resources: fc.array(resource, { minLength: 1, maxLength: 3 }),
  conditions: fc.constantFrom<Record<string, unknown>>({}, {}, { sourceCidr: '10.0.0.0/8' }, { environment: ['prod'] }),
}), { maxLength: 4 }).map((bodies): readonly JsonPolicy[] => bodies.map((body, index) => parseJsonPolicy(JSON.stringify(body), `j${index}`)))

const entity = (team?: string): EntityView => ({ id: 'e', name: 'n1', metadata: team === undefined ? {} : { team }, aliases: {}, groups: [] })
const holder = fc.constantFrom(entity(), entity('a'), entity('x/*'), entity('+'))
const bindings = fc.constantFrom([], [], [], [roleBinding('reader', { level: 'organization' })], [roleBinding('auditor', { level: 'environment', project: 's', environment: 'dev' })])
const lock = fc.constantFrom(undefined, undefined, undefined, { project: 's' }, { project: 's', environment: 'dev' }, { project: 'other' })

const folder = fc.array(segment, { maxLength: 3 }).map((segments) => segments.map((each) => `${each}/`).join(''))
const rest = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))

const below = (path: string): PolicyResource => ({ kind: 'secret', apiPath: `s/metadata/dev/${path}`, project: 's', environment: 'dev', path, protected: true })

test('what is decided once for a folder is what would be decided for each secret in it', () => {
  const seen = { one: 0, none: 0, allowed: 0, refused: 0 }
  const question = fc.record({ folder, rests: fc.array(rest, { minLength: 12, maxLength: 12 }), action: fc.constantFrom<PolicyAction>('read', 'reveal', 'update'), time: fc.constantFrom(0, 15, 30), sourceIp: fc.constantFrom('10.1.1.1', '127.0.0.1') })
  fc.assert(fc.property(acl, json, holder, bindings, lock, fc.boolean(), fc.array(question, { minLength: 8, maxLength: 8 }), (aclPolicy, jsonPolicies, view, roleBindings, locked, root, questions) => {
    const input: CompileInput = { principal: { id: 'p', names: ['service:n1'], root: root && locked !== undefined, entity: view, ...(locked === undefined ? {} : { lock: locked }) }, aclPolicies: [aclPolicy], jsonPolicies, roleBindings, defaultProject: 's' }
    const compiled = new RuleBook().compile(input)
    for (const { folder: path, rests, action, time, sourceIp } of questions) {
      const context: RequestContext = { mfa: false, time, door: 'rest', sourceIp, parameters: {} }
      const one = decideBelow(compiled, action, below(path), context)
      seen[one === undefined ? 'none' : 'one'] += 1
      if (one === undefined) continue
      seen[one.allow ? 'allowed' : 'refused'] += 1
      for (const each of rests) assert.deepEqual(one, decide(compiled, action, below(path + each), context), `${path} ${each}`)
    }
  }), { numRuns: 3_000 })
  assert.ok(seen.one > 2_000 && seen.none > 2_000 && seen.allowed > 500 && seen.refused > 500, JSON.stringify(seen))
})

const readAt = (compiled: CompiledPrincipal, folderPath: string, sourceIp = '10.1.1.1') => decideBelow(compiled, 'read', below(folderPath), { mfa: false, time: 0, door: 'rest', sourceIp })?.allow
const with_ = (text: string, ...jsonBodies: readonly object[]): CompiledPrincipal =>
  new RuleBook().compile({ principal: { id: 'p', names: ['service:n1'], root: false }, aclPolicies: [parseAclPolicy(text, 'p')], jsonPolicies: jsonBodies.map((body, index) => parseJsonPolicy(JSON.stringify(body), `j${index}`)), roleBindings: [], defaultProject: 's' })

test('usual policies decide for whole folders, and one secret that is spoken of by itself ends that', () => {
  const wide = 'path "s/metadata/dev/*" { capabilities = ["read"] }'
  assert.equal(readAt(with_(wide), 'app/'), true)
  assert.equal(readAt(with_(wide), ''), true)
  assert.equal(readAt(with_('path "+/metadata/+/app/*" { capabilities = ["read"] }'), 'app/db/'), true)
  assert.equal(readAt(with_('path "other/*" { capabilities = ["read"] }'), 'app/'), false)
  assert.equal(readAt(with_(`${wide} path "s/metadata/dev/app/key" { capabilities = ["deny"] }`), 'app/'), undefined)
  assert.equal(readAt(with_(`${wide} path "s/metadata/dev/app/key" { capabilities = ["deny"] }`), 'other/'), true)
  assert.equal(readAt(with_(`${wide} path "s/metadata/dev/app/k*" { capabilities = ["deny"] }`), 'app/'), undefined)
  assert.equal(readAt(with_(`${wide} path "s/metadata/dev/+/key" { capabilities = ["deny"] }`), 'app/'), undefined)
  const allow = { effect: 'allow', principal: '*', actions: ['secrets:read'], resources: ['dev/*'] }
  assert.equal(readAt(with_('', allow), 'app/'), true)
  assert.equal(readAt(with_('', allow, { ...allow, effect: 'deny', resources: ['dev/app/key'] }), 'app/'), undefined)
  assert.equal(readAt(with_('', allow, { ...allow, effect: 'deny', resources: ['dev/app/*'] }), 'app/'), false)
  // A condition is of the request, not of the secret.
  const guarded = { ...allow, conditions: { sourceCidr: '10.0.0.0/8' } }
  assert.deepEqual([readAt(with_('', guarded), 'app/'), readAt(with_('', guarded), 'app/', '127.0.0.1')], [true, false])
})

test('of lists, of paths that are no folder and of what needs sudo nothing is said', () => {
  const compiled = with_('path "*" { capabilities = ["read", "list", "sudo"] }')
  const context: RequestContext = { mfa: false, time: 0, door: 'rest' }
  assert.equal(decideBelow(compiled, 'list', below('app/'), context), undefined)
  assert.equal(decideBelow(compiled, 'scan', below('app/'), context), undefined)
  assert.equal(decideBelow(compiled, 'read', { ...below('app/'), capability: 'list' }, context), undefined)
  assert.equal(decideBelow(compiled, 'read', { ...below('app/'), sudo: true }, context), undefined)
  assert.equal(decideBelow(compiled, 'read', below('app'), context), undefined)
  assert.equal(decideBelow(compiled, 'read', { kind: 'secret', apiPath: 's/metadata/dev/' }, context), undefined)
  assert.equal(decideBelow(compiled, 'read', below('app/'), context)?.allow, true)
})
