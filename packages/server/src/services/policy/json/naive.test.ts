// 100,000 random JSON policies, roles and requests against an evaluator written from the guide, sharing none
// of the engine's code: patterns become regular expressions, actions sets of strings, conditions if-clauses.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { secretResource } from '../actions.ts'
import { compilePrincipal } from '../compiled.ts'
import { decide } from '../decide.ts'
import type { FineAction, PolicyResource, RequestContext, Role, RoleScope } from '../types.ts'
import { parseJsonPolicy } from './parse.ts'

interface Statement {
  readonly effect: 'allow' | 'deny'
  readonly principal: string | readonly string[]
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly conditions: Readonly<Record<string, unknown>>
}

// ── The naive evaluator ─────────────────────────────────────────────────────

const meaning: Readonly<Record<string, readonly FineAction[]>> = {
  'secrets:list': ['list'],
  'secrets:read': ['read', 'reveal', 'list'],
  'secrets:metadata': ['read', 'list'],
  'secrets:reveal': ['reveal'],
  'secrets:write': ['create', 'update'],
  'secrets:rotate': ['rotate'],
  'secrets:delete': ['delete'],
  'secrets:destroy': ['destroy'],
  'secrets:export': ['export'],
  'secrets:administer': ['administer'],
  'secrets:read-break-glass': ['break-glass'],
  'secrets:*': ['list', 'read', 'reveal', 'create', 'update', 'delete', 'undelete', 'destroy', 'rotate', 'export', 'administer', 'audit-read'],
  'policies:*': [],
  'audit:read': ['audit-read'],
}

const expression = (pattern: string): RegExp => {
  if (pattern === '*') return /^/
  const tree = pattern.endsWith('/*')
  const glob = !tree && pattern.endsWith('*')
  const bare = tree ? pattern.slice(0, -2) : glob ? pattern.slice(0, -1) : pattern
  const source = bare.split('/').map((part) => (part === '+' ? '[^/]+' : part)).join('/')
  return new RegExp(tree ? `^${source}/` : glob ? `^${source}[^/]*/?$` : `^${source}/?$`)
}

const matches = (resource: string, action: FineAction, { project, environment, path, apiPath }: PolicyResource, defaultProject: string): boolean => {
  const slash = action === 'list' ? (text: string): string => (text.endsWith('/') ? text : `${text}/`) : (text: string): string => text
  if (resource.startsWith('/')) return expression(resource.slice(1)).test(slash(apiPath))
  const [before, after] = resource.includes(':') ? resource.split(':', 2) : [defaultProject, resource]
  if (before !== '*' && before !== project) return false
  return expression(after ?? '').test(slash(`${environment}/${path}`))
}

const isNamed = (principal: string | readonly string[], names: readonly string[]): boolean =>
  [principal].flat().some((each) => each === '*' || names.some((name) => name === each || (each.endsWith(':*') && name.startsWith(each.slice(0, -1)))))

const holds = (conditions: Readonly<Record<string, unknown>>, effect: 'allow' | 'deny', resource: PolicyResource, context: RequestContext): boolean => {
  const unknown = effect === 'deny'
  if (conditions['environment'] !== undefined && conditions['environment'] !== resource.environment) return false
  if (conditions['mfa'] === true && !context.mfa) return false
  if (conditions['ticketRequired'] === true && !context.ticket) return false
  if (conditions['sourceCluster'] !== undefined && (context.sourceCluster === undefined ? !unknown : context.sourceCluster !== conditions['sourceCluster'])) return false
  if (conditions['sourceCidr'] === '10.0.0.0/8' && (context.sourceIp === undefined ? !unknown : !context.sourceIp.startsWith('10.'))) return false
  if (conditions['notBefore'] !== undefined && context.time < 1000) return false
  return true
}

const roleAllows = (role: Role, action: FineAction, shut: boolean): boolean => {
  const look = ['list', 'read']
  switch (role) {
    case 'auditor': return [...look, 'audit-read'].includes(action)
    case 'reader': return look.includes(action) || (action === 'reveal' && !shut)
    case 'developer': return look.includes(action) || (!shut && ['reveal', 'create', 'update', 'delete', 'undelete', 'rotate'].includes(action))
    case 'admin': return action !== 'break-glass' && !(shut && action === 'destroy')
    case 'owner': return action !== 'break-glass'
    case 'billing': return false
  }
}

const inScope = (scope: RoleScope, resource: PolicyResource): boolean =>
  scope.level === 'organization' || (scope.project === resource.project && (scope.level === 'project' || scope.environment === resource.environment))

interface World {
  readonly statements: readonly Statement[]
  readonly roles: readonly { readonly role: Role; readonly scope: RoleScope }[]
  readonly names: readonly string[]
}

const naive = ({ statements, roles, names }: World, action: FineAction, resource: PolicyResource, context: RequestContext): boolean => {
  const applying = statements.filter((statement) =>
    isNamed(statement.principal, names)
    && statement.actions.some((name) => meaning[name]?.includes(action))
    && statement.resources.some((each) => matches(each, action, resource, 'secret'))
    && holds(statement.conditions, statement.effect, resource, context))
  if (applying.some((statement) => statement.effect === 'deny')) return false
  const proven = action !== 'break-glass' || (Boolean(context.ticket) && Boolean(context.reason))
  if (proven && applying.length > 0) return true
  return roles.some(({ role, scope }) => inScope(scope, resource) && roleAllows(role, action, resource.protected !== false))
}

