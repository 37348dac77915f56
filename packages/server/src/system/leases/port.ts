// What sys/leases asks of the services: leases of tokens and of engines, as one.

import type { Call, Grant } from '../../kernel/call.ts'

export interface LeaseView {
  /** With the organization's short id. */
  readonly id: string
  readonly type: 'token' | 'secret'
  readonly issuedAt: number
  readonly expiresAt: number
  readonly lastRenewedAt: number | undefined
  /** Whether it could be renewed now. */
  readonly renewable: boolean
}

export interface Irrevocable {
  readonly id: string
  readonly mountAccessor: string
  readonly error: string
}

export interface RevokeWish {
  /** Until the credential has ended; otherwise the queue ends it. Tokens always end at once. */
  readonly sync: boolean
  /** Forgets leases whose engine fails. */
  readonly force: boolean
}

export interface LeasesPort {
  find(call: Call, id: string): Promise<LeaseView | undefined>
  /** Names directly below a prefix (empty, or ending with a slash). */
  children(call: Call, prefix: string): Promise<readonly string[]>
  /** Everything below a prefix, by id, after one. */
  list(call: Call, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly LeaseView[]>
  /** @throws invalid_request in Vault's words */
  renew(grant: Grant, call: Call, id: string, incrementSeconds: number): Promise<{ readonly id: string; readonly renewable: boolean; readonly seconds: number; readonly expiresAt: number; readonly warnings: readonly string[] }>
  /** One that is not there has ended. @throws invalid_request when its engine fails */
  revoke(grant: Grant, call: Call, id: string, wish: RevokeWish): Promise<void>
  /** Everything below a prefix, or the lease of this very id. */
  revokePrefix(grant: Grant, call: Call, prefix: string, wish: RevokeWish): Promise<void>
  tidy(grant: Grant, call: Call): Promise<void>
  irrevocable(call: Call, limit: number): Promise<readonly Irrevocable[]>
  countIrrevocable(call: Call): Promise<readonly { readonly mountAccessor: string; readonly count: number }[]>
}
