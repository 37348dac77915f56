// The contract of the gcp method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'gcp'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const name = f.name('Name of the role')
const text = (describe: string, max = 512) => f.text(describe, { max })
const list = (describe: string, max = 500) => f.list(describe, text('Text', 320), { max })

const aliases = {
  iamAlias: text('What names a service account: role_id or unique_id', 16),
  gceAlias: text('What names an instance: role_id or instance_id', 16),
  iamMetadata: list('What goes into the token of a service account', 20),
  gceMetadata: list('What goes into the token of an instance', 20),
  customEndpoint: f.labels('Addresses instead of Google\'s: api, where keys are; iam, crm and compute are not asked', { maxKeys: 4, maxKey: 16, maxValue: 2048 }),
}
const credentials = { clientEmail: text('Of the credentials', 320), clientId: text('Of the credentials', 64), privateKeyId: text('Of the credentials', 128), projectId: text('Of the credentials', 64) }

export const readConfig = operation({ id: 'gcp.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read how holders are named', input: {}, output: { ...aliases, ...credentials } })
export const writeConfig = operation({
  id: 'gcp.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say how holders are named',
  input: {
    ...allOptional(aliases),
    credentials: f.secret('Accepted: its names are kept, its key is not, for Google\'s APIs are not asked', { max: 32_768 }).optional(),
  },
  output: {},
})

const bound = {
  boundServiceAccounts: list('Addresses or ids of service accounts; * alone: all, when projects are bound'),
  boundProjects: list('Projects'),
  boundZones: list('For gce: zones of the instance'),
  boundRegions: list('For gce: regions of the instance'),
  addGroupAliases: f.bool('Whether the project is an alias for external groups'),
  maxJwtExp: f.duration('For iam: how far away the end of a token may be', { maxSeconds: 3600 }),
  allowGceInference: f.bool('For iam: whether tokens of instances count'),
}
const { policies, ttl, maxTtl, period } = deprecatedTokenFields
const former = {
  projectId: text('Former name of bound_projects, for one').optional(), serviceAccounts: list('Former name of bound_service_accounts').optional(),
  boundZone: text('Former name of bound_zones, for one').optional(), boundRegion: text('Former name of bound_regions, for one').optional(),
}
const names = { keys: f.list('Names', text('Name'), { max: 100_000 }) }
const unsupported = { boundInstanceGroups: list('Not supported: no token names them').optional(), boundLabels: list('Not supported: no token names them').optional() }

export const listRoles = operation({ id: 'gcp.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: names })
export const listRolesToo = operation({ id: 'gcp.listRolesToo', method: 'LIST', path: '/roles', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: names })
export const readRole = operation({
  id: 'gcp.readRole', method: 'GET', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { name },
  output: { type: text('iam or gce', 8), roleId: text('Id', 64), boundServiceAccounts: bound.boundServiceAccounts, boundProjects: bound.boundProjects, addGroupAliases: bound.addGroupAliases, boundZones: bound.boundZones.optional(), boundRegions: bound.boundRegions.optional(), maxJwtExp: f.int('Seconds', { min: 0, max: 3600 }).optional(), allowGceInference: bound.allowGceInference.optional(), ...tokenOutput },
})
export const writeRole = operation({
  id: 'gcp.writeRole', method: 'POST', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role',
  input: { name, type: text('iam or gce', 8).optional(), ...allOptional(bound), ...former, ...unsupported, ...tokenFields, policies, ttl, maxTtl, period }, output: {},
})
export const editServiceAccounts = operation({
  id: 'gcp.editServiceAccounts', method: 'POST', path: '/role/:name/service-accounts', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Add and remove service accounts of a role',
  input: { name, add: list('To add').optional(), remove: list('To remove').optional() }, output: {},
})
export const deleteRole = operation({ id: 'gcp.deleteRole', method: 'DELETE', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role', input: { name }, output: {} })

export const login = operation({
  id: 'gcp.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors, summary: 'Log in with a token that a service account signed, or Google for an instance',
  input: { role: f.text('Role', { max: 255 }).optional(), jwt: f.secret('Signed token', { max: 65_536 }).optional() }, output: loginOutput,
})
