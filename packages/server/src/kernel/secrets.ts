// The port that every contract over secrets shares: the native door, the flat one, KV and gRPC. services/secrets fills it.

import type { Action, Call, Grant } from './call.ts'
import type { AliasRow, SecretAddress, SecretRow, SecretSettings, Snapshot, ValueType, VersionRow, VersionState } from './secret-model.ts'

/** Asks for the policy's word on one secret: any one of the actions suffices. @throws permission_denied */
export type Authorise = (first: Action, ...others: readonly Action[]) => Grant

/** One secret within one call: where it is, and how to ask for permission to touch it. */
export interface SecretAccess {
  /** Whether an action on this secret would be permitted, without asking for it. */
  readonly allows: (action: Action) => boolean
  readonly call: Call
  readonly address: SecretAddress
  /** What the mount says where the secret says nothing. */
  readonly defaults?: SecretSettings | undefined
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
  /** The same as seconds after the moment of the write, so that a repeated request is the same request. */
  readonly ttlSeconds?: number | undefined
  /** Compare-and-swap on the current version; 0: must not exist yet; undefined: do not care. */
  readonly expectedCurrent: number | undefined
  /** PENDING: waits for a promotion. */
  readonly pending: boolean
}

export interface Written {
  readonly secretId: string
  readonly version: number
  readonly state: VersionState
  readonly type: ValueType
  readonly fingerprint: string
  readonly createdAt: number
  readonly created: boolean
  /** When the version ends; absent: never. */
  readonly expiresAt?: number | undefined
  readonly customMetadata?: Readonly<Record<string, string>>
}

/** A secret after a change of anything but its value. */
export interface ChangedSecret extends SecretRow {
  readonly currentVersion: number
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
  /** Paths. */
  readonly withheld: readonly string[]
}

/** `refused`: the caller may neither read nor write there, and so learns nothing. */
export type Compared = 'create' | 'update' | 'unchanged' | 'remote-only' | 'refused'

export interface CompareOptions {
  readonly limit: number
  /** Whether the caller may know of a path that the document does not name. */
  maySee(path: string): boolean
  /** Whether the caller may be told what would happen at a path: whoever may read there, or write. */
  mayCompare(path: string): boolean
  /** Whether the caller may also know if a value is the stored one: whoever may read it. */
  mayReveal(path: string): boolean
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
  /** Versions that are not there are passed over, unless `mustExist`. */
  destroy(access: SecretAccess, command: { readonly versions: readonly number[]; readonly force: boolean; readonly mustExist?: boolean }): Promise<void>
  setVersionsDeleted(access: SecretAccess, command: { readonly selectors: readonly string[]; readonly deleted: boolean }): Promise<void>
  remove(access: SecretAccess): Promise<ChangedSecret>
  restore(access: SecretAccess): Promise<ChangedSecret>
  purge(access: SecretAccess): Promise<void>
  updateMetadata(access: SecretAccess, patch: MetadataPatch): Promise<ChangedSecret>
  /** What a document of values would change, told by fingerprints: nothing is decrypted. */
  compare(access: SecretAccess, values: ReadonlyMap<string, string>, options: CompareOptions): Promise<ReadonlyMap<string, Compared>>
  locate(orgId: string, secretId: string): Promise<{ readonly mountId: string; readonly environment: string; readonly path: string } | undefined>
}
