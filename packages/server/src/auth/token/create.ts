// Making tokens from a token. The order of the checks is Vault's, because which of two mistakes is named is part of what
// clients see.

import { reveal, type Secret } from '../../crypto/secret.ts'
import type { Call, Caller, Grant, Resource } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import type { NewToken, TokenStore, TtlBounds } from '../../kernel/ports/tokens.ts'
import { globs, policiesOf } from './policies.ts'
import { roleKey, type TokenRole } from './records.ts'
import { ttlOf } from './ttl.ts'
import { authOf } from './views.ts'

export interface CreateInput {
  readonly id?: Secret<string> | undefined
  readonly policies?: readonly string[] | undefined
  readonly meta?: Readonly<Record<string, string>> | undefined
  readonly noParent: boolean
  readonly noDefaultPolicy: boolean
  readonly renewable: boolean
  readonly lease?: number | undefined
  readonly ttl?: number | undefined
  readonly type: string
  readonly explicitMaxTtl: number
  readonly displayName: string
  readonly numUses: number
  readonly period: number
  readonly entityAlias: string
}

export interface Creation {
  readonly path: string
  /** create-orphan, which is a right of its own. */
  readonly orphan: boolean
  readonly role: TokenRole | undefined
  readonly isRootOrg: boolean
  /** Where token roles are kept. */
  readonly rolesId: string
}

const bad = (code: string, message: string, field?: string): Error => fail('invalid_request', code, message, field === undefined ? {} : { field })

export const requireCaller = (call: Call): Caller => {
  if (call.caller === undefined) throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
  return call.caller
}

const hasSudo = (call: Call, resource: Resource): boolean => call.allows('administer', { ...resource, capability: 'sudo' }).allow

/** Whether it is to be a batch token. @throws invalid_request for what such a token cannot have */
const isBatch = (input: CreateInput, role: TokenRole | undefined): boolean => {
  const wanted = role?.tokenType === 'batch' || role?.tokenType === 'service' ? role.tokenType : input.type === '' && role?.tokenType === 'default-batch' ? 'batch' : input.type
  if (wanted !== '' && wanted !== 'service' && wanted !== 'batch') throw bad('token.bad_type', "invalid 'token_type' value", 'type')
  if (wanted !== 'batch') return false
  const wrong = input.explicitMaxTtl !== 0 ? 'explicit_max_ttl' : input.numUses !== 0 ? 'num_uses' : input.period !== 0 ? 'period' : undefined
  if (wrong !== undefined) throw bad('token.batch_field', `batch tokens cannot have "${wrong}" set`, wrong)
  return true
}

/** The lesser of what was asked and what the role says, where both say something. */
const lesser = (what: string, asked: number, ofRole: number, warnings: string[]): number => {
  if (ofRole === 0) return asked
  if (asked === 0) return ofRole
  const least = Math.min(asked, ofRole)
  warnings.push(`${what} specified both during creation call and in role; using the lesser value of ${least} seconds`)
  return least
}

const displayName = (given: string): string => (given === '' ? 'token' : `token-${given}`.replaceAll(/[^a-zA-Z0-9-]/g, '-').replace(/-$/, ''))

const usesOf = (asked: number, ofRole: number): number => (ofRole === 0 ? asked : asked === 0 ? ofRole : Math.min(asked, ofRole))

interface Judged {
  readonly call: Call
  readonly creation: Creation
  readonly input: CreateInput
  readonly parent: TokenRow
  readonly isSudo: boolean
  readonly isBatch: boolean
}

const isOrphaned = ({ creation: { role, orphan }, input, isSudo }: Judged): boolean => {
  if (role !== undefined) return role.orphan
  if (!input.noParent) return orphan
  if (!isSudo) throw bad('token.needs_sudo', 'root or sudo privileges required to create orphan token', 'no_parent')
  return true
}

const lifeOf = ({ creation: { role: given }, input, isSudo, isBatch: batch }: Judged, policies: readonly string[], bounds: TtlBounds, warnings: string[]): Pick<NewToken, 'ttlSeconds' | 'periodSeconds' | 'explicitMaxTtlSeconds'> => {
  if (input.period > 0 && !isSudo) throw bad('token.needs_sudo', 'root or sudo privileges required to create periodic token', 'period')
  // A batch token has neither, whatever its role says.
  const role = batch ? undefined : given
  const explicitMaxTtlSeconds = lesser('Explicit max TTL', input.explicitMaxTtl, role?.tokenExplicitMaxTtl ?? 0, warnings)
  const periodSeconds = lesser('Period', input.period, role?.tokenPeriod ?? 0, warnings)
  const asked = input.ttl ?? input.lease ?? 0
  const isRoot = policies.includes('root')
  if (periodSeconds === 0 && asked === 0 && isRoot) return { ttlSeconds: explicitMaxTtlSeconds, periodSeconds, explicitMaxTtlSeconds }
  const ttl = ttlOf({ ttlSeconds: asked, periodSeconds, explicitMaxSeconds: explicitMaxTtlSeconds, ageSeconds: 0 }, bounds)
  warnings.push(...ttl.warnings)
  return { ttlSeconds: ttl.seconds, periodSeconds, explicitMaxTtlSeconds }
}

