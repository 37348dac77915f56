// Plans of changes, pure: from a snapshot and a command to the rows that are to be written in one transaction. What may
// follow what (architecture, section 2 "Versions") is decided here and nowhere else.

import { fail } from '../../kernel/errors.ts'
import type { MetadataPatch } from '../../kernel/secrets.ts'
import { currentVersion, type SecretRow, type Snapshot, type StoredState, type VersionRow } from '../../kernel/secret-model.ts'

export interface NewVersion {
  readonly version: number
  readonly state: 'PENDING' | 'ACTIVE'
  readonly expiresAt: number | undefined
}

export interface VersionChange {
  readonly version: VersionRow
  readonly state: StoredState
  readonly expiresAt: number | undefined
  readonly deletedAt: number | undefined
}

export interface AliasChange {
  readonly alias: string
  /** Undefined removes the alias. */
  readonly version: number | undefined
}

export interface Plan {
  /** 0: the secret is new. */
  readonly expectedRevision: number
  readonly secret: SecretRow
  readonly newVersion: NewVersion | undefined
  readonly versions: readonly VersionChange[]
  readonly aliases: readonly AliasChange[]
}

const patched = (secret: SecretRow, patch: MetadataPatch, at: number): SecretRow => ({
  ...secret,
  type: patch.type ?? secret.type,
  ownerTeam: patch.ownerTeam ?? secret.ownerTeam,
  description: patch.description ?? secret.description,
  rotationStrategy: patch.rotationStrategy ?? secret.rotationStrategy,
  customMetadata: patch.customMetadata ?? secret.customMetadata,
  settings: { ...secret.settings, ...patch.settings },
  sortOrder: patch.sortOrder ?? secret.sortOrder,
  updatedAt: at,
})

const changed = (snapshot: Snapshot, at: number, patch: MetadataPatch = {}): SecretRow => ({ ...patched(snapshot.secret, patch, at), revision: snapshot.secret.revision + 1 })

const base = (snapshot: Snapshot, at: number): Plan => ({ expectedRevision: snapshot.secret.revision, secret: changed(snapshot, at), newVersion: undefined, versions: [], aliases: [] })

/** A compare-and-swap on the current version: undefined does not care, 0 means that there is none yet. @throws conflict */
export const checkCurrent = (snapshot: Snapshot | undefined, expected: number | undefined): void => {
  if (expected === undefined) return
  const found = snapshot === undefined || snapshot.secret.deletedAt !== undefined ? 0 : currentVersion(snapshot)
  if (found !== expected) throw fail('conflict', 'secret.version_conflict', `The current version is ${found}, not ${expected}. Read it again and decide anew.`, { field: 'expectedPreviousVersion' })
}

const pointers = (snapshot: Snapshot | undefined, version: number): readonly AliasChange[] => {
  const before = snapshot === undefined ? 0 : currentVersion(snapshot)
  const out: AliasChange[] = [{ alias: 'current', version }]
  if (before !== 0 && before !== version) out.push({ alias: 'previous', version: before })
  if (snapshot?.aliases.get('next')?.version === version) out.push({ alias: 'next', version: undefined })
  return out
}

/** A new version that is current at once. `snapshot` undefined: the secret is made, from `fresh`. */
export const planPut = (snapshot: Snapshot | undefined, fresh: SecretRow, patch: MetadataPatch, options: { readonly at: number; readonly expiresAt: number | undefined; readonly pending: boolean }): Plan => {
  // A proposal is not read before somebody promotes it; reviving the secret for it would bring its old value back.
  if (options.pending && snapshot?.secret.deletedAt !== undefined) throw fail('conflict', 'secret.deleted', 'The secret is deleted. Restore it first.')
  const version = (snapshot?.secret.lastVersion ?? 0) + 1
  const secret = snapshot === undefined ? patched(fresh, patch, options.at) : { ...changed(snapshot, options.at, patch), deletedAt: undefined }
  return {
    expectedRevision: snapshot?.secret.revision ?? 0,
    secret: { ...secret, lastVersion: version },
    newVersion: { version, state: options.pending ? 'PENDING' : 'ACTIVE', expiresAt: options.expiresAt },
    versions: [],
    aliases: options.pending ? [{ alias: 'next', version }] : pointers(snapshot, version),
  }
}

/** Registers a secret without any version. */
export const planRegister = (fresh: SecretRow): Plan => ({ expectedRevision: 0, secret: fresh, newVersion: undefined, versions: [], aliases: [] })

