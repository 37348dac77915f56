// From the verdict of an auth method to a token: the principal of the alias, the policy `default`, addresses, times, and the
// record, all in one transaction. The method never sees the token.

import { anyCidrContains, parseCidr } from '../../lib/cidr.ts'
import { secret, type Secret } from '../../crypto/secret.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { makeAccessor, makeServiceToken } from '../../crypto/token-format.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { LoginVerdict, MountLimits } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { PrincipalRow, TokenRow } from '../../kernel/identity.ts'
import { isUniqueViolation, type Transaction } from '../../kernel/storage.ts'
import type { Mount } from '../../kernel/tenancy.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { ensureAlias } from './aliases.ts'
import { insertToken, lookup } from './token-repository.ts'
import { lookupKey, type TokenKeys, type TokenPorts } from './tokens.ts'

export interface LoginPorts extends TokenPorts {
  shortIdOf(orgId: string): Promise<string | undefined>
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
  readonly tokenType: 'service'
  readonly orphan: true
  readonly mfaRequirement: null
  readonly numUses: number
}

const MAX_ALIAS = 512
const ATTEMPTS = 3
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

const rowOf = ({ mount, verdict, limits, issuePath }: LoginOf, principal: PrincipalRow, facts: { readonly at: number; readonly shortId: string | undefined }): TokenRow => {
  const { token: settings } = verdict
  const { at, shortId } = facts
  const { ttlSeconds, maxSeconds, periodSeconds } = livesOf(settings, limits)
  return {
    tokenId: makeUuidV7(at),
    accessor: makeAccessor(shortId),
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
    issuedAt: at,
    expiresAt: at + ttlSeconds * 1000,
    lastRenewedAt: undefined,
    rowVersion: 1,
  }
}

const checkVerdict = (call: Call, { alias, token }: LoginVerdict): void => {
  if (alias === '' || alias.length > MAX_ALIAS || UNSEEN.test(alias) || !alias.isWellFormed()) throw fail('invalid_request', 'auth.bad_alias', 'The name that the credential carries cannot be used: it is empty, too long, or has characters that cannot be seen.')
  if (token.type === 'batch') throw fail('invalid_request', 'auth.batch', 'Batch tokens are not given by this server: set token_type to service.')
  if (token.boundCidrs.length === 0) return
  const ranges = token.boundCidrs.map(parseCidr).filter((range) => range !== undefined)
  if (call.sourceIp === undefined || !anyCidrContains(ranges, call.sourceIp)) throw denied('The address from which you log in is not allowed to.')
}

interface Made {
  readonly text: string
  readonly row: TokenRow
  readonly principal: PrincipalRow
  readonly identityPolicies: readonly string[]
}

const make = async (tx: Transaction, call: Call, of: LoginOf, { keys, shortId }: { readonly keys: TokenKeys; readonly shortId: string | undefined }): Promise<Made> => {
  const { mount, verdict } = of
  const at = Math.trunc(call.now())
  const principal = await ensureAlias(keys, tx, call.orgId, { mountId: mount.mountId, mountPath: mount.path, name: verdict.alias, kind: verdict.kind, metadata: verdict.aliasMetadata ?? verdict.metadata, at })
  if (principal.disabled) throw denied('The principal is disabled.')
  const row = rowOf(of, principal, { at, shortId })
  const text = makeServiceToken(shortId)
  const key = lookupKey(keys.purpose('tokens'), text)
  await insertToken(tx, call.orgId, row, key, keys.purpose('rows'))
  const loaded = await lookup(tx, call.orgId, key, keys.purposeVersions('rows'))
  return { text, row, principal, identityPolicies: [...new Set([...principal.policies, ...(loaded?.groups ?? []).flatMap(({ policies }) => policies)])].sort() }
}

/** Longer than a request may take; the one use ends the token before. */
const ONE_REQUEST_SECONDS = 120

/** A token that came with its request: not renewable, for one use. */
const forOneRequest = (of: LoginOf): LoginOf => {
  const token = { ...of.verdict.token, ttlSeconds: ONE_REQUEST_SECONDS, maxTtlSeconds: ONE_REQUEST_SECONDS, explicitMaxTtlSeconds: ONE_REQUEST_SECONDS, periodSeconds: 0, numUses: 1 }
  return { ...of, verdict: { ...of.verdict, token } }
}

/** Makes the token of a verdict. @throws permission_denied for another address than allowed or a disabled principal */
export const mint = async (ports: LoginPorts, call: Call, given: LoginOf): Promise<LoginAnswer> => {
  const of = call.isForOneRequest === true ? forOneRequest(given) : given
  const { mount, verdict } = of
  checkVerdict(call, verdict)
  const [keys, shortId] = await Promise.all([ports.keys(call.orgId), ports.shortIdOf(call.orgId)])
  const made = await retried(() =>
    auditedWrite(ports.database, call, { status: 200 }, async (tx) => {
      const done = await make(tx, call, of, { keys, shortId })
      call.audit.resourceType = 'auth'
      call.audit.resourceId = done.principal.principalId
      call.audit.metadata = { mount: mount.path, method: mount.type, principal: done.principal.name, tokenId: done.row.tokenId }
      return done
    }),
  )
  const { row, identityPolicies } = made
  return {
    clientToken: secret(made.text),
    accessor: row.accessor,
    policies: [...new Set([...row.policies, ...identityPolicies])].sort(),
    tokenPolicies: row.policies,
    ...(identityPolicies.length === 0 ? {} : { identityPolicies }),
    metadata: Object.keys(row.metadata).length === 0 ? null : row.metadata,
    leaseDuration: row.ttlSeconds,
    renewable: row.renewable,
    entityId: made.principal.principalId,
    tokenType: 'service',
    orphan: true,
    mfaRequirement: null,
    numUses: row.numUses,
  }
}

/** Two first logins of one alias: the second finds what the first made. */
const retried = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= ATTEMPTS || !isUniqueViolation(error)) throw error
    }
  }
}
