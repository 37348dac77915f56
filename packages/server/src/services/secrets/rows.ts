// Row MACs of secrets, versions and aliases. The database is trusted for availability, not for integrity: a row that
// resolves or grants is believed only when its MAC holds (docs/formats/row-mac.md). kek_id, kek_version and wrapped_dek are not
// under the MAC, because the DEK's own AAD binds them; so a re-wrap touches three columns and no MAC.

import type { HmacKey } from '../../crypto/keys.ts'
import { macRow, verifyRow, type RowParts } from '../../crypto/mac.ts'
import type { ListedRow } from './facts.ts'
import type { VersionedKey } from './ports.ts'
import { fail } from '../../kernel/errors.ts'
import { valueTypes, type AliasRow, type SecretAddress, type SecretRow, type SecretSettings, type Snapshot, type StoredState, type ValueType, type VersionRow } from '../../kernel/secret-model.ts'

type MacSecret = Pick<SecretRow, 'secretId' | 'mountId' | 'environment' | 'path' | 'type' | 'lastVersion' | 'revision' | 'deletedAt'>
type MacVersion = Pick<VersionRow, 'version' | 'type' | 'state' | 'fingerprint' | 'createdAt' | 'expiresAt' | 'deletedAt'>

const time = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms))

const secretParts = (row: MacSecret): RowParts => ['secrets', row.secretId, row.revision, [row.mountId, row.environment, row.path, row.type, row.lastVersion, time(row.deletedAt)]]

const versionParts = (secretId: string, row: MacVersion, revision: number): RowParts =>
  ['secret_versions', [secretId, String(row.version)], revision, [row.type, row.state, row.fingerprint, new Date(row.createdAt), time(row.expiresAt), time(row.deletedAt)]]

const aliasParts = (secretId: string, alias: string, version: number, revision: number): RowParts => ['secret_aliases', [secretId, alias], revision, [version]]

export const macSecret = (key: HmacKey, row: MacSecret): Buffer => macRow(key, ...secretParts(row))

export const macVersion = (key: HmacKey, secretId: string, row: MacVersion, revision: number): Buffer => macRow(key, ...versionParts(secretId, row, revision))

export const macAlias = (key: HmacKey, secretId: string, alias: string, version: number, revision: number): Buffer => macRow(key, ...aliasParts(secretId, alias, version, revision))

/** What secret_lookup and secret_lookup_all return. */
export interface LookupRow {
  readonly secret_id: string
  readonly type: string
  readonly owner_team: string
  readonly description: string
  readonly rotation_strategy: string
  readonly custom_metadata: Readonly<Record<string, string>>
  readonly settings: SecretSettings & { readonly sortOrder?: number }
  readonly last_version: number
  readonly revision: number
  readonly created_by: string
  readonly created_at: Date
  readonly updated_at: Date
  readonly deleted_at: Date | null
  readonly mac: Buffer
  readonly mount_id: string
  readonly environment: string
  readonly path: string
  readonly aliases: readonly (readonly [string, number, number, string, number])[]
  readonly v_version: number | null
  readonly v_type: string | null
  readonly v_ciphertext?: Buffer | null
  readonly v_wrapped_dek?: Buffer | null
  readonly v_kek_id: string | null
  readonly v_kek_version: number | null
  readonly v_state: string | null
  readonly v_fingerprint: string | null
  readonly v_created_by: string | null
  readonly v_created_at: Date | null
  readonly v_expires_at: Date | null
  readonly v_deleted_at: Date | null
  readonly v_row_version: number | null
  readonly v_mac: Buffer | null
}

/** What secret_lookup_many returns: without the value and its key. */
export type KnownRow = Omit<LookupRow, 'v_ciphertext' | 'v_wrapped_dek'>

export interface VersionRecord {
  readonly version: number
  readonly type: string
  readonly ciphertext?: Buffer | null
  readonly wrapped_dek?: Buffer | null
  readonly kek_id: string
  readonly kek_version: number
  readonly state: string
  readonly fingerprint: string
  readonly created_by: string
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly deleted_at: Date | null
  readonly row_version: number
  readonly mac: Buffer
}

export class RowIntegrityError extends Error {
  readonly what: string
  constructor(what: string) {
    super(`the MAC of ${what} does not hold`)
    this.name = 'RowIntegrityError'
    this.what = what
  }
}

const holds = (keys: readonly VersionedKey[], mac: Uint8Array, [table, rowKey, rowVersion, columns]: RowParts): boolean => {
  for (const { key } of keys) if (verifyRow(key, table, rowKey, rowVersion, columns, mac)) return true
  return false
}

/** What a look-up asked for. A row with a good MAC is still the wrong answer when it is another secret's. */
export interface Asked {
  readonly mountId: string
  readonly environment: string
  /** The secret's path; ends with a slash, or is empty, when all below it were asked for. */
  readonly path: string
  /** An alias, or a version's digits. */
  readonly selector: string
}

/** @throws RowIntegrityError when a row is not one that was asked for: its MAC binds what it is, not what it answers. */
export const requireAsked = ({ secret, aliases, selected }: Snapshot, asked: Asked): void => {
  const isFolder = asked.path === '' || asked.path.endsWith('/')
  const isPlace = secret.mountId === asked.mountId && secret.environment === asked.environment && (isFolder ? secret.path.startsWith(asked.path) : secret.path === asked.path)
  if (!isPlace) throw new RowIntegrityError(`secret ${secret.secretId}, which was not asked for,`)
  const expected = /^[0-9]+$/.test(asked.selector) ? Number(asked.selector) : aliases.get(asked.selector)?.version
  if (selected !== undefined && selected.version !== expected) throw new RowIntegrityError(`version ${selected.version} of secret ${secret.secretId}, which was not asked for,`)
}

