// From the verdict of an auth method to a token: the principal of the alias, the policy `default`, addresses, times, and the
// record. The method never sees the token. Who has logged in before costs one statement, and a batch token none.

import { anyCidrContains, parseCidr } from '../../../lib/cidr.ts'
import { secret, type Secret } from '../../../crypto/secret.ts'
import { makeServiceToken } from '../../../crypto/token-format.ts'
import { auditedWrite } from '../../../kernel/audited-write.ts'
import type { LoginVerdict, MountLimits } from '../../../kernel/auth/method.ts'
import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { PrincipalGrants, PrincipalRow } from '../../../kernel/identity.ts'
import type { Mount } from '../../../kernel/tenancy.ts'
import { isUniqueViolation } from '../../../kernel/storage.ts'
import type { TokenSettings } from '../../../kernel/auth/token-settings.ts'
import { ensureAlias, holderName, newHolder, retried, sameLabels, type AliasCommand, type KnownAlias } from '../aliases.ts'
import { sealBatch } from '../batch.ts'
import { followGroups, keepGroups } from '../groups/external.ts'
import { identityPoliciesOf } from '../identity-policies.ts'
import { principalGrants } from '../token-repository.ts'
import { insert, lookupKey, newRow, type IssuedToken, type TokenCommand, type TokenKeys, type TokenPorts } from '../tokens.ts'
import type { LoginWriter } from './writing.ts'

export interface LoginPorts extends TokenPorts {
  shortIdOf(orgId: string): Promise<string | undefined>
  /** Who an alias of a mount is, as far as this worker may say so from memory. */
  alias(orgId: string, mountId: string, name: string): Promise<KnownAlias | undefined>
  /** Whether any group is filled by what logins of the mount say. */
  fillsGroups(orgId: string, mountId: string): Promise<boolean>
  readonly writer: Pick<LoginWriter, 'write'>
}

/** Fits `loginOutput` of kernel/auth/method.ts. */
export interface LoginAnswer {
  readonly clientToken: Secret<string>
  readonly accessor: string
  readonly policies: readonly string[]
  readonly tokenPolicies: readonly string[]
  readonly identityPolicies?: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly leaseDuration: number
  readonly renewable: boolean
  readonly entityId: string
  readonly tokenType: 'service' | 'batch'
  readonly orphan: true
  readonly mfaRequirement: null
  readonly numUses: number
}

const MAX_ALIAS = 512
// What nobody sees in a record or a list, or what could end a line there.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

const denied = (message: string): Error => fail('permission_denied', 'auth.denied', message)

export interface Lives {
  readonly ttlSeconds: number
  /** 0: no end but by not being renewed. */
  readonly maxSeconds: number
  readonly periodSeconds: number
}

/** How long a token of these settings lives below a mount: Vault's rules. A period is renewed for ever and ends only by an explicit maximum. */
export const livesOf = (settings: TokenSettings, limits: MountLimits): Lives => {
  const cap = limits.maxTtlSeconds
  const explicit = settings.explicitMaxTtlSeconds
  const within = (seconds: number): number => (explicit > 0 ? Math.min(seconds, explicit) : seconds)
  if (settings.periodSeconds > 0) return { ttlSeconds: within(Math.min(settings.periodSeconds, cap)), maxSeconds: explicit, periodSeconds: Math.min(settings.periodSeconds, cap) }
  const max = within(settings.maxTtlSeconds > 0 ? Math.min(settings.maxTtlSeconds, cap) : cap)
  const ttl = settings.ttlSeconds > 0 ? settings.ttlSeconds : limits.defaultTtlSeconds
  return { ttlSeconds: Math.min(ttl, max), maxSeconds: max, periodSeconds: 0 }
}

const policiesOf = ({ policies, noDefaultPolicy }: TokenSettings): readonly string[] => {
  if (policies.includes('root')) throw fail('invalid_request', 'auth.root', 'auth methods cannot create root tokens')
  return [...new Set(noDefaultPolicy ? policies : ['default', ...policies])].sort()
}

