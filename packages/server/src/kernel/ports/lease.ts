// Credentials that an engine makes outside and that end: the engine says how one is renewed and revoked, the core owns the
// clock, the terms, the retries and the queue. A row says that there may be a credential before there is one, so that
// nothing that was made is ever forgotten, whatever crashes.

import { f } from '../fields.ts'
import type { Call, Grant } from '../call.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { SealedView } from './sealed-store.ts'
import type { Mount } from '../tenancy.ts'

/** One lease as the engine that made it sees it. */
export interface HeldLease {
  readonly orgId: string
  /** `database/creds/readonly/2f6a...` */
  readonly leaseId: string
  readonly mount: Mount
  readonly kind: string
  /** What the engine wrote down when it asked for the lease: the name of the account, never what can be asked for again. */
  readonly internal: JsonValue
  readonly issuedAt: number
  readonly expiresAt: number
  /** The sealed state of the mount; there until the last lease of a disabled mount has gone. */
  readonly state: SealedView
}

/** 0: what the mount says. */
export interface LeaseTerms {
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
}

export interface LeaseKind {
  /** What its role says today; absent or undefined: as it was issued. */
  terms?(lease: HeldLease): Promise<LeaseTerms | undefined>
  /** Makes the credential live until the new end. Absent: a lease of this kind needs no help with that. */
  renew?(lease: HeldLease, expiresAt: number): Promise<void>
  /** Ends the credential. Called again until it succeeds, also for one that was never made or is gone: then there is nothing to do. */
  revoke(lease: HeldLease): Promise<void>
}

/** By the name that `issue` gives. */
export type LeaseKinds = Readonly<Record<string, LeaseKind>>

export interface NewLease extends LeaseTerms {
  readonly kind: string
  /** The path below the mount that gave it: `creds/readonly`. */
  readonly path: string
  readonly renewable: boolean
  readonly internal: JsonValue
}

/** What the answer says of a lease. */
export interface LeaseAnswer {
  readonly leaseId: string
  readonly renewable: boolean
  readonly leaseDuration: number
}

export interface LeaseIssuer {
  /**
   * Writes the lease down, lets `create` make the credential, and hands both over once the audit record is there. When `create` fails, or the
   * token or the mount ended meanwhile, what was made is revoked.
   */
  issue<T>(grant: Grant, call: Call, lease: NewLease, create: (expiresAt: number) => Promise<T>): Promise<{ readonly lease: LeaseAnswer; readonly made: T }>
}

/** Output of an operation that hands out a lease; the doors show it beside the data. */
export const leased = {
  lease: f.object('The lease', {
    leaseId: f.text('Id of the lease', { max: 1024 }),
    renewable: f.bool('Whether it can be renewed'),
    leaseDuration: f.int('Seconds until it ends', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  }),
}