/** A text that looks like a token that was made would be taken for one. */
const requireChosen = (text: string): void => {
  for (const prefix of ['s.', 'hvs.']) if (text.startsWith(prefix)) throw bad('token.bad_id', `custom token ID cannot have the '${prefix}' prefix`, 'id')
  if (text.includes('.')) throw bad('token.bad_id', "custom token ID cannot have a '.' in the value", 'id')
}

const requireAlias = (alias: string, role: TokenRole | undefined): void => {
  if (alias === '') return
  if (role === undefined) throw bad('token.entity_alias', "'entity_alias' is only allowed in combination with token role", 'entity_alias')
  if (!role.allowedEntityAliases.includes(alias) && !globs(role.allowedEntityAliases, alias)) throw bad('token.entity_alias', "invalid 'entity_alias' value", 'entity_alias')
}

const commandOf = (judged: Judged, bounds: TtlBounds, warnings: string[]): NewToken => {
  const { call, creation, input, parent, isSudo, isBatch: batch } = judged
  const { role } = creation
  requireAlias(input.entityAlias, role)
  if (input.id !== undefined && reveal(input.id, 'a text that the caller chose') !== '') {
    if (!isSudo) throw bad('token.needs_sudo', 'root or sudo privileges required to specify token id', 'id')
    if (!creation.isRootOrg) throw bad('token.id_in_namespace', 'token IDs can only be manually specified in the root namespace', 'id')
    requireChosen(reveal(input.id, 'a text that the caller chose'))
  }
  const caller = requireCaller(call)
  const foreignParent = caller.orgId !== call.orgId
  const policies = policiesOf({ policies: input.policies ?? [], noDefaultPolicy: input.noDefaultPolicy, parent: caller.root ? ['root'] : parent.policies, foreignParent, isSudo, role })
  if (batch && policies.includes('root')) throw bad('token.batch_root', 'batch tokens cannot be root tokens', 'policies')
  const orphan = isOrphaned(judged) || foreignParent
  const life = lifeOf(judged, policies, bounds, warnings)
  if (life.ttlSeconds === 0 && parent.expiresAt !== undefined) throw bad('token.expiring_root', 'expiring root tokens cannot create non-expiring root tokens', 'ttl')
  const cidrs = role === undefined ? (orphan ? [] : parent.boundCidrs) : role.tokenBoundCidrs
  const text = input.id === undefined ? '' : reveal(input.id, 'a text that the caller chose')
  return {
    ...life,
    // An orphan is nobody's: it has what its policies say and no more.
    principalId: orphan ? undefined : parent.principalId,
    parentId: orphan ? undefined : parent.tokenId,
    displayName: displayName(input.displayName),
    policies,
    root: policies.includes('root'),
    // Whatever is made from a locked token is locked as it is.
    lockMountId: parent.lockMountId,
    lockEnvironment: parent.lockEnvironment,
    boundCidrs: life.ttlSeconds === 0 ? [] : cidrs,
    metadata: input.meta ?? {},
    numUses: batch ? 0 : usesOf(input.numUses, role?.tokenNumUses ?? 0),
    renewable: !batch && life.ttlSeconds > 0 && input.renewable && role?.renewable !== false,
    issuePath: creation.path + (role === undefined || role.pathSuffix === '' ? '' : `/${role.pathSuffix}`),
    text: text === '' || batch ? undefined : text,
    entityAlias: input.entityAlias === '' ? undefined : input.entityAlias,
    batch: batch ? { mountId: undefined, role: role === undefined ? undefined : { mountId: creation.rolesId, key: roleKey(role.name), uid: role.uid } } : undefined,
  }
}

export const createToken = async (store: TokenStore, bounds: TtlBounds, call: Call, input: CreateInput, creation: Creation) => {
  const resource: Resource = { kind: 'token', apiPath: creation.path }
  const grant: Grant = call.authorise('update', resource)
  const caller = requireCaller(call)
  const parent = await store.own(caller)
  if (parent === undefined) throw bad('token.no_parent', 'parent token lookup failed: no parent found')
  if (parent.batch !== undefined) throw bad('token.batch_parent', 'batch tokens cannot create more tokens')
  if (parent.numUses > 0) throw bad('token.restricted', 'restricted use token cannot generate child tokens')
  const isSudo = hasSudo(call, resource)
  if (caller.orgId !== call.orgId && !isSudo) throw bad('token.needs_sudo', 'root or sudo privileges required to directly generate a token in a child namespace')
  const batch = isBatch(input, creation.role)
  if (input.numUses < 0) throw bad('token.bad_uses', 'number of uses cannot be negative', 'num_uses')
  const warnings: string[] = []
  const command = commandOf({ call, creation, input, parent, isSudo, isBatch: batch }, bounds, warnings)
  const { token, row } = await store.create(grant, call, command)
  for (const name of row.policies) if (!(await store.policyExists(call.orgId, name))) warnings.push(`Policy ${JSON.stringify(name)} does not exist`)
  return { auth: authOf(row, { token, leaseSeconds: row.ttlSeconds, identityPolicies: await store.identityPolicies(call.orgId, row.principalId) }), ...(warnings.length === 0 ? {} : { warnings }) }
}
