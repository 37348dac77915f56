// Reading: one cached snapshot per (secret, selector), decrypted anew for each caller. Plaintext is never cached.

import { OpenFailed } from '../../crypto/aead.ts'
import { fail, quote } from '../../kernel/errors.ts'
import type { Grant } from '../../kernel/call.ts'
import type { Revealed } from '../../kernel/secrets.ts'
import { currentVersion, shownState, type SecretAddress, type Snapshot, type VersionRow } from '../../kernel/secret-model.ts'
import { changeKey, type CachedSecret, type SecretKeys, type SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { readSnapshot, readVersion, requireAsked, RowIntegrityError, type Asked, type VersionRecord } from './rows.ts'
import { openValue, withKey } from './sealing.ts'

/** Key in the cache: the secret as the change feed names it, and the selector. */
export const cacheKey = (address: SecretAddress, selector: string): string => `${address.orgId}/${changeKey(address)}@${selector}`

const missing = (address: SecretAddress): Error => fail('not_found', 'secret.not_found', `There is no secret ${quote(address.path)} in ${quote(address.environment)}.`)

/** @throws internal `secret.integrity` for a row that was altered outside the product: never a silent miss. */
export const readRow = (ports: SecretPorts, asked: Asked & { readonly orgId: string }, keys: SecretKeys, row: Parameters<typeof readSnapshot>[0]): Snapshot =>
  guarded(ports, { orgId: asked.orgId, path: row.path }, () => {
    const snapshot = readSnapshot(row, keys.purposeVersions('rows'))
    requireAsked(snapshot, asked)
    return snapshot
  })

/** The same for versions that were read by themselves. */
export const readVersions = (ports: SecretPorts, address: SecretAddress, keys: SecretKeys, { secretId, rows }: { readonly secretId: string; readonly rows: readonly VersionRecord[] }): readonly VersionRow[] =>
  guarded(ports, address, () => rows.map((row) => readVersion(secretId, row, keys.purposeVersions('rows'))))

export const guarded = <T>(ports: Pick<SecretPorts, 'integrityFailure'>, at: Pick<SecretAddress, 'orgId' | 'path'>, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RowIntegrityError)) throw error
    ports.integrityFailure(at.orgId, error.what)
    throw fail('internal', 'secret.integrity', `The stored record of secret ${quote(at.path)} failed its integrity check. It was changed outside the product; ask the operators to look at the audit log.`, { cause: error })
  }
}

/** Loads a snapshot through the cache; undefined when there is no such secret. */
export const loadSnapshot = async (ports: SecretPorts, address: SecretAddress, selector: string): Promise<CachedSecret | undefined> => {
  const key = cacheKey(address, selector)
  const found = await ports.cache.getOrLoad(address.orgId, key, async () => {
    const value = await loadFresh(ports, address, selector)
    const tags = [`${address.orgId}/${changeKey(address)}`]
    if (value === null) return { value, bytes: 64, maxAgeMs: NEGATIVE_MS, tags }
    return { value, bytes: (value.snapshot.selected?.ciphertext?.length ?? 0) + SNAPSHOT_BYTES, tags }
  })
  return found ?? undefined
}

// What a snapshot keeps alive besides its ciphertext, its key and its places in the cache included, as measured with 25,000 of them: the
// memory of a worker is bounded by what the cache believes. And how long "there is none" is believed without asking again.
const SNAPSHOT_BYTES = 4096
const NEGATIVE_MS = 10_000

/** The same past the cache: for changes, which must see what is committed. */
export const loadFresh = async (ports: SecretPorts, address: SecretAddress, selector: string): Promise<CachedSecret | null> => {
  const loaded = await loadRecord(ports, address, selector)
  return loaded === null ? null : withKey(await ports.keys(address.orgId), address.orgId, loaded.snapshot)
}

/** Without the version's key: a secret whose stored bytes are damaged can still be written, promoted and removed. */
export const loadRecord = async (ports: SecretPorts, address: SecretAddress, selector: string): Promise<{ readonly snapshot: Snapshot } | null> => {
  const keys = await ports.keys(address.orgId)
  const row = await repository.lookup(ports.database, address, selector)
  return row === undefined ? null : { snapshot: readRow(ports, { ...address, selector }, keys, row) }
}

/** The live secret, whatever its versions. @throws not_found */
export const requireSecret = <Found extends { readonly snapshot: Snapshot }>(found: Found | undefined | null, address: SecretAddress): Found => {
  if (found === undefined || found === null || found.snapshot.secret.deletedAt !== undefined) throw missing(address)
  return found
}

/** Decides whether a version may be handed out now. @throws not_found, saying why to a caller who may reveal it. */
export const requireReadable = (snapshot: Snapshot, address: SecretAddress, selector: string, now: number): VersionRow => {
  const version = snapshot.selected
  if (version === undefined) {
    const none = selector === 'current' && currentVersion(snapshot) === 0
    throw fail('not_found', none ? 'secret.no_current_version' : 'secret.version_not_found', none ? `The secret ${quote(address.path)} has no current version yet.` : `The secret ${quote(address.path)} has no version ${quote(selector)}.`)
  }
  const gone = (code: string, why: string): Error => fail('not_found', code, `Version ${version.version} of ${quote(address.path)} ${why}.`)
  if (version.state === 'DESTROYED') throw gone('secret.version_destroyed', 'is destroyed')
  if (version.state === 'DISABLED') throw gone('secret.version_disabled', 'is disabled')
  // The time says when, not from when: clocks of workers differ by milliseconds, and a deletion holds once it was answered.
  if (version.deletedAt !== undefined) throw gone('secret.version_deleted', 'is deleted')
  if (version.expiresAt !== undefined && version.expiresAt <= now) throw gone('secret.version_expired', 'has expired')
  return version
}

/** Decrypts the selected version of a loaded secret. @throws not_found, internal `secret.undecryptable` */
export const open = (ports: SecretPorts, _grant: Grant, address: SecretAddress, loaded: CachedSecret, selector: string, now: number): Revealed => {
  const { snapshot, dek, aad } = loaded
  const version = requireReadable(snapshot, address, selector, now)
  if (dek === undefined || aad === undefined || version.ciphertext === undefined) throw fail('internal', 'secret.no_material', `Version ${version.version} of ${quote(address.path)} has no stored value.`)
  try {
    const plaintext = openValue(dek, aad, version.ciphertext)
    return { snapshot, version, state: shownState(version, snapshot.aliases), type: version.type, plaintext }
  } catch (error) {
    if (!(error instanceof OpenFailed)) throw error
    ports.integrityFailure(address.orgId, `ciphertext of version ${version.version} of secret ${snapshot.secret.secretId}`)
    throw fail('internal', 'secret.undecryptable', `Decryption failed for secret ${quote(address.path)} version ${version.version}. Its stored bytes are damaged; an earlier version can be promoted.`, { cause: error })
  }
}
