// Everything about a login but its moment: who it is and what its token will be. Made once for a credential that comes again, and then each token costs
// what no two tokens can share.

import { secret, type Secret } from '../../../crypto/secret.ts'
import { makeServiceToken } from '../../../crypto/token-format.ts'
import type { LoginVerdict, MountLimits } from '../../../kernel/auth/method.ts'
import type { TokenSettings } from '../../../kernel/auth/token-settings.ts'
import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { PrincipalGrants, PrincipalRow, TokenRow } from '../../../kernel/identity.ts'
import type { Mount } from '../../../kernel/tenancy.ts'
import { batchForm, rowOfForm, sealForm, type BatchForm } from '../batch.ts'
import { identityPoliciesOf } from '../identity-policies.ts'
import { lookupKey, newRow, type TokenCommand, type TokenKeys } from '../tokens.ts'
import type { LoginMount, LoginWrite } from './writing.ts'

/** One login that a method found good. */
export interface LoginOf {
  readonly mount: Mount
  readonly verdict: LoginVerdict
  readonly limits: MountLimits
  /** The API path that gave the token, for its look-up. */
  readonly issuePath: string
  /** Whose second step came with it; undefined: none was needed. */
  readonly secondStepOf?: string | undefined
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

export interface Setting {
  readonly orgId: string
  readonly keys: TokenKeys
  readonly shortId: string | undefined
}

export interface Issuable extends Setting {
  readonly mount: LoginMount
  readonly holder: PrincipalGrants
  readonly facets: TokenCommand
  /** Of a token without a row. */
  readonly form: BatchForm | undefined
  readonly said: Omit<LoginAnswer, 'clientToken' | 'accessor'>
  /** For the record. */
  readonly noted: Readonly<Record<'mount' | 'method' | 'principal', string>>
}

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

/** The type that mount and role agree upon: Vault's table. */
export const isBatch = (mount: Mount, { type }: TokenSettings): boolean => {
  const ofMount = mount.config['tokenType']
  if (ofMount === 'service' || ofMount === 'batch') return ofMount === 'batch'
  return ofMount === 'default-batch' ? type !== 'service' : type === 'batch'
}

/** Longer than a request may take; no other request can use the token. */
const ONE_REQUEST_SECONDS = 120

/** A token that came with its request: without a row, and good for that request alone. */
export const forOneRequest = (of: LoginOf): LoginOf => {
  const token = { ...of.verdict.token, ttlSeconds: ONE_REQUEST_SECONDS, maxTtlSeconds: ONE_REQUEST_SECONDS, explicitMaxTtlSeconds: 0, periodSeconds: 0, numUses: 0, type: 'batch' } as const
  return { ...of, mount: { ...of.mount, config: { ...of.mount.config, tokenType: 'batch' } }, verdict: { ...of.verdict, token } }
}

const facetsOf = ({ mount, verdict, limits, issuePath, secondStepOf }: LoginOf, { principalId }: PrincipalRow): TokenCommand => {
  const { token: settings } = verdict
  const { ttlSeconds, maxSeconds, periodSeconds } = livesOf(settings, limits)
  return {
    principalId,
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
    // An alias may have become somebody else's since: that was not his step.
    mfa: secondStepOf === principalId,
  }
}

/** @throws invalid_request for what no token may be */
export const issuable = ({ orgId, keys, shortId }: Setting, of: LoginOf, holder: PrincipalGrants): Issuable => {
  const { mount, verdict: { role, token } } = of
  const facets = facetsOf(of, holder.principal)
  const form = isBatch(mount, token) ? batchForm(facets, { mountId: mount.mountId, role: role === undefined ? undefined : { mountId: mount.mountId, ...role } }) : undefined
  const identityPolicies = identityPoliciesOf(holder)
  return {
    orgId, keys, shortId, holder, facets, form,
    mount: { mountId: mount.mountId, path: mount.path },
    said: {
      policies: [...new Set([...facets.policies, ...identityPolicies])].sort(),
      tokenPolicies: facets.policies,
      ...(identityPolicies.length === 0 ? {} : { identityPolicies }),
      metadata: Object.keys(facets.metadata).length === 0 ? null : facets.metadata,
      leaseDuration: facets.ttlSeconds,
      renewable: form === undefined,
      entityId: holder.principal.principalId,
      tokenType: form === undefined ? 'service' : 'batch',
      orphan: true,
      mfaRequirement: null,
      numUses: form === undefined ? facets.numUses : 0,
    },
    noted: { mount: mount.path, method: mount.type, principal: holder.principal.name },
  }
}

const note = ({ audit }: Call, { holder, facets, noted }: Issuable, tokenId: string): void => {
  audit.resourceType = 'auth'
  audit.resourceId = holder.principal.principalId
  audit.metadata = { ...audit.metadata, ...noted, ...(facets.mfa === true ? { mfa: 'totp' } : {}), tokenId }
}

/** A token without a row: sealed, and that is all. `row`: what opening it would give. */
export const issueSealed = (call: Call, of: Issuable, form: BatchForm): { readonly answer: LoginAnswer; readonly text: string; row(): TokenRow } => {
  const moment = { at: Math.trunc(call.now()), requestId: call.isForOneRequest === true ? call.requestId : undefined }
  const { text, tokenId } = sealForm(of.keys, of, form, moment)
  note(call, of, tokenId)
  return { answer: { ...of.said, clientToken: secret(text), accessor: '' }, text, row: () => rowOfForm(form, tokenId, moment) }
}

/** A token with a row, which is yet to be written. */
export const issueRow = (call: Call, of: Issuable): { readonly answer: LoginAnswer; readonly token: NonNullable<LoginWrite['token']>; row(): TokenRow } => {
  const { keys, shortId, facets } = of
  const text = makeServiceToken(shortId)
  const row = newRow(facets, { at: Math.trunc(call.now()), shortId })
  note(call, of, row.tokenId)
  return { answer: { ...of.said, clientToken: secret(text), accessor: row.accessor }, token: { row, lookup: lookupKey(keys.purpose('tokens'), text) }, row: () => row }
}
