// The contracts of tokens, principals, roles and policies on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'access'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const
const TEN_YEARS = 10 * 365 * 86400
const ROLES = ['auditor', 'reader', 'developer', 'admin', 'owner', 'billing'] as const
const ACTIONS = ['list', 'read', 'reveal', 'create', 'update', 'delete', 'undelete', 'destroy', 'rotate', 'export', 'administer', 'audit-read', 'break-glass'] as const

const accessor = f.text('Accessor of the token', { max: 64, min: 8 })
const name = f.name('Name')

const tokenView = {
  accessor: f.text('Accessor: names the token without being one', { max: 64 }),
  displayName: f.text('Name for people', { max: 128 }),
  principal: f.text('Who acts with it', { max: 256 }).optional(),
  policies: f.list('ACL policies', f.text('Policy', { max: 128 }), { max: 256 }),
  root: f.bool('Whether nothing restrains it'),
  project: f.text('Project that it is locked to', { max: 128 }).optional(),
  environment: f.text('Environment that it is locked to', { max: 128 }).optional(),
  createdAt: f.time('When it was made'),
  expiresAt: f.time('When it ends').nullable(),
  renewable: f.bool('Whether it can be renewed'),
  numUses: f.int('Uses that it was made with; 0: no limit', { min: 0, max: 1_000_000_000 }),
  mfa: f.bool('Whether the login that gave it included a second step'),
}

export const whoami = operation({
  id: 'access.whoami', method: 'GET', path: '/api/v1/me', tag, access: 'token', audit: 'token.lookup-self', work: 'read',
  summary: 'Who you are and what your token is', input: {},
  output: { ...tokenView, organization: f.text('Organization', { max: 64 }), actorType: f.text('user, service_account, workload', { max: 32 }) }, errors: common,
})

export const logout = operation({
  id: 'access.logout', method: 'DELETE', path: '/api/v1/me', tag, access: 'token', audit: 'token.revoke-self', work: 'write',
  summary: 'Revoke your own token', input: {}, output: { revoked: f.int('Tokens that ended', { min: 0, max: 1_000_000 }) }, errors: common,
})

export const renew = operation({
  id: 'access.renew', method: 'POST', path: '/api/v1/me/renew', tag, access: 'token', audit: 'token.renew-self', work: 'write',
  summary: 'Renew your own token', input: { increment: f.duration('From now. Default: its TTL', { maxSeconds: TEN_YEARS }).optional() }, output: { expiresAt: f.time('When it ends now').nullable() }, errors: common,
})

export const createToken = operation({
  id: 'tokens.create', method: 'POST', path: '/api/v1/tokens', tag, access: 'policy', audit: 'token.create', work: 'write', status: 201,
  summary: 'Make a token for a service or a person; it is shown once',
  input: {
    name: f.name('Name of the service account, or of the person'),
    kind: f.choice('Who acts with it', ['service_account', 'user']).default('service_account'),
    project: f.name('Lock it to this project').optional(),
    environment: f.name('Lock it to this environment of the project').optional(),
    role: f.choice('Role in that scope', ROLES).optional(),
    policies: f.list('ACL policies', f.name('Policy'), { max: 64 }).optional(),
    ttl: f.duration('How long it lives; 0: until it is revoked', { maxSeconds: TEN_YEARS }).default(0),
    maxTtl: f.duration('How long renewals can carry it; 0: no limit', { maxSeconds: TEN_YEARS }).default(0),
    numUses: f.int('Uses; 0: no limit', { min: 0, max: 1_000_000_000 }).default(0),
    boundCidrs: f.list('Addresses that it may be used from', f.text('CIDR', { max: 64 }), { max: 64 }).optional(),
    metadata: f.labels('Metadata').optional(),
  },
  output: { token: f.secret('The token, shown this once', { max: 256 }), ...tokenView }, errors: [...common, 'not_found'],
})

export const listTokens = operation({
  id: 'tokens.list', method: 'GET', path: '/api/v1/tokens', tag, access: 'policy', audit: 'token.list', work: 'list',
  summary: 'List live tokens by accessor', input: { after: f.text('Cursor of the page before', { max: 2048 }).optional(), limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100) },
  output: { items: f.list('Tokens', f.object('A token', tokenView), { max: 500 }), next: f.text('Cursor of the next page', { max: 2048 }).optional() }, errors: common,
})

export const revokeToken = operation({
  id: 'tokens.revoke', method: 'DELETE', path: '/api/v1/tokens/:accessor', tag, access: 'policy', audit: 'token.revoke', work: 'write',
  summary: 'Revoke a token and all that were made from it', input: { accessor }, output: { revoked: f.int('Tokens that ended', { min: 0, max: 1_000_000 }) }, errors: [...common, 'not_found'],
})

const principalView = { id: f.text('Id', { max: 40 }), kind: f.text('user, service_account, workload', { max: 32 }), name: f.text('Name', { max: 128 }), disabled: f.bool('Whether it may act'), createdAt: f.time('When it was made') }

export const createPrincipal = operation({
  id: 'principals.create', method: 'POST', path: '/api/v1/principals', tag, access: 'policy', audit: 'principal.create', work: 'write', status: 201,
  summary: 'Make a person or a service account', input: { name, kind: f.choice('Kind', ['user', 'service_account', 'workload']) }, output: principalView, errors: [...common, 'conflict'],
})

