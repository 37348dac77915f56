// Rows of leases and their MACs. What the queue counts (state, attempts, claims, due times) is not under the MAC: whoever can
// change that can make a credential live longer or shorter, and could as well stop the database.

import { equalTags } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { macRow } from '../../crypto/mac.ts'
import { fail } from '../../kernel/errors.ts'

export type LeaseState = 'pending' | 'active' | 'revoking' | 'irrevocable'

export interface LeaseRow {
  readonly leaseId: string
  /** Without the organization's short id. */
  readonly name: string
  readonly mountId: string
  readonly kind: string
  readonly tokenId: string | undefined
  readonly renewable: boolean
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly issuedAt: number
  readonly expiresAt: number
  readonly lastRenewedAt: number | undefined
  readonly state: LeaseState
  readonly attempts: number
  readonly lastError: string
  readonly rowVersion: number
}

/** As the driver gives it. */
export interface StoredLease {
  readonly lease_id: string
  readonly name: string
  readonly mount_id: string
  readonly kind: string
  readonly token_id: string | null
  readonly renewable: boolean
  readonly ttl_seconds: number
  readonly max_ttl_seconds: number
  readonly issued_at: Date
  readonly expires_at: Date
  readonly last_renewed_at: Date | null
  readonly state: LeaseState
  readonly attempts: number
  readonly last_error: string
  readonly row_version: number
  readonly mac: Buffer
}

export interface VersionedKey {
  readonly key: HmacKey
}

export const macLease = (key: HmacKey, lease: LeaseRow): Buffer =>
  macRow(key, 'leases', lease.leaseId, lease.rowVersion, [
    lease.name, lease.mountId, lease.kind, lease.tokenId ?? null, lease.renewable, lease.ttlSeconds, lease.maxTtlSeconds, new Date(lease.issuedAt), new Date(lease.expiresAt),
  ])

const readLease = (row: StoredLease): LeaseRow => ({
  leaseId: row.lease_id,
  name: row.name,
  mountId: row.mount_id,
  kind: row.kind,
  tokenId: row.token_id ?? undefined,
  renewable: row.renewable,
  ttlSeconds: row.ttl_seconds,
  maxTtlSeconds: row.max_ttl_seconds,
  issuedAt: row.issued_at.getTime(),
  expiresAt: row.expires_at.getTime(),
  lastRenewedAt: row.last_renewed_at?.getTime(),
  state: row.state,
  attempts: row.attempts,
  lastError: row.last_error,
  rowVersion: row.row_version,
})

/** @throws internal `row.integrity` */
export const checkedLease = (row: StoredLease, keys: readonly VersionedKey[]): LeaseRow => {
  const lease = readLease(row)
  for (const { key } of keys) if (equalTags(macLease(key, lease), row.mac)) return lease
  throw fail('internal', 'row.integrity', 'The stored record of a lease failed its integrity check. It was changed outside the product; ask the operators to look at the audit log.')
}
