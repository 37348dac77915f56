// Roles: made, read, changed and deleted, and their role ids.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, checkCidrs, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { SealedView } from '../../kernel/ports/sealed-store.ts'
import { makeUuidV4 } from '../../crypto/random.ts'
import { deleteRole, listRoles, readRole, readRoleId, writeRole, writeRoleId } from './operations.ts'
import { dropSecretIds, findRole, indexKey, newRole, roleIds, roleKey, roles, type Role } from './records.ts'

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

/** Writes a role with its index. `before` is what it replaces. */
const save = async (view: SealedView, role: Role, before: { readonly value: Role; readonly version: number } | undefined): Promise<void> => {
  if (before?.value.roleId !== role.roleId) {
    if (before !== undefined) await roleIds.delete(view, indexKey(before.value.roleId))
    await roleIds.put(view, indexKey(role.roleId), { v: 1, name: role.name }, { cas: 0 }).catch((error: unknown) => {
      if (isCofferError(error) && error.kind === 'conflict') throw invalid('role_id', 'role ID is already in use')
      throw error
    })
  }
  await roles.put(view, roleKey(role.name), role, { cas: before?.version ?? 0 })
}

export const roleOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async listRoles(_input, call) {
      authorised(call, 'list', 'role/')
      const keys = await roles.names(parts.store(call))
      if (keys.length === 0) throw noRole()
      return { keys }
    },
    async readRole(input, call) {
      authorised(call, 'read', `role/${input.role}`)
      const role = (await findRole(parts.store(call), input.role))?.value
      if (role === undefined) throw noRole()
      return {
        bindSecretId: role.bindSecretId, localSecretIds: role.localSecretIds, secretIdBoundCidrs: role.secretIdBoundCidrs.length === 0 ? null : role.secretIdBoundCidrs,
        secretIdNumUses: role.secretIdNumUses, secretIdTtl: role.secretIdTtlSeconds, ...showTokenSettings(role.token),
      }
    },
    async writeRole(input, call) {
      const store = parts.store(call)
      const before = await findRole(store, input.role)
      authorised(call, before === undefined ? 'create' : 'update', `role/${input.role}`)
      if (input.roleId === '') throw invalid('role_id', 'invalid role_id supplied, or failed to generate a role_id')
      const role = changed(before?.value ?? newRole(roleKey(input.role), makeUuidV4()), input, before === undefined)
      await store.change((view) => save(view, role, before))
      return {}
    },
    async deleteRole(input, call) {
      authorised(call, 'delete', `role/${input.role}`)
      await parts.store(call).change(async (view) => {
        const found = await findRole(view, input.role)
        if (found === undefined) return
        await roles.delete(view, roleKey(input.role), { cas: found.version })
        await roleIds.delete(view, indexKey(found.value.roleId))
        await dropSecretIds(view, found.value.uid)
      })
      return {}
    },
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
      await parts.store(call).change(async (view) => {
        const before = await findRole(view, input.role)
        if (before === undefined) throw noRole()
        await save(view, { ...before.value, roleId }, before)
      })
      return {}
    },
  })