/** @throws RowIntegrityError when any of the rows was altered outside the product. */
export const readSnapshot = (row: LookupRow, keys: readonly VersionedKey[]): Snapshot => {
  const secret = readSecret(row)
  if (!holds(keys, row.mac, secretParts(secret))) throw new RowIntegrityError(`secret ${secret.secretId}`)
  const aliases = new Map<string, AliasRow>()
  for (const [alias, version, revision, mac, updatedAt] of row.aliases) {
    if (!holds(keys, stored(mac), aliasParts(secret.secretId, alias, version, revision))) throw new RowIntegrityError(`alias ${alias} of secret ${secret.secretId}`)
    aliases.set(alias, { alias, version, updatedAt })
  }
  return { secret, aliases, selected: readSelected(row, secret.secretId, keys) }
}

/** @throws RowIntegrityError when a listed secret, or its `current`, was altered outside the product, or is not below the address's path. */
export const checkListed = (row: ListedRow, { mountId, environment, path: prefix }: Pick<SecretAddress, 'mountId' | 'environment' | 'path'>, keys: readonly VersionedKey[]): void => {
  const { secretId, current } = row
  if (!holds(keys, stored(row.mac), secretParts({ secretId, mountId, environment, path: row.path, type: valueType(row.type), lastVersion: row.lastVersion, revision: row.revision, deletedAt: row.deletedAt }))) throw new RowIntegrityError(`secret ${secretId}`)
  if (!row.path.startsWith(prefix)) throw new RowIntegrityError(`secret ${secretId}, which was not asked for,`)
  if (current !== undefined && !holds(keys, stored(current.mac), aliasParts(secretId, 'current', current.version, current.rowVersion))) throw new RowIntegrityError(`alias current of secret ${secretId}`)
}

/** A stored MAC from its hex digits, into memory that is used again. Of another length: memory of its own, and equal to none. */
const stored = (hex: string): Buffer => (hex.length === 2 * storedMac.length && storedMac.write(hex, 'hex') === storedMac.length ? storedMac : Buffer.from(hex, 'hex'))
const storedMac = Buffer.allocUnsafeSlow(33)

const readSecret = (row: LookupRow): SecretRow => ({
  secretId: row.secret_id,
  mountId: row.mount_id,
  environment: row.environment,
  path: row.path,
  type: valueType(row.type),
  ownerTeam: row.owner_team,
  description: row.description,
  rotationStrategy: row.rotation_strategy,
  customMetadata: row.custom_metadata,
  settings: row.settings,
  sortOrder: row.settings.sortOrder ?? 1,
  lastVersion: row.last_version,
  revision: row.revision,
  createdBy: row.created_by,
  createdAt: row.created_at.getTime(),
  updatedAt: row.updated_at.getTime(),
  deletedAt: row.deleted_at?.getTime(),
})

const readSelected = (row: LookupRow, secretId: string, keys: readonly VersionedKey[]): VersionRow | undefined => {
  if (row.v_version === null || row.v_type === null || row.v_kek_id === null || row.v_kek_version === null || row.v_state === null) return undefined
  if (row.v_fingerprint === null || row.v_created_by === null || row.v_created_at === null || row.v_row_version === null || row.v_mac === null) return undefined
  return readVersion(secretId, {
    version: row.v_version,
    type: row.v_type,
    ciphertext: row.v_ciphertext ?? null,
    wrapped_dek: row.v_wrapped_dek ?? null,
    kek_id: row.v_kek_id,
    kek_version: row.v_kek_version,
    state: row.v_state,
    fingerprint: row.v_fingerprint,
    created_by: row.v_created_by,
    created_at: row.v_created_at,
    expires_at: row.v_expires_at,
    deleted_at: row.v_deleted_at,
    row_version: row.v_row_version,
    mac: row.v_mac,
  }, keys)
}

/** @throws RowIntegrityError */
export const readVersion = (secretId: string, row: VersionRecord, keys: readonly VersionedKey[]): VersionRow => {
  const version: VersionRow = {
    version: row.version,
    type: valueType(row.type),
    ciphertext: row.ciphertext ?? undefined,
    wrappedDek: row.wrapped_dek ?? undefined,
    kekId: row.kek_id,
    kekVersion: row.kek_version,
    state: storedState(row.state),
    fingerprint: row.fingerprint,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime(),
    deletedAt: row.deleted_at?.getTime(),
  }
  if (!holds(keys, row.mac, versionParts(secretId, version, row.row_version))) throw new RowIntegrityError(`version ${row.version} of secret ${secretId}`)
  return version
}

const valueType = (text: string): ValueType => {
  const known = valueTypes.find((type) => type === text)
  if (known === undefined) throw fail('internal', 'secret.unknown_type', 'A stored secret has a type that this server does not know.')
  return known
}

const storedState = (text: string): StoredState => {
  if (text === 'PENDING' || text === 'ACTIVE' || text === 'DISABLED' || text === 'DESTROYED') return text
  throw fail('internal', 'secret.unknown_state', 'A stored version has a state that this server does not know.')
}