/** Makes a version current. @throws conflict, invalid_request */
export const planPromote = (snapshot: Snapshot, version: VersionRow, at: number): Plan => {
  if (version.state === 'DISABLED' || version.state === 'DESTROYED') {
    throw fail('invalid_request', 'secret.not_promotable', `Version ${version.version} is ${version.state.toLowerCase()} and cannot become current.`, { field: 'version' })
  }
  const versions = version.state === 'PENDING' ? [change(version, 'ACTIVE')] : []
  return { ...base(snapshot, at), versions, aliases: pointers(snapshot, version.version) }
}

/** Points a custom alias (or `next`) to a version. @throws invalid_request */
export const planAlias = (snapshot: Snapshot, alias: string, version: VersionRow | undefined, at: number): Plan => {
  if (alias === 'current' || alias === 'previous') {
    throw fail('invalid_request', 'secret.reserved_alias', `The alias ${alias} follows promotions and cannot be set by itself.`, { field: 'alias' })
  }
  if (version?.state === 'DESTROYED') throw fail('invalid_request', 'secret.version_destroyed', `Version ${version.version} is destroyed.`, { field: 'version' })
  return { ...base(snapshot, at), aliases: [{ alias, version: version?.version }] }
}

const change = (version: VersionRow, state: StoredState, patch: { readonly expiresAt?: number | undefined; readonly deletedAt?: number | undefined } = {}): VersionChange => ({
  version,
  state,
  expiresAt: 'expiresAt' in patch ? patch.expiresAt : version.expiresAt,
  deletedAt: 'deletedAt' in patch ? patch.deletedAt : version.deletedAt,
})

/** Disabled versions are not handed out. The current one only with force. @throws conflict, invalid_request */
export const planDisable = (snapshot: Snapshot, version: VersionRow, options: { readonly force: boolean; readonly at: number }): Plan => {
  if (version.state === 'DESTROYED') throw fail('invalid_request', 'secret.version_destroyed', `Version ${version.version} is destroyed.`, { field: 'version' })
  // Enabled again it would count as once current, without ever having been promoted.
  if (version.state === 'PENDING') throw fail('invalid_request', 'secret.version_pending', `Version ${version.version} is a proposal. Destroy it, or propose another one.`, { field: 'version' })
  if (version.version === currentVersion(snapshot) && !options.force) {
    throw fail('conflict', 'secret.current_version', `Version ${version.version} is current; readers would get nothing. Promote another one first, or use force.`, { field: 'version' })
  }
  return { ...base(snapshot, options.at), versions: [change(version, 'DISABLED')] }
}

/** Enables a disabled version again; it becomes PREVIOUS (or current, when `current` still names it). */
export const planEnable = (snapshot: Snapshot, version: VersionRow, at: number): Plan => {
  if (version.state !== 'DISABLED') throw fail('invalid_request', 'secret.not_disabled', `Version ${version.version} is not disabled.`, { field: 'version' })
  return { ...base(snapshot, at), versions: [change(version, 'ACTIVE')] }
}

/** Erases ciphertext and wrapped key. */
export const planDestroy = (snapshot: Snapshot, versions: readonly VersionRow[], options: { readonly force: boolean; readonly at: number }): Plan => {
  const current = currentVersion(snapshot)
  if (!options.force && versions.some((v) => v.version === current && v.state !== 'DESTROYED')) {
    throw fail('conflict', 'secret.current_version', `Version ${current} is current. Promote another one first, or use force.`, { field: 'version' })
  }
  return { ...base(snapshot, options.at), versions: versions.filter((v) => v.state !== 'DESTROYED').map((v) => change(v, 'DESTROYED')) }
}

/** KV's delete and undelete of single versions. Undelete never revives a disabled or destroyed version. */
export const planVersionDeletion = (snapshot: Snapshot, versions: readonly VersionRow[], deletedAt: number | undefined, at: number): Plan => ({
  ...base(snapshot, at),
  versions: versions.filter((v) => v.state !== 'DESTROYED').map((v) => change(v, v.state, { deletedAt })),
})

/** Soft delete: invisible to normal reads, recoverable. */
export const planDelete = (snapshot: Snapshot, at: number): Plan => ({ ...base(snapshot, at), secret: { ...changed(snapshot, at), deletedAt: at } })

export const planRestore = (snapshot: Snapshot, at: number): Plan => {
  if (snapshot.secret.deletedAt === undefined) throw fail('conflict', 'secret.not_deleted', 'The secret is not deleted.')
  return { ...base(snapshot, at), secret: { ...changed(snapshot, at), deletedAt: undefined } }
}

export const planMetadata = (snapshot: Snapshot, patch: MetadataPatch, at: number): Plan => ({ ...base(snapshot, at), secret: changed(snapshot, at, patch) })
