// The ports over tokens in full, as Vault's paths have them, and over the sealed state that such paths keep.

import type { Secret } from '../../crypto/secret.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { Call, Caller, Grant } from '../call.ts'
import type { BatchOrigin, TokenRow } from '../identity.ts'

export type TokenSelector = { readonly token: string } | { readonly accessor: string } | { readonly tokenId: string }

export interface NewToken {
  readonly principalId: string | undefined
  readonly parentId: string | undefined
  readonly displayName: string
  readonly policies: readonly string[]
  readonly root: boolean
  readonly lockMountId: string | undefined
  readonly lockEnvironment: string | undefined
  readonly boundCidrs: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly numUses: number
  /** 0: never expires. */
  readonly ttlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly renewable: boolean
  readonly issuePath: string
  /** A text that the caller chose; undefined: random. */
  readonly text: string | undefined
  /** Set for a batch token: nothing is written of it. */
  readonly batch?: BatchOrigin | undefined
  /** Whoever is called so at auth/token holds it, instead of principalId. */
  readonly entityAlias?: string | undefined
}

export interface TokenStore {
  /** A live token of the organization; undefined for every other. */
  find(orgId: string, by: TokenSelector): Promise<TokenRow | undefined>
  /** The row of whoever calls; what a batch token says of itself. */
  own(caller: Caller): Promise<TokenRow | undefined>
  /** @throws invalid_request when a chosen text is taken */
  create(grant: Grant, call: Call, command: NewToken): Promise<{ readonly token: Secret<string>; readonly row: TokenRow }>
  /** Moves the expiry to what the function says of the row at that time. */
  renew(grant: Grant, call: Call, tokenId: string, expiryOf: (row: TokenRow, now: number) => number): Promise<TokenRow>
  /** With everything made from it; when this returns no worker takes any of them. */
  revoke(grant: Grant, call: Call, tokenId: string): Promise<void>
  /** The token alone: what was made from it lives on as orphans. */
  revokeOrphan(grant: Grant, call: Call, tokenId: string): Promise<void>
  accessors(grant: Grant, call: Call): Promise<readonly string[]>
  /** Removes what has expired. Returns how many tokens. */
  tidy(grant: Grant, call: Call): Promise<number>
  policyExists(orgId: string, name: string): Promise<boolean>
  /** Policies of a principal and of its groups; undefined: nobody. */
  identityPolicies(orgId: string, principalId: string | undefined): Promise<readonly string[] | undefined>
  /** How clients name the organization: empty for root. */
  namespaceOf(orgId: string): Promise<string>
}

/** Sealed state of one area of an organization, as JSON by key. Writes are audited with the call. */
export interface SealedState {
  /** Under which its entries lie. */
  readonly mountId: string
  get(orgId: string, key: string): Promise<JsonValue | undefined>
  /** Names directly below a prefix (empty, or ending in a slash); folders end with a slash. */
  names(orgId: string, prefix: string): Promise<readonly string[]>
  put(grant: Grant, call: Call, key: string, value: JsonValue): Promise<void>
  delete(grant: Grant, call: Call, key: string): Promise<void>
}

/** How long tokens and leases live where nothing else says so. */
export interface TtlBounds {
  readonly defaultSeconds: number
  readonly maxSeconds: number
}
