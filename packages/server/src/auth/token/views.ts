// Tokens as Vault shows them.

import { shownCidr } from '../../lib/cidr.ts'
import { secret, type Secret } from '../../crypto/secret.ts'
import type { TokenRow } from '../../kernel/identity.ts'

const seconds = (ms: number): number => Math.trunc(ms / 1000)
const iso = (ms: number): string => new Date(ms).toISOString()
export const isOrphan = (row: TokenRow): boolean => row.parentId === undefined
const metadataOf = (row: TokenRow): Readonly<Record<string, string>> | null => (Object.keys(row.metadata).length === 0 ? null : row.metadata)

/** The role in the path of a token that a role made. */
export const roleOf = (row: TokenRow): string | undefined => /^auth\/token\/create\/([^/]+)/.exec(row.issuePath)?.[1]

const ROOT_PATH = 'auth/token/root'

const typeOf = (row: TokenRow): 'service' | 'batch' => (row.batch === undefined ? 'service' : 'batch')

/** Vault's `default` of the native door's tokens is not stored with them. */
export interface Shown {
  readonly token: Secret<string> | undefined
  /** Of whoever holds it, and of its groups. */
  readonly identityPolicies: readonly string[] | undefined
}

export const factsOf = (row: TokenRow, { token, identityPolicies, namespacePath }: Shown & { readonly namespacePath: string }, now: number) => {
  const role = roleOf(row)
  const expires = row.expiresAt
  return {
    id: token ?? secret(''),
    accessor: row.accessor,
    policies: row.policies,
    path: row.issuePath,
    meta: metadataOf(row),
    displayName: row.displayName,
    numUses: row.usesLeft ?? row.numUses,
    orphan: isOrphan(row),
    creationTime: seconds(row.issuedAt),
    creationTtl: row.ttlSeconds,
    expireTime: expires === undefined ? null : iso(expires),
    ttl: expires === undefined ? 0 : Math.max(0, Math.floor((expires - now) / 1000)),
    explicitMaxTtl: row.explicitMaxTtlSeconds,
    entityId: row.principalId ?? '',
    type: typeOf(row),
    ...(namespacePath === '' ? {} : { namespacePath }),
    ...(row.principalId === undefined || identityPolicies === undefined || identityPolicies.length === 0 ? {} : { externalNamespacePolicies: {}, identityPolicies }),
    ...(role === undefined ? {} : { role }),
    ...(row.periodSeconds === 0 ? {} : { period: row.periodSeconds }),
    ...(row.boundCidrs.length === 0 ? {} : { boundCidrs: row.boundCidrs.map(shownCidr) }),
    ...(row.lastRenewedAt === undefined ? {} : { lastRenewalTime: seconds(row.lastRenewedAt), lastRenewal: iso(row.lastRenewedAt) }),
    // The first root token of an organization came from nobody's request.
    ...(expires === undefined && row.issuePath === ROOT_PATH ? {} : { renewable: row.renewable, issueTime: iso(row.issuedAt) }),
  }
}

/** What `auth` of an answer holds. */
export const authOf = (row: TokenRow, { token, leaseSeconds, identityPolicies = [] }: Shown & { readonly leaseSeconds: number }) => ({
  clientToken: token ?? secret(''),
  accessor: row.accessor,
  policies: [...new Set([...row.policies, ...identityPolicies])].sort(),
  tokenPolicies: row.policies,
  ...(identityPolicies.length === 0 ? {} : { identityPolicies }),
  metadata: metadataOf(row),
  leaseDuration: leaseSeconds,
  renewable: row.renewable,
  entityId: row.principalId ?? '',
  tokenType: typeOf(row),
  orphan: isOrphan(row),
  mfaRequirement: null,
  numUses: row.numUses,
})
