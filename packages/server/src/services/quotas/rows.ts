// Rows of quotas and their MACs. The count of leases is not under the MAC: the database keeps it.

import { equalTags } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { macRow } from '../../crypto/mac.ts'
import { fail } from '../../kernel/errors.ts'

export type QuotaType = 'rate-limit' | 'lease-count'

export interface QuotaRow {
  readonly quotaId: string
  readonly type: QuotaType
  readonly name: string
  /** With a slash behind; empty: the whole organization. */
  readonly mount: string
  /** Below the mount; may end with a star. */
  readonly suffix: string
  readonly role: string
  readonly inheritable: boolean
  readonly rate: number
  readonly intervalSeconds: number
  readonly blockSeconds: number
  readonly maxLeases: number
  readonly used: number
  readonly rowVersion: number
}

export interface StoredQuota {
  readonly quota_id: string
  readonly type: QuotaType
  readonly name: string
  readonly mount: string
  readonly suffix: string
  readonly role: string
  readonly inheritable: boolean
  readonly rate: number
  readonly interval_seconds: number
  readonly block_seconds: number
  readonly max_leases: number
  readonly used: number
  readonly row_version: number
  readonly mac: Buffer
}

export interface VersionedKey {
  readonly key: HmacKey
}

export const macQuota = (key: HmacKey, row: QuotaRow): Buffer =>
  macRow(key, 'quotas', row.quotaId, row.rowVersion, [row.type, row.name, row.mount, row.suffix, row.role, row.inheritable, row.rate, row.intervalSeconds, row.blockSeconds, row.maxLeases])

/** @throws internal `row.integrity` */
export const checkedQuota = (stored: StoredQuota, keys: readonly VersionedKey[]): QuotaRow => {
  const row: QuotaRow = {
    quotaId: stored.quota_id, type: stored.type, name: stored.name, mount: stored.mount, suffix: stored.suffix, role: stored.role, inheritable: stored.inheritable,
    rate: stored.rate, intervalSeconds: stored.interval_seconds, blockSeconds: stored.block_seconds, maxLeases: stored.max_leases, used: stored.used, rowVersion: stored.row_version,
  }
  for (const { key } of keys) if (equalTags(macQuota(key, row), stored.mac)) return row
  throw fail('internal', 'row.integrity', 'The stored record of a quota failed its integrity check. It was changed outside the product; ask the operators to look at the audit log.')
}