// ── Random worlds ───────────────────────────────────────────────────────────

const environments = ['prod', 'dev'] as const
const part = fc.constantFrom('pay', 'payments', 'x', 'y')
const place = fc.tuple(fc.constantFrom('prod', 'dev', '+'), fc.array(fc.oneof({ weight: 3, arbitrary: part }, { weight: 1, arbitrary: fc.constant('+') }), { maxLength: 3 }), fc.constantFrom('/*', '', '/pay*'))
  .map(([environment, parts, end]) => [environment, ...parts].join('/') + end)
const resourcePattern = fc.oneof(
  { weight: 6, arbitrary: place },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('secret', 'billing', '*'), place).map(([project, text]) => `${project}:${text}`) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('secret', '+', 'billing'), fc.constantFrom('data', 'metadata', '+'), place).map(([mount, family, text]) => `/${mount}/${family}/${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('*', '*:*', '/*', 'billing:*') },
)
const common = fc.record({ sourceCluster: fc.constantFrom('east', 'west'), sourceCidr: fc.constant('10.0.0.0/8'), environment: fc.constantFrom(...environments), notBefore: fc.constant('1970-01-01T00:00:01Z') }, { requiredKeys: [] })
const proofs = fc.record({ mfa: fc.boolean(), ticketRequired: fc.boolean() }, { requiredKeys: [] })
const principal = fc.oneof(fc.constantFrom<string | readonly string[]>('user:ann', 'group:oncall', 'service:prod:*', '*', 'user:bob', 'service:*'), fc.constant(['user:bob', 'service:prod:api']))
const statement: fc.Arbitrary<Statement> = fc.record({
  effect: fc.constantFrom<('allow' | 'deny')[]>('allow', 'allow', 'allow', 'deny'),
  principal,
  actions: fc.uniqueArray(fc.constantFrom(...Object.keys(meaning)), { minLength: 1, maxLength: 3 }),
  resources: fc.array(resourcePattern, { minLength: 1, maxLength: 3 }),
  shared: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: common }),
  proofs: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: proofs }),
}).map(({ shared, proofs: needed, ...rest }) => ({ ...rest, conditions: rest.effect === 'deny' ? shared : { ...shared, ...needed } }))
const scope: fc.Arbitrary<RoleScope> = fc.oneof(
  fc.constant<RoleScope>({ level: 'organization' }),
  fc.constantFrom('secret', 'billing').map((project): RoleScope => ({ level: 'project', project })),
  fc.tuple(fc.constantFrom('secret', 'billing'), fc.constantFrom(...environments)).map(([project, environment]): RoleScope => ({ level: 'environment', project, environment })),
)
const world: fc.Arbitrary<World> = fc.record({
  statements: fc.array(statement, { maxLength: 8 }),
  roles: fc.array(fc.record({ role: fc.constantFrom<Role[]>('auditor', 'reader', 'developer', 'admin', 'owner', 'billing'), scope }), { maxLength: 1 }),
  names: fc.uniqueArray(fc.constantFrom('user:ann', 'group:oncall', 'service:prod:api', 'service:dev:api'), { minLength: 1, maxLength: 3 }),
})
const request = fc.record({
  action: fc.constantFrom<FineAction[]>('list', 'read', 'reveal', 'create', 'update', 'delete', 'undelete', 'destroy', 'rotate', 'export', 'administer', 'audit-read', 'break-glass'),
  project: fc.constantFrom('secret', 'billing'),
  environment: fc.constantFrom(...environments),
  path: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  context: fc.record<RequestContext>({
    mfa: fc.boolean(),
    ticket: fc.constantFrom(undefined, 'T-1'),
    reason: fc.constantFrom(undefined, 'incident'),
    sourceCluster: fc.constantFrom(undefined, 'east', 'west'),
    sourceIp: fc.constantFrom(undefined, '10.1.2.3', '192.0.2.1'),
    time: fc.constantFrom(0, 5000),
    door: fc.constant('rest'),
  }),
})

test('100,000 random requests are decided as the guide says', () => {
  const seen = { allowed: 0, refused: 0, denied: 0 }
  fc.assert(fc.property(world, fc.array(request, { minLength: 20, maxLength: 20 }), (given, requests) => {
    const compiled = compilePrincipal({
      principal: { id: 'p', names: given.names, root: false },
      aclPolicies: [],
      jsonPolicies: given.statements.length === 0 ? [] : [parseJsonPolicy(JSON.stringify({ statements: given.statements }), 'j')],
      roleBindings: given.roles,
      defaultProject: 'secret',
    })
    for (const { action, project, environment, path, context } of [...requests, ...requests]) {
      const resource = secretResource(action, { project, environment, path, protected: environment === 'prod' })
      const expected = naive(given, action, resource, context)
      const decision = decide(compiled, action, resource, context)
      assert.equal(decision.allow, expected, `${action} ${resource.apiPath}: ${decision.rule}`)
      seen[expected ? 'allowed' : decision.rule === 'default-deny' ? 'refused' : 'denied'] += 1
    }
  }), { numRuns: 5_000 })
  assert.ok(seen.allowed > 20_000 && seen.refused > 20_000 && seen.denied > 2_000, `the cases must be worth their number: ${JSON.stringify(seen)}`)
})