/** One login that a method found good. */
export interface LoginOf {
  readonly mount: Mount
  readonly verdict: LoginVerdict
  readonly limits: MountLimits
  /** The API path that gave the token, for its look-up. */
  readonly issuePath: string
}

/** The type that mount and role agree upon: Vault's table. */
const isBatch = (mount: Mount, { type }: TokenSettings): boolean => {
  const ofMount = mount.config['tokenType']
  if (ofMount === 'service' || ofMount === 'batch') return ofMount === 'batch'
  return ofMount === 'default-batch' ? type !== 'service' : type === 'batch'
}

const facetsOf = ({ mount, verdict, limits, issuePath }: LoginOf, principal: PrincipalRow): Omit<TokenCommand, 'periodSeconds'> & { readonly periodSeconds: number } => {
  const { token: settings } = verdict
  const { ttlSeconds, maxSeconds, periodSeconds } = livesOf(settings, limits)
  return {
    principalId: principal.principalId,
    parentId: undefined,
    displayName: verdict.displayName === '' ? mount.path.replaceAll('/', '-') : `${mount.path.replaceAll('/', '-')}-${verdict.displayName}`,
    policies: policiesOf(settings),
    root: false,
    lockMountId: undefined,
    lockEnvironment: undefined,
    issuePath,
    boundCidrs: settings.boundCidrs,
    metadata: verdict.metadata,
    numUses: settings.numUses,
    ttlSeconds,
    periodSeconds,
    explicitMaxTtlSeconds: maxSeconds,
    renewable: true,
  }
}

const checkVerdict = (call: Call, { alias, token }: LoginVerdict): void => {
  if (alias === '' || alias.length > MAX_ALIAS || UNSEEN.test(alias) || !alias.isWellFormed()) throw fail('invalid_request', 'auth.bad_alias', 'The name that the credential carries cannot be used: it is empty, too long, or has characters that cannot be seen.')
  if (token.boundCidrs.length === 0) return
  const ranges = token.boundCidrs.map(parseCidr).filter((range) => range !== undefined)
  if (call.sourceIp === undefined || !anyCidrContains(ranges, call.sourceIp)) throw denied('The address from which you log in is not allowed to.')
}

interface Setting {
  readonly keys: TokenKeys
  readonly shortId: string | undefined
  readonly at: number
}

const noteOf = (call: Call, { mount }: LoginOf, { principal, tokenId }: { readonly principal: PrincipalRow; readonly tokenId: string }): void => {
  call.audit.resourceType = 'auth'
  call.audit.resourceId = principal.principalId
  call.audit.metadata = { ...call.audit.metadata, mount: mount.path, method: mount.type, principal: principal.name, tokenId }
}

/** A token without a row: sealed, and that is all. */
const sealed = (call: Call, of: LoginOf, { keys, shortId, at }: Setting, principal: PrincipalRow): IssuedToken => {
  const { mount, verdict: { role } } = of
  const origin = { mountId: mount.mountId, role: role === undefined ? undefined : { mountId: mount.mountId, ...role }, requestId: call.isForOneRequest === true ? call.requestId : undefined }
  return sealBatch(keys, { orgId: call.orgId, shortId }, facetsOf(of, principal), { origin, at })
}

interface Made {
  readonly issued: IssuedToken
  readonly holder: PrincipalGrants
}

const requireEnabled = ({ principal }: PrincipalGrants): void => {
  if (principal.disabled) throw denied('permission denied')
}

/** For somebody who is known: one statement for a token with a row, none for one without. */
const makeKnown = async (ports: LoginPorts, call: Call, of: LoginOf, setting: Setting, holder: PrincipalGrants): Promise<Made> => {
  requireEnabled(holder)
  if (isBatch(of.mount, of.verdict.token)) {
    const issued = sealed(call, of, setting, holder.principal)
    noteOf(call, of, { principal: holder.principal, tokenId: issued.row.tokenId })
    return { issued, holder }
  }
  const { keys, shortId, at } = setting
  const text = makeServiceToken(shortId)
  const row = newRow(facetsOf(of, holder.principal), { at, shortId })
  noteOf(call, of, { principal: holder.principal, tokenId: row.tokenId })
  await ports.writer.write(call.orgId, { token: { row, lookup: lookupKey(keys.purpose('tokens'), text) }, record: call.writeRecord({ status: 200 }) }, keys.purpose('rows'))
  return { issued: { token: secret(text), row }, holder }
}

