// The contract of auth/token, as Vault has it.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'token'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', work: 'write', errors } as const
const LONGEST = 9_223_372_036
const duration = (describe: string) => f.duration(describe, { maxSeconds: LONGEST })
const names = (describe: string) => f.list(describe, f.text('Name', { max: 512 }), { max: 500 })
const count = (describe: string) => f.int(describe, { min: 0, max: Number.MAX_SAFE_INTEGER })
const text = (describe: string, max = 512) => f.text(describe, { max })
const token = f.secret('The token', { max: 9000 })
const accessor = text('Accessor of the token')
const warnings = f.list('Warnings', text('A warning', 2048), { max: 100 }).optional()

const auth = f.object('The token', {
  clientToken: f.secret('The token', { max: 9000 }),
  accessor,
  policies: names('All its policies'),
  tokenPolicies: names('Its own policies'),
  identityPolicies: names('Policies of whoever holds it and of its groups').optional(),
  metadata: f.labels('Metadata').nullable(),
  leaseDuration: count('Seconds to live'),
  renewable: f.bool('Whether it can be renewed'),
  entityId: text('Who holds it'),
  tokenType: text('service or batch'),
  orphan: f.bool('Whether it outlives what made it'),
  mfaRequirement: f.json('Never set here', { maxBytes: 16 }).nullable(),
  numUses: count('Uses; 0: unlimited'),
})

const wishes = {
  id: f.secret('A text of your own for the token', { max: 512 }).optional(),
  policies: names('Policies').optional(),
  meta: f.labels('Metadata').optional(),
  noParent: f.bool('Whether it outlives what makes it').default(false),
  noDefaultPolicy: f.bool('Leave the policy default out').default(false),
  renewable: f.bool('Whether it can be renewed').default(true),
  lease: duration('How long it lives').optional(),
  ttl: duration('How long it lives').optional(),
  type: text('service or batch', 32).default(''),
  explicitMaxTtl: duration('The end of all renewals').default(0),
  displayName: text('Name in records').default(''),
  numUses: f.int('Uses; 0: unlimited', { min: -1_000_000, max: 2_000_000_000 }).default(0),
  period: duration('Every renewal gives this much').default(0),
  entityAlias: text('Name of an entity alias').default(''),
}

export const create = operation({ ...common, id: 'token.create', method: 'POST', path: '/v1/auth/token/create', audit: 'token.create', summary: 'Make a token from yours', input: wishes, output: { auth, warnings } })
export const createOrphan = operation({ ...common, id: 'token.createOrphan', method: 'POST', path: '/v1/auth/token/create-orphan', audit: 'token.create', summary: 'Make a token that outlives yours', input: wishes, output: { auth, warnings } })
export const createWithRole = operation({ ...common, id: 'token.createWithRole', method: 'POST', path: '/v1/auth/token/create/:role', audit: 'token.create', summary: 'Make a token as a role says', input: { ...wishes, role: text('Name of the role') }, output: { auth, warnings } })

const facts = {
  id: f.secret('The token; empty where it was asked for by accessor', { max: 9000 }),
  accessor,
  policies: names('Policies'),
  path: text('Where it was made'),
  meta: f.labels('Metadata').nullable(),
  displayName: text('Name in records'),
  numUses: count('Uses left; 0: unlimited'),
  orphan: f.bool('Whether it outlives what made it'),
  creationTime: count('Seconds since the epoch'),
  creationTtl: count('Seconds that it was given'),
  expireTime: text('When it ends', 40).nullable(),
  ttl: count('Seconds left'),
  explicitMaxTtl: count('The end of all renewals'),
  entityId: text('Who holds it'),
  type: text('service or batch'),
  role: text('Role that it was made by').optional(),
  period: count('Every renewal gives this much').optional(),
  boundCidrs: names('Addresses that may use it').optional(),
  lastRenewalTime: count('Seconds since the epoch').optional(),
  lastRenewal: text('When it was renewed last', 40).optional(),
  renewable: f.bool('Whether it can be renewed').optional(),
  issueTime: text('When it was made', 40).optional(),
  namespacePath: text('Organization').optional(),
  identityPolicies: names('Policies of whoever holds it and of its groups').optional(),
  externalNamespacePolicies: f.json('Always empty: policies do not reach across organizations', { maxBytes: 16 }).optional(),
}
const look = { ...common, audit: 'token.read', work: 'read' } as const
/** The token that the request itself came with; the door adds it, as Vault's own paths get it. */
const own = { presented: f.secret('The token that asks', { max: 9000 }).in('path') }
const given = { token: token.optional() }
const self = { ...given, ...own }
export const lookupSelf = operation({ ...look, id: 'token.lookupSelf', method: 'GET', path: '/v1/auth/token/lookup-self', summary: 'Look at your token', input: own, output: facts })
export const lookupSelfByPost = operation({ ...look, id: 'token.lookupSelfByPost', method: 'POST', path: '/v1/auth/token/lookup-self', summary: 'Look at your token', input: self, output: facts })
export const lookup = operation({ ...look, id: 'token.lookup', method: 'POST', path: '/v1/auth/token/lookup', summary: 'Look at a token', input: self, output: facts })
export const lookupOwn = operation({ ...look, id: 'token.lookupOwn', method: 'GET', path: '/v1/auth/token/lookup', summary: 'Look at a token', input: self, output: facts })
export const lookupAccessor = operation({ ...look, id: 'token.lookupAccessor', method: 'POST', path: '/v1/auth/token/lookup-accessor', summary: 'Look at a token by its accessor', input: { accessor: accessor.default('') }, output: facts })

