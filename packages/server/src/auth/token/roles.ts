// Token roles: what tokens made through them may be.

import { makeBase62 } from '../../crypto/random.ts'
import { checkCidrs } from '../../kernel/auth/token-settings.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { parseCidr, shownCidr } from '../../lib/cidr.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { Call, Resource } from '../../kernel/call.ts'
import type { SealedState } from '../../kernel/ports/tokens.ts'
import { deleteRole, listRoles, readRole as readRoleOperation, writeRole as writeRoleOperation } from './operations.ts'
import { sanitizePolicies } from './policies.ts'
import { newRole, readRole, roleKey, writeRole, type TokenRole } from './records.ts'

const SUFFIX = /^[a-zA-Z0-9_-]+(\/[a-zA-Z0-9_-]+)*$/
const TYPES: ReadonlySet<string> = new Set(['service', 'batch', 'default-service', 'default-batch'])

const resourceOf = (name: string): Resource => ({ kind: 'token', apiPath: `auth/token/roles/${name}` })
const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })

export const findRole = async (state: SealedState, orgId: string, name: string): Promise<TokenRole | undefined> => {
  const stored = await state.get(orgId, roleKey(name))
  return stored === undefined ? undefined : readRole(name, stored)
}

interface RoleWishes {
  readonly orphan?: boolean | undefined
  readonly renewable?: boolean | undefined
  readonly pathSuffix?: string | undefined
  readonly allowedPolicies?: readonly string[] | undefined
  readonly disallowedPolicies?: readonly string[] | undefined
  readonly allowedPoliciesGlob?: readonly string[] | undefined
  readonly disallowedPoliciesGlob?: readonly string[] | undefined
  readonly allowedEntityAliases?: readonly string[] | undefined
  readonly tokenNoDefaultPolicy?: boolean | undefined
  readonly tokenType?: string | undefined
  readonly period?: number | undefined
  readonly tokenPeriod?: number | undefined
  readonly explicitMaxTtl?: number | undefined
  readonly tokenExplicitMaxTtl?: number | undefined
  readonly boundCidrs?: readonly string[] | undefined
  readonly tokenBoundCidrs?: readonly string[] | undefined
  readonly tokenNumUses?: number | undefined
}

const lowered = (names: readonly string[]): readonly string[] => [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort()

/** Aliases that differ in case are others (docs/guides/identity.md), so neither are these made one. */
const asGiven = (names: readonly string[]): readonly string[] => [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))].sort()

const changed = (role: TokenRole, wishes: RoleWishes): TokenRole => ({
  ...role,
  orphan: wishes.orphan ?? role.orphan,
  renewable: wishes.renewable ?? role.renewable,
  pathSuffix: wishes.pathSuffix ?? role.pathSuffix,
  allowedPolicies: wishes.allowedPolicies === undefined ? role.allowedPolicies : sanitizePolicies(wishes.allowedPolicies, false),
  disallowedPolicies: wishes.disallowedPolicies === undefined ? role.disallowedPolicies : lowered(wishes.disallowedPolicies),
  allowedPoliciesGlob: wishes.allowedPoliciesGlob === undefined ? role.allowedPoliciesGlob : sanitizePolicies(wishes.allowedPoliciesGlob, false),
  disallowedPoliciesGlob: wishes.disallowedPoliciesGlob === undefined ? role.disallowedPoliciesGlob : lowered(wishes.disallowedPoliciesGlob),
  allowedEntityAliases: wishes.allowedEntityAliases === undefined ? role.allowedEntityAliases : asGiven(wishes.allowedEntityAliases),
  tokenNoDefaultPolicy: wishes.tokenNoDefaultPolicy ?? role.tokenNoDefaultPolicy,
  tokenType: wishes.tokenType ?? role.tokenType,
  tokenPeriod: wishes.tokenPeriod ?? wishes.period ?? role.tokenPeriod,
  tokenExplicitMaxTtl: wishes.tokenExplicitMaxTtl ?? wishes.explicitMaxTtl ?? role.tokenExplicitMaxTtl,
  tokenBoundCidrs: checkCidrs('token_bound_cidrs', wishes.tokenBoundCidrs ?? wishes.boundCidrs ?? role.tokenBoundCidrs),
  tokenNumUses: wishes.tokenNumUses ?? role.tokenNumUses,
})

const check = (role: TokenRole): TokenRole => {
  for (const range of role.tokenBoundCidrs) if (parseCidr(range) === undefined) throw bad('token.bad_cidr', `error parsing role fields: error parsing address ${quote(range)}: Unable to convert it to an IPv4 or IPv6 address`, 'token_bound_cidrs')
  if (role.pathSuffix !== '' && !SUFFIX.test(role.pathSuffix)) throw bad('token.bad_suffix', 'given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w', 'path_suffix')
  if (!TYPES.has(role.tokenType)) throw bad('token.bad_type', `invalid 'token_type' value ${JSON.stringify(role.tokenType)}`, 'token_type')
  if (role.tokenType !== 'batch') return role
  const wrong = !role.orphan ? 'non-orphan tokens' : role.tokenPeriod > 0 ? 'periodic tokens' : role.renewable ? 'renewable tokens' : role.tokenExplicitMaxTtl > 0 ? 'tokens with an explicit max TTL' : undefined
  if (wrong !== undefined) throw bad('token.batch_role', `'token_type' cannot be 'batch' when role is set to generate ${wrong}`, 'token_type')
  return role
}

const authoriseWrite = (call: Call, name: string, exists: boolean): ReturnType<Call['authorise']> => call.authorise(exists ? 'update' : 'create', resourceOf(name))

export const roleOperations = (state: SealedState): readonly Implemented[] =>
  implement(
    { readRole: readRoleOperation, writeRole: writeRoleOperation, deleteRole, listRoles },
    {
      async readRole(input, call) {
        call.authorise('read', resourceOf(input.role))
        const role = await findRole(state, call.orgId, input.role)
        if (role === undefined) throw fail('not_found', 'token.role_not_found', 'There is no such token role.')
        const { uid: _uid, tokenBoundCidrs, tokenNumUses, allowedEntityAliases, ...rest } = role
        return {
          ...rest, period: role.tokenPeriod, explicitMaxTtl: role.tokenExplicitMaxTtl, allowedEntityAliases: allowedEntityAliases.length === 0 ? null : allowedEntityAliases,
          ...(tokenBoundCidrs.length === 0 ? {} : { tokenBoundCidrs: tokenBoundCidrs.map(shownCidr) }), ...(tokenNumUses === 0 ? {} : { tokenNumUses }),
        }
      },
      async writeRole(input, call) {
        const { role: name, ...wishes } = input
        const existing = await findRole(state, call.orgId, name)
        const grant = authoriseWrite(call, name, existing !== undefined)
        await state.put(grant, call, roleKey(name), writeRole(check(changed(existing ?? newRole(name, makeBase62(12)), wishes))))
        return {}
      },
      async deleteRole(input, call) {
        await state.delete(call.authorise('delete', resourceOf(input.role)), call, roleKey(input.role))
        return {}
      },
      async listRoles(_input, call) {
        call.authorise('list', { kind: 'token', apiPath: 'auth/token/roles/' })
        const keys = await state.names(call.orgId, 'roles/')
        if (keys.length === 0) throw fail('not_found', 'token.no_roles', 'There are no token roles.')
        return { keys }
      },
    },
  )