const commandOf = ({ mount, verdict }: LoginOf, at: number): AliasCommand => ({ mountId: mount.mountId, mountPath: mount.path, name: verdict.alias, kind: verdict.kind, metadata: verdict.aliasMetadata ?? verdict.metadata, at })

/** For somebody whom nobody has seen: one statement. Undefined: somebody has, or the name is another's. Nothing that workers remember is about somebody new, so no feed tells of it. */
const makeFirst = async (ports: LoginPorts, call: Call, of: LoginOf, { keys, shortId, at }: Setting): Promise<Made | undefined> => {
  const command = commandOf(of, at)
  const { principal, alias } = newHolder(command, holderName(command))
  const hasRow = !isBatch(of.mount, of.verdict.token)
  const text = hasRow ? makeServiceToken(shortId) : ''
  const { resourceId, metadata } = call.audit
  const issued = hasRow ? { token: secret(text), row: newRow(facetsOf(of, principal), { at, shortId }) } : sealed(call, of, { keys, shortId, at }, principal)
  noteOf(call, of, { principal, tokenId: issued.row.tokenId })
  const token = hasRow ? { row: issued.row, lookup: lookupKey(keys.purpose('tokens'), text) } : undefined
  try {
    await ports.writer.write(call.orgId, { holder: { principal, alias }, token, record: call.writeRecord({ status: 200 }) }, keys.purpose('rows'))
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    // The record that was made belongs to nothing that was written, and nor does what it said.
    call.dropKeptRecords()
    Object.assign(call.audit, { resourceId, metadata })
    return undefined
  }
  return { issued, holder: { principal, groups: [], bindings: [], aliases: [alias] } }
}

/** For a first login that was not the first after all, one whose metadata are others than before, or one whose issuer fills groups: everything in one transaction with the record. */
const makeNew = (ports: LoginPorts, call: Call, of: LoginOf, setting: Setting): Promise<Made> =>
  auditedWrite(ports.database, call, { status: 200, confirm: true }, async (tx, note) => {
    const { mount, verdict } = of
    const { keys, shortId, at } = setting
    const principal = await ensureAlias(keys, tx, { orgId: call.orgId, note }, commandOf(of, at))
    // Before there is a token: whoever locks the principal must not hold a share of it already.
    const said = verdict.groups === undefined ? undefined : { principalId: principal.principalId, mountId: mount.mountId, groups: verdict.groups }
    if (said !== undefined && !principal.disabled) await followGroups(keys, tx, call.orgId, said, note)
    const holder = await principalGrants(tx, call.orgId, principal.principalId, keys.purposeVersions('rows'))
    if (holder === undefined) throw fail('conflict', 'principal.removed', 'The principal was removed meanwhile. Try again.')
    requireEnabled(holder)
    const issued = isBatch(mount, verdict.token) ? sealed(call, of, setting, principal) : await insert(keys, tx, { orgId: call.orgId, shortId }, facetsOf(of, principal), { at })
    if (said !== undefined && issued.row.batch === undefined) await keepGroups(keys, tx, call.orgId, issued.row.tokenId, said)
    noteOf(call, of, { principal, tokenId: issued.row.tokenId })
    return { issued, holder }
  })

/**
 * Whom a login is for, in which groups as of this login; made if it is the first. For what must be known before there is a token.
 * @throws permission_denied for another address than allowed or a disabled principal
 */
