// Sharing changes no decision: principals of one book are compared with rules that are built for each of them and each question anew.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildAclSet, renderBlocks } from './acl/compile.ts'
import { RuleBook, type CompiledPrincipal } from './compiled.ts'
import { capabilities, decide } from './decide.ts'
import { compileStatements } from './json/compile.ts'
import { parseJsonPolicy } from './json/parse.ts'
import { resolveRules } from './resolve.ts'
import { compileRole, roleBinding } from './roles.ts'
import type { AclPathRule, AclPolicy, CompileInput, EntityView, PolicyResource, RequestContext, VaultCapability } from './types.ts'

const segment = fc.constantFrom('a', 'b', 'ab', 'n1', 'n2', 'a+')
const templated = fc.constantFrom('{{identity.entity.name}}', '{{identity.entity.metadata.team}}', 'x{{identity.entity.name}}', '{{identity.groups.names.ops.id}}', '{{identity.entity.metadata.team}}{{identity.entity.metadata.evil}}')
const patternSegment = fc.oneof({ weight: 4, arbitrary: segment }, { weight: 2, arbitrary: fc.constant('+') }, { weight: 2, arbitrary: templated })
const pattern = fc.tuple(fc.constantFrom('', '', 's/data/'), fc.array(patternSegment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/*', '*', '/')).map(([head, segments, end]) => head + segments.join('/') + end)
const aclRule: fc.Arbitrary<AclPathRule> = fc.record({
  pattern,
  capabilities: fc.uniqueArray(fc.constantFrom<VaultCapability>('create', 'read', 'update', 'delete', 'list', 'sudo', 'deny'), { maxLength: 3 }),
  expiresAt: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(10, 20) }),
  requiredParameters: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(['x']) }),
})
const aclPolicies = fc.tuple(fc.array(aclRule, { maxLength: 5 }), fc.array(aclRule, { maxLength: 5 })).map((rules) => rules.map((paths, index): AclPolicy => ({ name: `p${index}`, paths })))

const jsonPolicies = fc.array(fc.record({
  effect: fc.constantFrom('allow', 'deny'), principal: fc.constantFrom('*', 'service:n1', 'service:n2', 'group:ops'), actions: fc.constantFrom(['secrets:read'], ['secrets:write']), resources: fc.constantFrom(['dev/*'], ['dev/a/*', 'prod/*']),
  conditions: fc.constantFrom<{ readonly mfa?: true; readonly sourceCidr?: string }>({}, {}, { mfa: true }, { sourceCidr: '10.0.0.0/8' }),
  // What only an allow may require is not in a deny.
}).filter(({ effect, conditions }) => effect === 'allow' || !('mfa' in conditions)), { maxLength: 3 }).map((bodies) => bodies.map((body, index) => parseJsonPolicy(JSON.stringify(body), `j${index}`)))

const entity = (name: string, metadata: Readonly<Record<string, string>>, groups: EntityView['groups']): EntityView => ({ id: `id-${name}`, name, metadata, aliases: {}, groups })
const ops = { id: 'a', name: 'ops', metadata: {} }
/** Values that are nobody's, that are plain, and that would widen a pattern. */
const holders = [undefined, entity('n1', {}, []), entity('n2', { team: 'a' }, [ops]), entity('a', { team: 'b', evil: 'x/*' }, []), entity('n1', { team: '+' }, [ops])]
const roles = [[], [roleBinding('reader', { level: 'organization' })], [roleBinding('auditor', { level: 'project', project: 's' })]]
const principals = fc.array(fc.record({ holder: fc.nat(holders.length - 1), roles: fc.nat(roles.length - 1), some: fc.subarray([0, 1]) }), { minLength: 2, maxLength: 5 })

const path = fc.tuple(fc.constantFrom('', 's/data/'), fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/')).map(([head, segments, end]) => head + segments.join('/') + end)
const question = fc.record({
  who: fc.nat(4), path, time: fc.constantFrom(0, 5, 15, 30), action: fc.constantFrom('reveal', 'list', 'create', 'update', 'delete', 'read', 'administer'),
  environment: fc.constantFrom('dev', 'prod'), kind: fc.constantFrom('secret', 'engine', 'system'), sudo: fc.constantFrom(false, false, true), sourceIp: fc.constantFrom('10.1.1.1', '127.0.0.1'),
})

/** Rules of one principal, built for one question and then forgotten. */
const alone = (input: CompileInput): CompiledPrincipal => {
  const acl = (time: number) => buildAclSet(renderBlocks(input.aclPolicies, input.principal.entity), time)
  const rules = { statements: compileStatements(input), roles: input.roleBindings.map(compileRole) }
  return { principal: input.principal, ...rules, aclAt: acl, resolve: (action: never, resource: PolicyResource, time: number) => resolveRules({ ...rules, acl: acl(time) }, action, resource) } as unknown as CompiledPrincipal
}

test('principals that share rules get the decisions that each would get alone', () => {
  const seen = { allowed: 0, refused: 0 }
  fc.assert(fc.property(aclPolicies, jsonPolicies, principals, fc.array(question, { minLength: 30, maxLength: 30 }), (acl, json, asking, questions) => {
    const book = new RuleBook()
    const inputs = asking.map(({ holder, roles: bound, some }): CompileInput => {
      const view = holders[holder]
      return {
        principal: { id: String(holder), names: view === undefined ? ['token:t'] : [`service:${view.name}`, ...view.groups.map(({ name }) => `group:${name}`)], root: false, ...(view === undefined ? {} : { entity: view }) },
        aclPolicies: some.flatMap((index) => acl[index] ?? []), jsonPolicies: json, roleBindings: roles[bound] ?? [], defaultProject: 's',
      }
    })
    const compiled = inputs.map((input) => book.compile(input))
    for (const { who, path: apiPath, time, action, environment, kind, sudo, sourceIp } of questions) {
      const index = who % inputs.length
      const [shared, input] = [compiled[index], inputs[index]]
      assert.ok(shared !== undefined && input !== undefined)
      const resource = { kind, apiPath, project: 's', environment, path: apiPath, protected: environment === 'prod', sudo } as PolicyResource
      const context: RequestContext = { mfa: false, time, door: 'vault', sourceIp, parameters: {} }
      const decision = decide(shared, action as 'reveal', resource, context)
      assert.deepEqual(decision, decide(alone(input), action as 'reveal', resource, context))
      assert.deepEqual(capabilities(shared, apiPath, context), capabilities(alone(input), apiPath, context))
      seen[decision.allow ? 'allowed' : 'refused'] += 1
    }
  }), { numRuns: 400 })
  assert.ok(seen.allowed > 500 && seen.refused > 500, JSON.stringify(seen))
})

const policy = (name: string, ...patterns: readonly string[]): AclPolicy => ({ name, paths: patterns.map((each) => ({ pattern: each, capabilities: ['read'] })) })
const input = (name: string, policies: readonly AclPolicy[], json: CompileInput['jsonPolicies'] = none): CompileInput => ({ principal: { id: name, names: [`service:${name}`], root: false, entity: entity(name, {}, []) }, aclPolicies: policies, jsonPolicies: json, roleBindings: [], defaultProject: 's' })
const none: CompileInput['jsonPolicies'] = []

test('who has the same policies shares what was compiled and what was decided', () => {
  const book = new RuleBook()
  const [pod, other] = [policy('pod', 's/data/*', 'own/{{identity.entity.name}}'), policy('pod', 's/data/*')]
  const sets = [['n1', [pod]], ['n2', [pod]], ['n3', [other]], ['n4', [pod, other]], ['n5', [other, pod]]] as const
  const of = sets.map(([name, policies]) => book.compile(input(name, policies)).statements)
  // The statements of a set are one object, so they tell which set it is.
  assert.equal(of[0], of[1])
  assert.equal(new Set(of).size, 4)
})

test('statements that name one and not the other keep them apart', () => {
  const book = new RuleBook()
  const json = [parseJsonPolicy(JSON.stringify({ effect: 'allow', principal: 'service:n1', actions: ['secrets:read'], resources: ['dev/*'] }), 'j')]
  const [one, other, again] = ['n1', 'n2', 'n1'].map((name) => book.compile(input(name, [], json)))
  assert.notEqual(one?.statements, other?.statements)
  assert.equal(one?.statements, again?.statements)
  assert.deepEqual([one?.statements.allows.length, other?.statements.allows.length, other?.statements.strangers.length], [1, 0, 1])
})

test('a folder is listed by the path with a slash behind it, which a template may be about although the path without is not', () => {
  const lists: AclPolicy = { name: 'lists', paths: [{ pattern: 'kv', capabilities: ['list'] }] }
  // A value that its subject chose to widen the pattern widens the deny.
  const denies: AclPolicy = { name: 'denies', paths: [{ pattern: 'kv/{{identity.entity.metadata.team}}', capabilities: ['deny'] }, { pattern: '+/', capabilities: ['list'] }] }
  const asks = (policies: readonly AclPolicy[], team: string): readonly boolean[] => {
    const of: CompileInput = { ...input('n1', policies), principal: { id: 'n1', names: ['service:n1'], root: false, entity: entity('n1', { team }, []) } }
    const resource: PolicyResource = { kind: 'engine', apiPath: 'kv' }
    const context: RequestContext = { mfa: false, time: 0, door: 'vault' }
    return [decide(new RuleBook().compile(of), 'list', resource, context).allow, decide(alone(of), 'list', resource, context).allow]
  }
  assert.deepEqual(asks([denies], 'a'), [true, true])
  assert.deepEqual(asks([denies], 'x/*'), [false, false])
  assert.deepEqual(asks([lists, denies], 'a'), [true, true])
})
