// Roles: what a token must say, and what it gets.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { JsonObject } from '../../lib/json.ts'
import { boundValues } from './claims.ts'
import { deleteRole, listRoles, readRole, writeRole } from './operations.ts'
import { roles, type Role } from './records.ts'

const operations = { listRoles, readRole, writeRole, deleteRole }
type Input = Parameters<Handlers<typeof operations>['writeRole']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'jwt.role', message, { field })
const noRole = (): Error => fail('not_found', 'jwt.role_not_found', 'There is no such role.')

const newRole = (name: string, uid: string): Role => ({
  v: 1, uid, name, type: 'oidc', expirationLeeway: 0, notBeforeLeeway: 0, clockSkewLeeway: 0, boundAudiences: [], boundSubject: '', boundClaimsType: 'string', boundClaims: {}, claimMappings: {},
  userClaim: '', userClaimJsonPointer: false, groupsClaim: '', allowedRedirectUris: [], oidcScopes: [], verboseOidcLogging: false, maxAgeSeconds: 0, token: noTokenSettings,
})

const typeOf = (given: string): Role['type'] => {
  if (given === 'jwt' || given === 'oidc') return given
  if (given === '') return 'oidc'
  throw invalid('role_type', `invalid 'role_type': ${given}`)
}

const claimsTypeOf = (given: string): Role['boundClaimsType'] => {
  if (given === 'string' || given === 'glob') return given
  throw invalid('bound_claims_type', `invalid 'bound_claims_type': ${given}`)
}

const changed = (before: Role, input: Input): Role => ({
  ...before,
  type: typeOf(input.roleType ?? ''),
  expirationLeeway: input.expirationLeeway ?? before.expirationLeeway,
  notBeforeLeeway: input.notBeforeLeeway ?? before.notBeforeLeeway,
  clockSkewLeeway: input.clockSkewLeeway ?? before.clockSkewLeeway,
  boundAudiences: input.boundAudiences ?? before.boundAudiences,
  boundSubject: input.boundSubject ?? before.boundSubject,
  boundClaimsType: input.boundClaimsType === undefined ? before.boundClaimsType : claimsTypeOf(input.boundClaimsType),
  boundClaims: input.boundClaims === undefined ? before.boundClaims : ((input.boundClaims ?? {}) as JsonObject), // it came as JSON
  claimMappings: input.claimMappings === undefined ? before.claimMappings : (input.claimMappings ?? {}),
  userClaim: input.userClaim ?? before.userClaim,
  userClaimJsonPointer: input.userClaimJsonPointer ?? before.userClaimJsonPointer,
  groupsClaim: input.groupsClaim ?? before.groupsClaim,
  allowedRedirectUris: input.allowedRedirectUris ?? before.allowedRedirectUris,
  oidcScopes: input.oidcScopes ?? before.oidcScopes,
  verboseOidcLogging: input.verboseOidcLogging ?? before.verboseOidcLogging,
  maxAgeSeconds: input.maxAge ?? before.maxAgeSeconds,
  token: applyTokenFields(before.token, input, input),
})

/** @throws invalid_request for a role that would take anybody's token */
const checked = (role: Role): Role => {
  if (role.userClaim === '') throw invalid('user_claim', 'a user claim must be defined on the role')
  for (const [claim, value] of Object.entries(role.boundClaims)) {
    const values = boundValues(value)
    if (values === undefined) throw invalid('bound_claims', `claim is not a string or list: ${JSON.stringify(claim.slice(0, 64))}`)
    if (role.boundClaimsType === 'glob' && values.some((each) => typeof each !== 'string')) throw invalid('bound_claims', `claim is not a glob string: ${JSON.stringify(claim.slice(0, 64))}`)
  }
  const targets = Object.values(role.claimMappings)
  if (targets.includes('role')) throw invalid('claim_mappings', 'metadata key "role" is reserved and may not be a mapping destination')
  if (new Set(targets).size !== targets.length) throw invalid('claim_mappings', 'multiple keys are mapped to the same metadata key')
  if (role.type === 'oidc' && role.allowedRedirectUris.length === 0) throw invalid('allowed_redirect_uris', "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.")
  const isBound = role.boundAudiences.length > 0 || role.boundSubject !== '' || Object.keys(role.boundClaims).length > 0 || role.token.boundCidrs.length > 0
  if (role.type === 'jwt' && !isBound) throw invalid('bound_audiences', 'must have at least one bound constraint when creating/updating a role')
  return role
}

const orNull = <T extends object>(value: T): T | null => (Object.keys(value).length === 0 ? null : value)

const shown = (role: Role) => ({
  roleType: role.type, expirationLeeway: role.expirationLeeway, notBeforeLeeway: role.notBeforeLeeway, clockSkewLeeway: role.clockSkewLeeway, boundAudiences: role.boundAudiences, boundSubject: role.boundSubject,
  boundClaimsType: role.boundClaimsType, boundClaims: orNull(role.boundClaims), claimMappings: orNull(role.claimMappings), userClaim: role.userClaim, userClaimJsonPointer: role.userClaimJsonPointer, groupsClaim: role.groupsClaim,
  allowedRedirectUris: role.allowedRedirectUris, oidcScopes: role.oidcScopes, verboseOidcLogging: role.verboseOidcLogging, maxAge: role.maxAgeSeconds, ...showTokenSettings(role.token),
})

export const roleOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: roles, path: 'role', none: noRole })
  return implement(operations, {
    listRoles: book.list,
    readRole: async (input, call) => shown(await book.read(input.name, call)),
    writeRole: (input, call) => book.write(input.name, call, (before, uid) => checked(changed(before ?? newRole(roleKey(input.name), uid), input))),
    deleteRole: (input, call) => book.delete(input.name, call),
  })
}