export const holderOf = async (ports: LoginPorts, call: Call, { mount, verdict }: Pick<LoginOf, 'mount' | 'verdict'>): Promise<PrincipalGrants> => {
  checkVerdict(call, verdict)
  const [keys, alias, fillsGroups] = await Promise.all([ports.keys(call.orgId), ports.alias(call.orgId, mount.mountId, verdict.alias), verdict.groups !== undefined && ports.fillsGroups(call.orgId, mount.mountId)])
  const known = alias === undefined || fillsGroups ? undefined : await ports.batch.grants(call.orgId, alias.principalId)
  const found = known ?? (await retried(() => auditedWrite(ports.database, call, { status: 200, confirm: true }, async (tx, note) => {
    const principal = await ensureAlias(keys, tx, { orgId: call.orgId, note }, { mountId: mount.mountId, mountPath: mount.path, name: verdict.alias, kind: verdict.kind, metadata: verdict.aliasMetadata ?? verdict.metadata, at: Math.trunc(call.now()) })
    if (verdict.groups !== undefined && !principal.disabled) await followGroups(keys, tx, call.orgId, { principalId: principal.principalId, mountId: mount.mountId, groups: verdict.groups }, note)
    return principalGrants(tx, call.orgId, principal.principalId, keys.purposeVersions('rows'))
  })))
  if (found === undefined) throw fail('conflict', 'principal.removed', 'The principal was removed meanwhile. Try again.')
  // The token's own record comes besides this one's.
  if (known === undefined) call.keepRecord()
  requireEnabled(found)
  return found
}

/** Longer than a request may take; no other request can use the token. */
const ONE_REQUEST_SECONDS = 120

/** A token that came with its request: without a row, and good for that request alone. */
const forOneRequest = (of: LoginOf): LoginOf => {
  const token = { ...of.verdict.token, ttlSeconds: ONE_REQUEST_SECONDS, maxTtlSeconds: ONE_REQUEST_SECONDS, explicitMaxTtlSeconds: 0, periodSeconds: 0, numUses: 0, type: 'batch' } as const
  return { ...of, mount: { ...of.mount, config: { ...of.mount.config, tokenType: 'batch' } }, verdict: { ...of.verdict, token } }
}

/** Makes the token of a verdict. @throws permission_denied for another address than allowed or a disabled principal */
export const mint = async (ports: LoginPorts, call: Call, given: LoginOf): Promise<LoginAnswer> => {
  const of = call.isForOneRequest === true ? forOneRequest(given) : given
  const { mount, verdict } = of
  checkVerdict(call, verdict)
  const wanted = verdict.aliasMetadata ?? verdict.metadata
  const [keys, shortId, alias, fillsGroups] = await Promise.all([ports.keys(call.orgId), ports.shortIdOf(call.orgId), ports.alias(call.orgId, mount.mountId, verdict.alias), verdict.groups !== undefined && ports.fillsGroups(call.orgId, mount.mountId)])
  const holder = alias !== undefined && !fillsGroups && sameLabels(alias.metadata, wanted) ? await ports.batch.grants(call.orgId, alias.principalId) : undefined
  const setting = { keys, shortId, at: Math.trunc(call.now()) }
  const { issued: { token, row }, holder: { principal, groups } } =
    holder === undefined ? ((alias === undefined && !fillsGroups ? await makeFirst(ports, call, of, setting) : undefined) ?? (await retried(() => makeNew(ports, call, of, setting)))) : await makeKnown(ports, call, of, setting, holder)
  const identityPolicies = identityPoliciesOf({ principal, groups })
  return {
    clientToken: token,
    accessor: row.accessor,
    policies: [...new Set([...row.policies, ...identityPolicies])].sort(),
    tokenPolicies: row.policies,
    ...(identityPolicies.length === 0 ? {} : { identityPolicies }),
    metadata: Object.keys(row.metadata).length === 0 ? null : row.metadata,
    leaseDuration: row.ttlSeconds,
    renewable: row.renewable,
    entityId: principal.principalId,
    tokenType: row.batch === undefined ? 'service' : 'batch',
    orphan: true,
    mfaRequirement: null,
    numUses: row.numUses,
  }
}
