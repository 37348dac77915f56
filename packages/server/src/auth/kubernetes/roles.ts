// Roles: which service accounts get which tokens.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteRole, listRoles, readRole, writeRole } from './operations.ts'
import { roleKey, roles, type Role } from './records.ts'

const operations = { listRoles, readRole, writeRole, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'kubernetes.role', message, { field })
const noRole = (): Error => fail('not_found', 'kubernetes.role_not_found', 'There is no such role.')

const newRole = (name: string): Role => ({ v: 1, name, names: [], namespaces: [], audience: '', aliasBy: 'serviceaccount_uid', token: noTokenSettings })

const changed = (before: Role, input: Input): Role => {
  const role: Role = {
    ...before,
    names: input.boundServiceAccountNames ?? before.names,
    namespaces: input.boundServiceAccountNamespaces ?? before.namespaces,
    audience: input.audience ?? before.audience,
    aliasBy: input.aliasNameSource ?? before.aliasBy,
    token: applyTokenFields(before.token, input, input),
  }
  if (role.names.length === 0) throw invalid('bound_service_account_names', '"bound_service_account_names" can not be empty')
  if (role.namespaces.length === 0) throw invalid('bound_service_account_namespaces', '"bound_service_account_namespaces" can not be empty')
  if (role.names.includes('*') && role.namespaces.includes('*')) throw invalid('bound_service_account_names', 'bound_service_account_names and bound_service_account_namespaces can not both be "*"')
  return role
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
      authorised(call, 'read', `role/${input.name}`)
      const role = (await roles.get(parts.store(call), roleKey(input.name)))?.value
      if (role === undefined) throw noRole()
      return { boundServiceAccountNames: role.names, boundServiceAccountNamespaces: role.namespaces, audience: role.audience, aliasNameSource: role.aliasBy, ...showTokenSettings(role.token) }
    },
    async writeRole(input, call) {
      const store = parts.store(call)
      const before = await roles.get(store, roleKey(input.name))
      authorised(call, before === undefined ? 'create' : 'update', `role/${input.name}`)
      const role = changed(before?.value ?? newRole(roleKey(input.name)), input)
      await store.change((view) => roles.put(view, roleKey(input.name), role, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteRole(input, call) {
      authorised(call, 'delete', `role/${input.name}`)
      await parts.store(call).change((view) => roles.delete(view, roleKey(input.name)))
      return {}
    },
  })
