// The contract of roles, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { cidrs, deprecatedTokenFields, seconds, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

export const tag = 'approle'
export const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
export const roleName = f.name('Name of the role')
export const uses = (describe: string) => f.int(describe, { min: 0, max: 2 ** 31 - 1 })
const roleId = f.text('Role id', { max: 512 })
const { policies, period } = deprecatedTokenFields

const roleFields = {
  bindSecretId: f.bool('Whether a login needs a secret id').optional(),
  boundCidrList: cidrs('Former name of secret_id_bound_cidrs').optional(),
  secretIdBoundCidrs: cidrs('Addresses from which secret ids may be used').optional(),
  secretIdNumUses: uses('Uses of a secret id; 0: unlimited').optional(),
  secretIdTtl: seconds('Life of a secret id; 0: for ever').optional(),
  localSecretIds: f.bool('Kept and shown').optional(),
  roleId: roleId.optional(),
  ...tokenFields, policies, period,
}

export const listRoles = operation({ id: 'approle.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 100_000 }) } })
export const readRole = operation({
  id: 'approle.readRole', method: 'GET', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { role: roleName },
  output: { bindSecretId: f.bool('Whether a login needs a secret id'), localSecretIds: f.bool('Kept and shown'), secretIdBoundCidrs: cidrs('Addresses').nullable(), secretIdNumUses: uses('Uses'), secretIdTtl: f.int('Seconds', { min: 0, max: Number.MAX_SAFE_INTEGER }), ...tokenOutput },
})
export const writeRole = operation({ id: 'approle.writeRole', method: 'POST', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role', input: { role: roleName, ...roleFields }, output: {} })
export const deleteRole = operation({ id: 'approle.deleteRole', method: 'DELETE', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role and its secret ids', input: { role: roleName }, output: {} })
export const readRoleId = operation({ id: 'approle.readRoleId', method: 'GET', path: '/role/:role/role-id', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read the role id of a role', input: { role: roleName }, output: { roleId } })
export const writeRoleId = operation({ id: 'approle.writeRoleId', method: 'POST', path: '/role/:role/role-id', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Set the role id of a role', input: { role: roleName, roleId: roleId.optional() }, output: {} })

export const login = operation({
  id: 'approle.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with a role id and a secret id', input: { roleId: roleId.optional(), secretId: f.secret('Secret id', { max: 4096 }).optional() }, output: loginOutput,
})
