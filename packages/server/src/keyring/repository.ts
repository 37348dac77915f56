// The SQL of keks and purpose_keys. Both tables are under row-level security, so every function needs a transaction that
// is bound to the organization.

import type { Queryable, Transaction } from '../kernel/storage.ts'
import { rootKeyOutdated } from './failures.ts'
import type { RootKey } from './root-key.ts'

export type KeyState = 'active' | 'retired' | 'destroyed'

/** A KEK (`name` is its id) or a purpose key (`name` is the purpose). */
export interface KeyRow {
  readonly kind: 'kek' | 'purpose'
  readonly name: string
  readonly version: number
  readonly wrapped: Buffer | null
  readonly state: KeyState
  readonly root_generation: number
}

/** All keys of one organization in one statement. */
export const loadKeys = async (tx: Queryable, orgId: string): Promise<readonly KeyRow[]> => {
  const { rows } = await tx.query<KeyRow>(
    `select 'kek' as kind, kek_id::text as name, version, wrapped, state, root_generation from keks where org_id = $1
     union all
     select 'purpose', purpose, version, wrapped, state, root_generation from purpose_keys where org_id = $1
     order by 1, 2, 3`,
    [orgId], { name: 'keyring-load' })
  return rows
}

/**
 * Holds the root key's generation still until the transaction ends. A key wrapped under a root key that was rotated meanwhile could
 * never be opened again, so whoever wraps under the root key calls this first.
 */
export const requireGeneration = async (tx: Transaction, root: RootKey): Promise<void> => {
  const { rows } = await tx.query<{ root_generation: number }>('select root_generation from cluster for share')
  const [cluster] = rows
  if (cluster?.root_generation !== root.generation) throw rootKeyOutdated(root.generation, cluster?.root_generation ?? 0)
}

export interface NewKek {
  readonly kekId: string
  readonly version: number
  readonly wrapped: Buffer
  readonly generation: number
  readonly reserved: number
}

export const insertKek = async (tx: Transaction, orgId: string, kek: NewKek): Promise<void> => {
  await tx.query(
    `insert into keks (org_id, kek_id, version, wrapped, state, root_generation, encryptions_reserved) values ($1, $2, $3, $4, 'active', $5, $6)`,
    [orgId, kek.kekId, kek.version, kek.wrapped, kek.generation, kek.reserved])
}

export interface NewPurposeKey {
  readonly purpose: string
  readonly version: number
  readonly wrapped: Buffer
  readonly generation: number
}

export const insertPurposeKey = async (tx: Transaction, orgId: string, key: NewPurposeKey): Promise<void> => {
  await tx.query(
    `insert into purpose_keys (org_id, purpose, version, wrapped, state, root_generation) values ($1, $2, $3, $4, 'active', $5)`,
    [orgId, key.purpose, key.version, key.wrapped, key.generation])
}

export interface KekHead {
  readonly kekId: string
  readonly version: number
  readonly reserved: number
}

/**
 * Locks the organization's KEKs against another rotation and returns the active one. Locking and reading are two statements: a statement
 * that waited for a lock does not see rows inserted meanwhile.
 */
export const lockActiveKek = async (tx: Transaction, orgId: string): Promise<KekHead | undefined> => {
  await tx.query('select version from keks where org_id = $1 order by kek_id, version for update', [orgId])
  const { rows } = await tx.query<KekHead>(
    `select kek_id as "kekId", version, encryptions_reserved as reserved from keks where org_id = $1 and state = 'active' order by version desc limit 1`, [orgId])
  return rows[0]
}

export const retireActiveKeks = async (tx: Transaction, orgId: string): Promise<void> => {
  await tx.query(`update keks set state = 'retired', retired_at = now() where org_id = $1 and state = 'active'`, [orgId])
}

/** Locks a purpose's versions and returns the highest, or 0. */
export const lockPurpose = async (tx: Transaction, orgId: string, purpose: string): Promise<number> => {
  await tx.query('select version from purpose_keys where org_id = $1 and purpose = $2 order by version for update', [orgId, purpose])
  const { rows } = await tx.query<{ version: number | null }>('select max(version) as version from purpose_keys where org_id = $1 and purpose = $2', [orgId, purpose])
  return rows[0]?.version ?? 0
}

export const retirePurpose = async (tx: Transaction, orgId: string, purpose: string): Promise<void> => {
  await tx.query(`update purpose_keys set state = 'retired' where org_id = $1 and purpose = $2 and state = 'active'`, [orgId, purpose])
}

/** Takes `count` encryptions out of the active KEK's allowance; false when it is not active any more or `limit` is reached. */
export const reserveEncryptions = async (tx: Transaction, orgId: string, kek: { readonly kekId: string; readonly kekVersion: number; readonly count: number; readonly limit: number }): Promise<boolean> => {
  const { count } = await tx.query(
    `update keks set encryptions_reserved = encryptions_reserved + $4
     where org_id = $1 and kek_id = $2 and version = $3 and state = 'active' and encryptions_reserved + $4 <= $5`,
    [orgId, kek.kekId, kek.kekVersion, kek.count, kek.limit], { name: 'keyring-reserve' })
  return count === 1
}

/** Tells every worker to load this organization's keys anew. */
export const announceKeys = async (tx: Transaction, orgId: string): Promise<void> => {
  await tx.query(`insert into changes (org_id, kind, key) values ($1::uuid, 'keys', $1::text)`, [orgId])
}
