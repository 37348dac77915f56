// Roles: made, read, changed and deleted, and their role ids.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, checkCidrs, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { roleBook, roleKey, type RoleBook, type RoleKind } from '../../kernel/auth/roles.ts'
import { makeUuidV4 } from '../../crypto/random.ts'
import { deleteRole, listRoles, readRole, readRoleId, writeRole, writeRoleId } from './operations.ts'
import { dropSecretIds, findRole, indexKey, newRole, roleIds, roles, type Role } from './records.ts'

const operations = { listRoles, readRole, writeRole, deleteRole, readRoleId, writeRoleId }
type WriteInput = Parameters<Handlers<typeof operations>['writeRole']>[0]

export const noRole = (): Error => fail('not_found', 'approle.role_not_found', 'There is no such role.')
const invalid = (field: string, message: string): Error => fail('invalid_request', 'approle.role', message, { field })

/** @throws invalid_request for a role that anybody could log in to who knows its role id */
export const checkConstraints = (role: Role): Role => {
  if (!role.bindSecretId && role.secretIdBoundCidrs.length === 0 && role.token.boundCidrs.length === 0) throw invalid('bind_secret_id', 'at least one constraint should be enabled on the role')
  return role
}

const changed = (role: Role, input: WriteInput, isNew: boolean): Role => {
  if (!isNew && input.localSecretIds !== undefined && input.localSecretIds !== role.localSecretIds) throw invalid('local_secret_ids', 'local_secret_ids can only be modified during role creation')
  const bound = input.secretIdBoundCidrs ?? input.boundCidrList
  return checkConstraints({
    ...role,
    roleId: input.roleId ?? role.roleId,
    bindSecretId: input.bindSecretId ?? role.bindSecretId,
    secretIdBoundCidrs: bound === undefined ? role.secretIdBoundCidrs : checkCidrs('secret_id_bound_cidrs', bound),
    secretIdNumUses: input.secretIdNumUses ?? role.secretIdNumUses,
    secretIdTtlSeconds: input.secretIdTtl ?? role.secretIdTtlSeconds,
    localSecretIds: input.localSecretIds ?? role.localSecretIds,
    token: applyTokenFields(role.token, input, { policies: input.policies, period: input.period }),
  })
}

const save: NonNullable<RoleKind<Role>['save']> = async (view, key, role, before) => {
  if (before?.value.roleId !== role.roleId) {
    if (before !== undefined) await roleIds.delete(view, indexKey(before.value.roleId))
    await roleIds.put(view, indexKey(role.roleId), { v: 1, name: role.name }, { cas: 0 }).catch((error: unknown) => {
      if (isCofferError(error) && error.kind === 'conflict') throw invalid('role_id', 'role ID is already in use')
      throw error
    })
  }
  await roles.put(view, key, role, { cas: before?.version ?? 0 })
}

const drop: NonNullable<RoleKind<Role>['drop']> = async (view, role) => {
  await roleIds.delete(view, indexKey(role.roleId))
  await dropSecretIds(view, role.uid)
}

/** Roles with the index of their role ids. */
export const approleBook = (parts: AuthParts): RoleBook<Role> => roleBook(parts, { records: roles, path: 'role', none: noRole, save, drop })

const shown = (role: Role) => ({
  bindSecretId: role.bindSecretId, localSecretIds: role.localSecretIds, secretIdBoundCidrs: role.secretIdBoundCidrs.length === 0 ? null : role.secretIdBoundCidrs,
  secretIdNumUses: role.secretIdNumUses, secretIdTtl: role.secretIdTtlSeconds, ...showTokenSettings(role.token),
})

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = approleBook(parts)
  return implement(operations, {
    listRoles: book.list,
    readRole: async (input, call) => shown(await book.read(input.role, call)),
    writeRole: (input, call) => book.write(input.role, call, (before, uid) => {
      if (input.roleId === '') throw invalid('role_id', 'invalid role_id supplied, or failed to generate a role_id')
      return changed(before ?? newRole(roleKey(input.role), uid, makeUuidV4()), input, before === undefined)
    }),
    deleteRole: (input, call) => book.delete(input.role, call),
    async readRoleId(input, call) {
      authorised(call, 'read', `role/${input.role}/role-id`)
      const role = (await findRole(parts.store(call), input.role))?.value
      if (role === undefined) throw noRole()
      return { roleId: role.roleId }
    },
    async writeRoleId(input, call) {
      authorised(call, 'update', `role/${input.role}/role-id`)
      const { roleId = '' } = input
      if (roleId === '') throw invalid('role_id', 'missing role_id')
      return book.change(input.role, call, (role) => ({ ...role, roleId }))
    },
  })
}
