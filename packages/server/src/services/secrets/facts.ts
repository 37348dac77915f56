// What the functions of 0019-lists.sql give: JSON arrays, because the driver takes rows of many columns apart one column at a time. Times are
// milliseconds, MACs hex digits. Nothing here is believed yet; rows.ts checks it.

import type { ValueType } from '../../kernel/secret-model.ts'
import type { ListedSecret } from '../../kernel/secrets.ts'
import type { LookupRow } from './rows.ts'

/** secret_list: a column of each fact, in path order, and of the aliases. */
export interface ListedFacts {
  readonly listed: string
  readonly current: string
}

/** What is listed, with what proves it. */
export interface ListedRow extends ListedSecret {
  readonly revision: number
  readonly mac: string
  readonly current: ListedAlias | undefined
}

interface ListedAlias {
  readonly version: number
  readonly rowVersion: number
  readonly mac: string
}

type Texts = readonly string[]
type Numbers = readonly number[]

type ListedColumns = readonly [ids: Texts, paths: Texts, types: Texts, ownerTeams: Texts, descriptions: Texts, rotationStrategies: Texts, lastVersions: Numbers, createdAt: Numbers, updatedAt: Numbers, deletedAt: readonly (number | null)[], revisions: Numbers, macs: Texts]
/** Nulls: no secret has the alias. */
type AliasColumns = readonly [ids: Texts | null, versions: Numbers | null, rowVersions: Numbers | null, macs: Texts | null]

export const listedRows = ({ listed, current }: ListedFacts): readonly ListedRow[] => {
  const [ids, paths, types, ownerTeams, descriptions, rotationStrategies, lastVersions, createdAt, updatedAt, deletedAt, revisions, macs] = JSON.parse(listed) as ListedColumns // as the function makes it
  const aliases = aliasesOf(current)
  return ids.map((secretId, at) => {
    const alias = aliases.get(secretId)
    return {
      secretId,
      path: paths[at] ?? '',
      type: types[at] as ValueType, // checkListed refuses any other
      ownerTeam: ownerTeams[at] ?? '',
      description: descriptions[at] ?? '',
      rotationStrategy: rotationStrategies[at] ?? '',
      lastVersion: lastVersions[at] ?? 0,
      currentVersion: alias?.version ?? 0,
      createdAt: createdAt[at] ?? 0,
      updatedAt: updatedAt[at] ?? 0,
      deletedAt: deletedAt[at] ?? undefined,
      revision: revisions[at] ?? 0,
      mac: macs[at] ?? '',
      current: alias,
    }
  })
}

const aliasesOf = (current: string): ReadonlyMap<string, ListedAlias> => {
  const [ids, versions, rowVersions, macs] = JSON.parse(current) as AliasColumns // as the function makes it
  const found = new Map<string, ListedAlias>()
  ids?.forEach((secretId, at) => found.set(secretId, { version: versions?.[at] ?? 0, rowVersion: rowVersions?.[at] ?? 0, mac: macs?.[at] ?? '' }))
  return found
}

/** secret_lookup: all that is no key material or value in one array. */
export interface LookupFacts {
  readonly facts: string
  readonly ciphertext: Buffer | null
  readonly wrapped_dek: Buffer | null
}

type Secret = readonly [id: string, type: string, ownerTeam: string, description: string, rotationStrategy: string, customMetadata: LookupRow['custom_metadata'], settings: LookupRow['settings'], lastVersion: number, revision: number, createdBy: string, createdAt: number, updatedAt: number, deletedAt: number | null, mac: string, mountId: string, environment: string, path: string]
type Selected = readonly [version: number, type: string, kekId: string, kekVersion: number, state: string, fingerprint: string, createdBy: string, createdAt: number, expiresAt: number | null, deletedAt: number | null, rowVersion: number, mac: string]
type Nulls<Tuple extends readonly unknown[]> = { readonly [At in keyof Tuple]: null }
/** Nulls: no such version. */
type LookupColumns = readonly [...Secret, aliases: LookupRow['aliases'], ...Selected] | readonly [...Secret, aliases: LookupRow['aliases'], ...Nulls<Selected>]

const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))

export const lookupRow = ({ facts, ciphertext, wrapped_dek }: LookupFacts): LookupRow => {
  const [
    secret_id, type, owner_team, description, rotation_strategy, custom_metadata, settings, last_version, revision, created_by, createdAt, updatedAt, deletedAt, mac, mount_id, environment, path, aliases,
    v_version, v_type, v_kek_id, v_kek_version, v_state, v_fingerprint, v_created_by, v_createdAt, v_expiresAt, v_deletedAt, v_row_version, v_mac,
  ] = JSON.parse(facts) as LookupColumns // as the function makes it
  return {
    secret_id, type, owner_team, description, rotation_strategy, custom_metadata, settings, last_version, revision, created_by,
    created_at: new Date(createdAt), updated_at: new Date(updatedAt), deleted_at: date(deletedAt), mac: Buffer.from(mac, 'hex'), mount_id, environment, path, aliases,
    v_version, v_type, v_ciphertext: ciphertext, v_wrapped_dek: wrapped_dek, v_kek_id, v_kek_version, v_state, v_fingerprint, v_created_by,
    v_created_at: date(v_createdAt), v_expires_at: date(v_expiresAt), v_deleted_at: date(v_deletedAt), v_row_version, v_mac: v_mac === null ? null : Buffer.from(v_mac, 'hex'),
  }
}
