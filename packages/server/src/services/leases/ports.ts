// What leases need of the rest, filled by compose.

import type { HmacKey } from '../../crypto/keys.ts'
import type { LeaseKind } from '../../kernel/ports/lease.ts'
import type { SealedView } from '../../kernel/ports/sealed-store.ts'
import type { Database, Transaction } from '../../kernel/storage.ts'
import type { Mount } from '../../kernel/tenancy.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { VersionedKey } from './rows.ts'

export interface LeaseKeys {
  purpose(name: 'rows'): HmacKey
  purposeVersions(name: 'rows'): readonly VersionedKey[]
}

/** What an engine wrote down of its leases, sealed, by the lease's id. */
export interface LeaseNotes {
  put(tx: Transaction, orgId: string, leaseId: string, internal: JsonValue): Promise<void>
  get(orgId: string, leaseId: string): Promise<JsonValue | undefined>
  delete(tx: Transaction, orgId: string, leaseId: string): Promise<void>
}

export interface LeaseLimits {
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
}

export interface LeaseEvent {
  readonly action: 'lease.revoke' | 'lease.revoke-failed'
  readonly leaseId: string
  readonly name: string
  readonly mount: string
  readonly errorCode?: string | undefined
}

export interface LeasePorts {
  readonly database: Database
  keys(orgId: string): Promise<LeaseKeys>
  /** Undefined for root. */
  shortIdOf(orgId: string): Promise<string | undefined>
  readonly notes: LeaseNotes
  state(orgId: string, mountId: string): SealedView
  /** Also one that was disabled: its credentials are still out there. */
  mountOf(orgId: string, mountId: string): Promise<Mount | undefined>
  kindOf(mount: Mount, kind: string): LeaseKind | undefined
  limitsOf(mount: Mount): LeaseLimits
  /** Database time. */
  now(): number
  /** A record of what the server did by itself; resolves when it is durable. */
  record(orgId: string, event: LeaseEvent): Promise<void>
  readonly timing: LeaseTiming
}

export interface LeaseTiming {
  /** How long making a credential may take before the queue takes it for lost. */
  readonly graceSeconds: number
  /** How long one revocation may take. */
  readonly revokeMs: number
  /** Longer than that: nobody else starts meanwhile. */
  readonly claimSeconds: number
  /** Pause after the first failure; it doubles with each. */
  readonly retrySeconds: number
}

export const usualTiming: LeaseTiming = Object.freeze({ graceSeconds: 180, revokeMs: 45_000, claimSeconds: 90, retrySeconds: 10 })
