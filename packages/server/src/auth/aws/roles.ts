// Roles: which users and roles of AWS get which tokens.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteRole, listRoles, listRolesToo, readRole, writeRole } from './operations.ts'
import { isPattern, parseArn } from './principal.ts'
import { CLIENT, configs, defaultClient, roles, type Role } from './records.ts'
import { lookUp } from './sts.ts'

const operations = { listRoles, listRolesToo, readRole, writeRole, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'aws.role', message, { field, cause })
const noRole = (): Error => fail('not_found', 'aws.role_not_found', 'There is no such role.')

const newRole = (name: string, uid: string): Role => ({ v: 1, uid, name, principals: [], principalIds: [], accounts: [], resolveIds: true, token: noTokenSettings })

const checkUnsupported = (input: Input): void => {
  if (input.authType !== undefined && input.authType !== 'iam') throw invalid('auth_type', input.authType === 'ec2' ? 'auth_type ec2 is not supported: use iam, which instances can use with their role' : `unrecognized auth_type: ${input.authType}`)
  const { boundAmiId, boundRegion, boundVpcId, boundSubnetId, boundIamRoleArn, boundIamInstanceProfileArn, boundEc2InstanceId } = input
  const lists = { bound_ami_id: boundAmiId, bound_region: boundRegion, bound_vpc_id: boundVpcId, bound_subnet_id: boundSubnetId, bound_iam_role_arn: boundIamRoleArn, bound_iam_instance_profile_arn: boundIamInstanceProfileArn, bound_ec2_instance_id: boundEc2InstanceId }
  const settings = { inferred_entity_type: input.inferredEntityType, inferred_aws_region: input.inferredAwsRegion, role_tag: input.roleTag, allow_instance_migration: input.allowInstanceMigration, disallow_reauthentication: input.disallowReauthentication }
  const list = Object.entries(lists).find(([, value]) => value !== undefined && value.length > 0)
  const setting = Object.entries(settings).find(([, value]) => value !== undefined && value !== '' && value !== false)
  const [field] = list ?? setting ?? []
  if (field !== undefined) throw invalid(field, `specified ${field} but not specifying ec2 auth_type, which is not supported`)
}

/** A pattern must say at least whose account it is of: what a glob leaves open, anybody on AWS can make. */
const checkPrincipal = (arn: string): void => {
  const isGood = isPattern(arn) ? /^arn:aws[a-z-]*:iam::\d{12}:(\*|(user|role)\/[\w+=,.@/*-]*)$/.test(arn) : parseArn(arn)?.type === 'user' || parseArn(arn)?.type === 'role'
  if (!isGood) throw invalid('bound_iam_principal_arn', `${JSON.stringify(arn.slice(0, 256))} is not the ARN of a user or role of IAM, nor a pattern of those of one account`)
}

const changed = async (parts: AuthParts, call: Call, before: Role, input: Input, isNew: boolean): Promise<Role> => {
  checkUnsupported(input)
  if (!isNew && before.resolveIds && input.resolveAwsUniqueIds === false) throw invalid('resolve_aws_unique_ids', 'changing resolve_aws_unique_ids from true to false is not allowed')
  const resolveIds = input.resolveAwsUniqueIds ?? before.resolveIds
  const principals = input.boundIamPrincipalArn ?? before.principals
  const accounts = input.boundAccountId ?? before.accounts
  principals.forEach(checkPrincipal)
  if (principals.length === 0 && accounts.length === 0) throw invalid('bound_iam_principal_arn', 'at least one bound parameter should be specified on the role')
  if (accounts.some((each) => !/^\d{12}$/.test(each))) throw invalid('bound_account_id', 'bound_account_id needs numbers of 12 digits')
  const isSame = resolveIds && before.resolveIds && input.boundIamPrincipalArn === undefined
  const principalIds = isSame ? before.principalIds : resolveIds ? await resolved(parts, call, principals) : []
  return { ...before, principals, principalIds, accounts, resolveIds, token: applyTokenFields(before.token, input, input) }
}

const resolved = async (parts: AuthParts, call: Call, principals: readonly string[]): Promise<readonly string[]> => {
  const client = (await configs.get(parts.store(call), CLIENT))?.value ?? defaultClient
  const ids: string[] = []
  for (const arn of principals.filter((each) => !isPattern(each))) {
    const principal = parseArn(arn)
    if (principal === undefined) continue
    try {
      ids.push((await lookUp(parts, client, principal, call.now())).id)
    } catch (error) {
      throw invalid('bound_iam_principal_arn', `unable to resolve ARN ${JSON.stringify(arn)} to internal ID: ${error instanceof Error ? error.message : ''}`, error)
    }
  }
  return ids
}

const shown = (role: Role) => ({
  authType: 'iam', boundIamPrincipalArn: role.principals, boundIamPrincipalId: role.principalIds, boundAccountId: role.accounts, resolveAwsUniqueIds: role.resolveIds, roleId: role.uid,
  inferredEntityType: '', inferredAwsRegion: '', ...showTokenSettings(role.token),
})

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: roles, path: 'role', none: noRole })
  return implement(operations, {
    listRoles: book.list,
    listRolesToo: book.list,
    readRole: async (input, call) => shown(await book.read(input.role, call)),
    writeRole: (input, call) => book.write(input.role, call, (before, uid) => changed(parts, call, before ?? newRole(roleKey(input.role), uid), input, before === undefined)),
    deleteRole: (input, call) => book.delete(input.role, call),
  })
}