export const listPrincipals = operation({
  id: 'principals.list', method: 'GET', path: '/api/v1/principals', tag, access: 'policy', audit: 'principal.list', work: 'list',
  summary: 'List people, service accounts and workloads', input: { after: f.text('Cursor of the page before', { max: 2048 }).optional(), limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100) },
  output: { items: f.list('Principals', f.object('A principal', principalView), { max: 500 }), next: f.text('Cursor of the next page', { max: 2048 }).optional() }, errors: common,
})

const bindingView = { id: f.text('Id', { max: 40 }), principal: f.text('Id of the principal', { max: 40 }).optional(), role: f.text('Role', { max: 32 }), project: f.text('Project', { max: 128 }).optional(), environment: f.text('Environment', { max: 128 }).optional() }

export const bindRole = operation({
  id: 'roles.bind', method: 'POST', path: '/api/v1/role-bindings', tag, access: 'policy', audit: 'role.bind', work: 'write', status: 201,
  summary: 'Give a principal a role in the organization, a project or an environment',
  input: { principal: f.text('Id of the principal', { max: 40 }), role: f.choice('Role', ROLES), project: f.name('Project').optional(), environment: f.name('Environment').optional() }, output: bindingView, errors: [...common, 'not_found'],
})

export const listBindings = operation({
  id: 'roles.list', method: 'GET', path: '/api/v1/role-bindings', tag, access: 'policy', audit: 'role.list', work: 'list',
  summary: 'List role bindings', input: { principal: f.text('Only of this principal', { max: 40 }).optional() }, output: { items: f.list('Bindings', f.object('A binding', bindingView), { max: 1000 }) }, errors: common,
})

export const unbindRole = operation({
  id: 'roles.unbind', method: 'DELETE', path: '/api/v1/role-bindings/:binding', tag, access: 'policy', audit: 'role.unbind', work: 'write',
  summary: 'Take a role away', input: { binding: f.text('Id of the binding', { max: 40 }) }, output: { removed: f.bool('Always true') }, errors: [...common, 'not_found'],
})

const policyView = { name: f.text('Name', { max: 128 }), kind: f.choice('json or acl', ['json', 'acl']), body: f.text('As written', { max: 256 * 1024 }), updatedAt: f.time('When it was written'), warnings: f.list('What the policy reaches beyond expectation', f.text('Warning', { max: 512 }), { max: 256 }).optional() }
const kind = f.choice('json: effect, principal, actions, resources, conditions; acl: Vault\'s HCL or JSON', ['json', 'acl']).default('json')

export const putPolicy = operation({
  id: 'policies.put', method: 'PUT', path: '/api/v1/policies/:name', tag, access: 'policy', audit: 'policy.write', work: 'write',
  summary: 'Write a policy', input: { name, kind, body: f.text('The policy as text', { max: 256 * 1024, min: 1 }) }, output: policyView, errors: common,
})

export const getPolicy = operation({
  id: 'policies.get', method: 'GET', path: '/api/v1/policies/:name', tag, access: 'policy', audit: 'policy.read', work: 'read',
  summary: 'Read a policy', input: { name, kind }, output: policyView, errors: [...common, 'not_found'],
})

export const listPolicies = operation({
  id: 'policies.list', method: 'GET', path: '/api/v1/policies', tag, access: 'policy', audit: 'policy.list', work: 'list',
  summary: 'List policies', input: {}, output: { items: f.list('Policies', f.object('A policy', policyView), { max: 10_000 }) }, errors: common,
})

export const deletePolicy = operation({
  id: 'policies.delete', method: 'DELETE', path: '/api/v1/policies/:name', tag, access: 'policy', audit: 'policy.delete', work: 'write',
  summary: 'Delete a policy', input: { name, kind }, output: { removed: f.bool('Always true') }, errors: [...common, 'not_found'],
})

export const explain = operation({
  id: 'access.explain', method: 'POST', path: '/api/v1/explain', tag, access: 'token', audit: 'policy.explain', work: 'read',
  summary: 'Why an action is allowed or not: every rule that was looked at',
  description: 'For your own token; for another, by accessor, to those who may read policies.',
  input: {
    action: f.choice('Action', ACTIONS), path: f.text('Path of a secret below its environment', { max: 512 }).optional(),
    project: f.name('Project').optional(), environment: f.name('Environment').optional(), accessor: f.text('Accessor of the token to ask about. Default: your own', { max: 64 }).optional(),
  },
  output: {
    allow: f.bool('The decision'), rule: f.text('The rule that decided', { max: 512 }), reason: f.text('In a sentence', { max: 4096 }),
    missing: f.list('Conditions that are not met, when a rule would allow it but for them', f.text('Condition', { max: 32 }), { max: 16 }).optional(),
    considered: f.list('Rules that were looked at', f.object('A rule', { rule: f.text('Rule', { max: 512 }), effect: f.text('allow, deny or none', { max: 16 }), matched: f.bool('Whether it applied'), why: f.text('Why', { max: 2048 }) }), { max: 10_000 }),
  },
  errors: [...common, 'not_found'],
})
