// Roles: which service accounts get which tokens.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteRole, listRoles, readRole, writeRole } from './operations.ts'
import { roles, type Role } from './records.ts'

const operations = { listRoles, readRole, writeRole, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'kubernetes.role', message, { field })
const noRole = (): Error => fail('not_found', 'kubernetes.role_not_found', 'There is no such role.')

const newRole = (name: string, uid: string): Role => ({ v: 1, uid, name, names: [], namespaces: [], audience: '', aliasBy: 'serviceaccount_uid', token: noTokenSettings })

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

const shown = (role: Role) => ({ boundServiceAccountNames: role.names, boundServiceAccountNamespaces: role.namespaces, audience: role.audience, aliasNameSource: role.aliasBy, ...showTokenSettings(role.token) })

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: roles, path: 'role', none: noRole })
  return implement(operations, {
    listRoles: book.list,
    readRole: async (input, call) => shown(await book.read(input.name, call)),
    writeRole: (input, call) => book.write(input.name, call, (before, uid) => changed(before ?? newRole(roleKey(input.name), uid), input)),
    deleteRole: (input, call) => book.delete(input.name, call),
  })
}