const longer = { ...common, audit: 'token.renew', output: { auth, warnings } } as const
const increment = { increment: duration('Seconds that you wish for').default(0) }
export const renewSelf = operation({ ...longer, id: 'token.renewSelf', method: 'POST', path: '/v1/auth/token/renew-self', summary: 'Renew your token', input: { ...self, ...increment } })
export const renew = operation({ ...longer, id: 'token.renew', method: 'POST', path: '/v1/auth/token/renew', summary: 'Renew a token', input: { ...given, ...increment } })
export const renewAccessor = operation({ ...longer, id: 'token.renewAccessor', method: 'POST', path: '/v1/auth/token/renew-accessor', summary: 'Renew a token by its accessor', input: { accessor: accessor.default(''), ...increment } })

const gone = { ...common, audit: 'token.revoke', status: 204 } as const
export const revokeSelf = operation({ ...gone, id: 'token.revokeSelf', method: 'POST', path: '/v1/auth/token/revoke-self', summary: 'Revoke your token and all made from it', input: given, output: {} })
export const revoke = operation({ ...gone, id: 'token.revoke', method: 'POST', path: '/v1/auth/token/revoke', summary: 'Revoke a token and all made from it', input: given, output: {} })
export const revokeAccessor = operation({ ...common, audit: 'token.revoke', id: 'token.revokeAccessor', method: 'POST', path: '/v1/auth/token/revoke-accessor', summary: 'Revoke a token by its accessor', input: { accessor: accessor.default('') }, output: { warnings } })
export const revokeOrphan = operation({ ...gone, id: 'token.revokeOrphan', method: 'POST', path: '/v1/auth/token/revoke-orphan', summary: 'Revoke a token and leave all made from it', input: given, output: {} })

const list = { ...common, work: 'list' } as const
const keys = { keys: f.list('Names', text('Name'), { max: 1_000_000 }) }
export const accessors = operation({ ...list, id: 'token.accessors', method: 'LIST', path: '/v1/auth/token/accessors', audit: 'token.list', summary: 'List the accessors of all tokens', input: {}, output: keys })
export const tidy = operation({ ...common, id: 'token.tidy', method: 'POST', path: '/v1/auth/token/tidy', audit: 'token.tidy', status: 202, summary: 'Remove what has expired', input: {}, output: { warnings } })

const roleName = text('Name of the role')
const role = {
  orphan: f.bool('Whether tokens outlive what makes them'), renewable: f.bool('Whether tokens can be renewed'), pathSuffix: text('Added to the path of tokens'),
  allowedPolicies: names('Policies that may be given'), disallowedPolicies: names('Policies that may not be given'), allowedPoliciesGlob: names('Patterns of policies that may be given'), disallowedPoliciesGlob: names('Patterns of policies that may not be given'),
  allowedEntityAliases: names('Entity aliases that may be named').nullable(), tokenNoDefaultPolicy: f.bool('Leave the policy default out'), tokenType: text('service, batch, default-service or default-batch', 32),
  period: count('Old name of token_period'), tokenPeriod: count('Every renewal gives this much'), explicitMaxTtl: count('Old name of token_explicit_max_ttl'), tokenExplicitMaxTtl: count('The end of all renewals'),
}
const roleWishes = {
  role: roleName, orphan: role.orphan.optional(), renewable: role.renewable.optional(), pathSuffix: role.pathSuffix.optional(), allowedPolicies: role.allowedPolicies.optional(), disallowedPolicies: role.disallowedPolicies.optional(),
  allowedPoliciesGlob: role.allowedPoliciesGlob.optional(), disallowedPoliciesGlob: role.disallowedPoliciesGlob.optional(), allowedEntityAliases: names('Entity aliases that may be named').optional(),
  tokenNoDefaultPolicy: role.tokenNoDefaultPolicy.optional(), tokenType: role.tokenType.optional(), period: duration('Old name of token_period').optional(), tokenPeriod: duration('Every renewal gives this much').optional(),
  explicitMaxTtl: duration('Old name of token_explicit_max_ttl').optional(), tokenExplicitMaxTtl: duration('The end of all renewals').optional(), boundCidrs: names('Old name of token_bound_cidrs').optional(), tokenBoundCidrs: names('Addresses that may use tokens').optional(), tokenNumUses: count('Uses').optional(),
}
export const readRole = operation({ ...common, work: 'read', id: 'token.readRole', method: 'GET', path: '/v1/auth/token/roles/:role', audit: 'token.role-read', summary: 'Read a token role', input: { role: roleName }, output: { name: roleName, ...role, tokenBoundCidrs: names('Addresses that may use tokens').optional(), tokenNumUses: count('Uses').optional() } })
export const writeRole = operation({ ...common, id: 'token.writeRole', method: 'POST', path: '/v1/auth/token/roles/:role', audit: 'token.role-write', status: 204, summary: 'Write a token role', input: roleWishes, output: {} })
export const deleteRole = operation({ ...common, id: 'token.deleteRole', method: 'DELETE', path: '/v1/auth/token/roles/:role', audit: 'token.role-delete', status: 204, summary: 'Delete a token role', input: { role: roleName }, output: {} })
export const listRoles = operation({ ...list, id: 'token.listRoles', method: 'LIST', path: '/v1/auth/token/roles', audit: 'token.role-list', summary: 'List token roles', input: {}, output: keys })
