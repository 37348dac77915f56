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

/** One secret of a folder; without what opens it when there is no version to hand out. */
export interface FolderItem {
  readonly path: string
  readonly secret: CachedSecret | undefined
  /** Its row was altered: whoever may read it is told so. */
  readonly failure?: Error
}

/** All secrets of a folder, as one alias selects them. */
export interface LoadedFolder {
  readonly value: readonly FolderItem[]
  readonly bytes: number
  readonly maxAgeMs?: number | undefined
  /** The folder's environment, as `environmentTag` names it: a change of any secret in it drops the folder. */
  readonly tags: readonly string[]
}

export interface FolderCache {
  /** Answers only while the worker's lease is usable. */
  peek(key: string): readonly FolderItem[] | undefined
  getOrLoad(orgId: string, key: string, load: () => Promise<LoadedFolder>): Promise<readonly FolderItem[]>
}

export interface SecretPorts {
  readonly database: Database
  keys(orgId: string): Promise<SecretKeys>
  readonly cache: SecretCache
  readonly folders: FolderCache
  /** Database time in milliseconds. */
  now(): number
  /** Called when a row's MAC does not hold or a ciphertext does not open. */
  integrityFailure(orgId: string, what: string): void
  /** `writers`: connections that writes of values may hold at once. */
  readonly limits: { readonly valueBytes: number; readonly batch: number; readonly writers: number }
}

/** The key of a secret in the change feed, and the start of its keys in caches. */
export const changeKey = (address: Pick<SecretAddress, 'mountId' | 'environment' | 'path'>): string => `${address.mountId}/${address.environment}/${address.path}`

/** What folders of an environment depend on, from the key of one of its secrets in the change feed. */
export const environmentTag = (orgId: string, key: string): string => `${orgId}/${key.split('/', 2).join('/')}`
