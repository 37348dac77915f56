// The port that every contract over secrets shares: the native door, the flat one, KV and gRPC. services/secrets fills it.

import type { Action, Call, Grant } from './call.ts'
import type { AliasRow, SecretAddress, SecretRow, SecretSettings, Snapshot, ValueType, VersionRow, VersionState } from './secret-model.ts'

/** Asks for the policy's word on one secret: any one of the actions suffices. @throws permission_denied */
export type Authorise = (first: Action, ...others: readonly Action[]) => Grant

/** One secret within one call: where it is, and how to ask for permission to touch it. */
export interface SecretAccess {
  readonly call: Call
  readonly address: SecretAddress
  readonly authorise: Authorise
}

/** What may be said about a secret besides its value. Undefined leaves it as it is. */
export interface MetadataPatch {
  readonly type?: ValueType | undefined
  readonly ownerTeam?: string | undefined
  readonly description?: string | undefined
  readonly rotationStrategy?: string | undefined
  readonly customMetadata?: Readonly<Record<string, string>> | undefined
  readonly settings?: SecretSettings | undefined
  readonly sortOrder?: number | undefined
}

export interface PutCommand {
  readonly value: string
  /** Undefined keeps the type of an existing secret; `text` for a new one. */
  readonly type: ValueType | undefined
  readonly metadata: MetadataPatch
  readonly expiresAt: number | undefined
  /** Compare-and-swap on the current version; 0: must not exist yet; undefined: do not care. */
  readonly expectedCurrent: number | undefined
  /** PENDING: waits for a promotion. */
  readonly pending: boolean
  /** HTTP status that success will have, for the audit record. */
  readonly status: number
}

export interface Written {
  readonly secretId: string
  readonly version: number
  readonly state: VersionState
  readonly type: ValueType
  readonly fingerprint: string
  readonly createdAt: number
  readonly created: boolean
}

export interface Revealed {
  readonly snapshot: Snapshot
  readonly version: VersionRow
  readonly state: VersionState
  readonly type: ValueType
  /** UTF-8; the caller wipes it. */
  readonly plaintext: Buffer
}

export interface HistoryItem {
  readonly version: VersionRow
  readonly state: VersionState
}

export interface ListedSecret {
  readonly secretId: string
  readonly path: string
  readonly type: ValueType
  readonly ownerTeam: string
  readonly description: string
  readonly rotationStrategy: string
  readonly lastVersion: number
  readonly currentVersion: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly deletedAt: number | undefined
}

export interface BatchItem {
  readonly path: string
  readonly revealed: Revealed
}

export interface BatchResult {
  readonly items: readonly BatchItem[]
  readonly withheld: number
}

export interface SecretsPort {
  put(access: SecretAccess, command: PutCommand): Promise<Written>
  /** Several values as one transaction: all or none. */
  putMany(writes: readonly { readonly access: SecretAccess; readonly command: PutCommand }[]): Promise<readonly Written[]>
  register(access: SecretAccess, command: { readonly type: ValueType; readonly metadata: MetadataPatch }): Promise<SecretRow>
  reveal(access: SecretAccess, selector: string): Promise<Revealed>
  revealAll(access: SecretAccess, options: { readonly alias: string; readonly limit: number; readonly may: (path: string) => boolean }): Promise<BatchResult>
  metadata(access: SecretAccess, options: { readonly selector: string; readonly deleted?: boolean }): Promise<Snapshot>
  list(access: SecretAccess, page: { readonly after: string; readonly limit: number; readonly deleted: boolean }): Promise<readonly ListedSecret[]>
  /** Names directly below the folder; folders end with a slash. */
  children(access: SecretAccess, page: { readonly after: string; readonly limit: number }): Promise<readonly string[]>
  /** Environments of the project that hold a live secret. */
  environmentsInUse(access: SecretAccess): Promise<readonly string[]>
  history(access: SecretAccess, page: { readonly before: number; readonly limit: number }): Promise<{ readonly secret: SecretRow; readonly items: readonly HistoryItem[]; readonly aliases: Snapshot['aliases'] }>
  promote(access: SecretAccess, command: { readonly version: number; readonly expectedCurrent: number | undefined }): Promise<AliasRow>
  setAlias(access: SecretAccess, command: { readonly alias: string; readonly version: number | undefined; readonly expectedVersion: number | undefined }): Promise<AliasRow>
  rollback(access: SecretAccess, command: { readonly selector: string; readonly expectedCurrent: number | undefined }): Promise<Written>
  disable(access: SecretAccess, command: { readonly version: number; readonly force: boolean }): Promise<void>
  enable(access: SecretAccess, command: { readonly version: number }): Promise<void>
  destroy(access: SecretAccess, command: { readonly versions: readonly number[]; readonly force: boolean }): Promise<void>
  setVersionsDeleted(access: SecretAccess, command: { readonly selectors: readonly string[]; readonly deleted: boolean }): Promise<void>
  remove(access: SecretAccess): Promise<SecretRow>
  restore(access: SecretAccess): Promise<SecretRow>
  purge(access: SecretAccess): Promise<void>
  updateMetadata(access: SecretAccess, patch: MetadataPatch): Promise<SecretRow>
  /** What a document of values would change, told by fingerprints: nothing is decrypted. */
  compare(access: SecretAccess, values: ReadonlyMap<string, string>, limit: number): Promise<ReadonlyMap<string, 'create' | 'update' | 'unchanged' | 'remote-only'>>
  locate(orgId: string, secretId: string): Promise<{ readonly mountId: string; readonly environment: string; readonly path: string } | undefined>
}
