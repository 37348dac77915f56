// Roles: which identities of Azure get which tokens.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteRole, listRoles, readRole, writeRole } from './operations.ts'
import { roles, type Role } from './records.ts'

const operations = { listRoles, readRole, writeRole, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'azure.role', message, { field })
const noRole = (): Error => fail('not_found', 'azure.role_not_found', 'There is no such role.')

const newRole = (name: string, uid: string): Role => ({ v: 1, uid, name, principals: [], groups: [], subscriptions: [], resourceGroups: [], scaleSets: [], token: noTokenSettings })

const changed = (before: Role, input: Input): Role => {
  if (input.boundLocations !== undefined && input.boundLocations.length > 0) throw invalid('bound_locations', 'bound_locations is not supported: no identity token says where its resource is')
  const role: Role = {
    ...before,
    principals: input.boundServicePrincipalIds ?? before.principals,
    groups: input.boundGroupIds ?? before.groups,
    subscriptions: input.boundSubscriptionIds ?? before.subscriptions,
    resourceGroups: input.boundResourceGroups ?? before.resourceGroups,
    scaleSets: input.boundScaleSets ?? before.scaleSets,
    token: applyTokenFields(before.token, input, input),
  }
  const isBound = [role.principals, role.groups, role.subscriptions, role.resourceGroups, role.scaleSets].some((each) => each.length > 0)
  if (!isBound) throw invalid('bound_service_principal_ids', 'must have at least one bound constraint when creating/updating a role')
  return role
}

const shown = (role: Role) => ({ boundServicePrincipalIds: role.principals, boundGroupIds: role.groups, boundSubscriptionIds: role.subscriptions, boundResourceGroups: role.resourceGroups, boundLocations: [], boundScaleSets: role.scaleSets, ...showTokenSettings(role.token) })

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: roles, path: 'role', none: noRole })
  return implement(operations, {
    listRoles: book.list,
    readRole: async (input, call) => shown(await book.read(input.name, call)),
    writeRole: (input, call) => book.write(input.name, call, (before, uid) => changed(before ?? newRole(roleKey(input.name), uid), input)),
    deleteRole: (input, call) => book.delete(input.name, call),
  })
}
