// Roles: which service accounts and instances get which tokens.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteRole, editServiceAccounts, listRoles, listRolesToo, readRole, writeRole } from './operations.ts'
import { roles, type Role } from './records.ts'

const operations = { listRoles, listRolesToo, readRole, writeRole, editServiceAccounts, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const DEFAULT_MAX_JWT_EXP = 900

const invalid = (field: string, message: string): Error => fail('invalid_request', 'gcp.role', message, { field })
const noRole = (): Error => fail('not_found', 'gcp.role_not_found', 'There is no such role.')

const newRole = (name: string, uid: string, type: Role['type']): Role => ({ v: 1, uid, name, type, accounts: [], projects: [], zones: [], regions: [], addGroupAliases: false, maxJwtExpSeconds: DEFAULT_MAX_JWT_EXP, allowGceInference: true, token: noTokenSettings })

const typeOf = (given: string | undefined, before: Role | undefined): Role['type'] => {
  if (before !== undefined && given !== undefined && given !== '' && given !== before.type) throw invalid('type', 'role type cannot be changed for an existing role')
  const type = before?.type ?? given ?? ''
  if (type === '') throw invalid('type', 'role type cannot be empty')
  if (type !== 'iam' && type !== 'gce') throw invalid('type', `role type '${type}' is invalid`)
  return type
}

const checkArguments = (type: Role['type'], input: Input): void => {
  if ((input.boundInstanceGroups ?? []).length > 0) throw invalid('bound_instance_groups', 'bound_instance_groups is not supported: no identity token names them')
  if ((input.boundLabels ?? []).length > 0) throw invalid('bound_labels', 'bound_labels is not supported: no identity token names them')
  const foreign = type === 'iam' ? { bound_zones: input.boundZones?.length, bound_regions: input.boundRegions?.length } : { max_jwt_exp: input.maxJwtExp, allow_gce_inference: input.allowGceInference }
  const names = Object.entries(foreign).filter(([, value]) => value !== undefined && value !== 0).map(([name]) => name)
  if (names[0] !== undefined) throw invalid(names[0], `invalid args found for role of type ${type}: ${names.join(',')}`)
}

const checked = (role: Role): Role => {
  if (role.type === 'iam' && role.accounts.length === 0) throw invalid('bound_service_accounts', 'IAM role type must have at least one service account')
  const isOpen = role.accounts.length === 0 || role.accounts.includes('*')
  // Anybody can make a project, an account and an instance.
  if (isOpen && role.projects.length === 0) throw invalid('bound_projects', 'a role that names no service accounts must name projects: anybody can make accounts and instances in a project of their own')
  return role
}

const only = (former: string | undefined): readonly string[] | undefined => (former === undefined ? undefined : former === '' ? [] : [former])

const changed = (before: Role, input: Input): Role =>
  checked({
    ...before,
    accounts: input.boundServiceAccounts ?? input.serviceAccounts ?? before.accounts,
    projects: input.boundProjects ?? only(input.projectId) ?? before.projects,
    zones: input.boundZones ?? only(input.boundZone) ?? before.zones,
    regions: input.boundRegions ?? only(input.boundRegion) ?? before.regions,
    addGroupAliases: input.addGroupAliases ?? before.addGroupAliases,
    maxJwtExpSeconds: input.maxJwtExp === undefined || input.maxJwtExp === 0 ? before.maxJwtExpSeconds : input.maxJwtExp,
    allowGceInference: input.allowGceInference ?? before.allowGceInference,
    token: applyTokenFields(before.token, input, input),
  })

const shown = (role: Role) => ({
  type: role.type, roleId: role.uid, boundServiceAccounts: role.accounts, boundProjects: role.projects, addGroupAliases: role.addGroupAliases, ...showTokenSettings(role.token),
  ...(role.type === 'iam' ? { maxJwtExp: role.maxJwtExpSeconds, allowGceInference: role.allowGceInference } : { boundZones: role.zones, boundRegions: role.regions }),
})

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: roles, path: 'role', none: noRole })
  return implement(operations, {
    listRoles: book.list,
    listRolesToo: book.list,
    readRole: async (input, call) => shown(await book.read(input.name, call)),
    writeRole: (input, call) =>
      book.write(input.name, call, (before, uid) => {
        const type = typeOf(input.type, before)
        checkArguments(type, input)
        return changed(before ?? newRole(roleKey(input.name), uid, type), input)
      }),
    editServiceAccounts(input, call) {
      authorised(call, 'update', `role/${input.name}/service-accounts`)
      const { add = [], remove = [] } = input
      if (add.length + remove.length === 0) throw invalid('add', 'must provide at least one value to add or remove')
      return book.change(input.name, call, (role) => {
        if (role.type !== 'iam') throw invalid('name', "role is type 'gce', cannot edit attribute 'service_accounts' (expected role type: 'iam')")
        return checked({ ...role, accounts: [...new Set([...role.accounts, ...add])].filter((each) => !remove.includes(each)) })
      })
    },
    deleteRole: (input, call) => book.delete(input.name, call),
  })
}
