// What the secret service needs of others, as narrow types that compose.ts fills.

import type { AesKey, HmacKey } from '../../crypto/keys.ts'
import type { Database } from '../../kernel/storage.ts'
import type { SecretAddress, Snapshot } from '../../kernel/secret-model.ts'

export interface VersionedKey {
  readonly key: HmacKey
}

export interface SecretKeys {
  wrapDek(dek: Buffer, binding: { readonly secretId: string; readonly version: number }): Promise<{ readonly wrapped: Buffer; readonly kekId: string; readonly kekVersion: number }>
  unwrapDek(binding: { readonly secretId: string; readonly version: number; readonly kekId: string; readonly kekVersion: number; readonly wrapped: Buffer }): AesKey
  purpose(name: 'rows' | 'fingerprint' | 'idempotency'): HmacKey
  purposeVersions(name: 'rows'): readonly VersionedKey[]
}

/** A snapshot with its opened key: what a warm read needs. */
export interface CachedSecret {
  readonly snapshot: Snapshot
  readonly dek: AesKey | undefined
  /** What the selected version's ciphertext is bound to; made once, with the key. */
  readonly aad: Buffer | undefined
}

/** What the cache keeps of one (secret, selector); null: there is no such secret. */
export interface LoadedSecret {
  readonly value: CachedSecret | null
  readonly bytes: number
  readonly maxAgeMs?: number | undefined
  /** The secret as the change feed names it; a change of it drops every selector. */
  readonly tags: readonly string[]
}

export interface SecretCache {
  /** Answers only while the worker's lease is usable. */
  peek(key: string): CachedSecret | null | undefined
  getOrLoad(orgId: string, key: string, load: () => Promise<LoadedSecret>): Promise<CachedSecret | null>
}

export interface SecretPorts {
  readonly database: Database
  keys(orgId: string): Promise<SecretKeys>
  readonly cache: SecretCache
  /** Called when a row's MAC does not hold or a ciphertext does not open. */
  integrityFailure(orgId: string, what: string): void
  readonly limits: { readonly valueBytes: number; readonly batch: number }
}

/** The key of a secret in the change feed, and the start of its keys in caches. */
export const changeKey = (address: Pick<SecretAddress, 'mountId' | 'environment' | 'path'>): string => `${address.mountId}/${address.environment}/${address.path}`
