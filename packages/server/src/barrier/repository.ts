// The SQL of entries, in transactions that are bound to the organization.

import type { Transaction } from '../kernel/storage.ts'

export interface EntryPlace {
  readonly orgId: string
  readonly mountId: string
  readonly key: string
}

export interface SealedEntry {
  readonly entryVersion: number
  readonly sealed: Buffer
  readonly wrapped: Buffer
  readonly kekId: string
  readonly kekVersion: number
}

export const readEntry = async (tx: Transaction, { orgId, mountId, key }: EntryPlace): Promise<SealedEntry | undefined> => {
  const { rows } = await tx.query<SealedEntry>(
    `select entry_version as "entryVersion", sealed, wrapped_dek as wrapped, kek_id as "kekId", kek_version as "kekVersion"
     from entries where org_id = $1 and mount_id = $2 and key = $3`,
    [orgId, mountId, key], { name: 'barrier-read' })
  return rows[0]
}

/** The present version, 0 for none. */
export const readEntryVersion = async (tx: Transaction, { orgId, mountId, key }: EntryPlace): Promise<number> => {
  const { rows } = await tx.query<{ version: number }>(
    'select entry_version as version from entries where org_id = $1 and mount_id = $2 and key = $3', [orgId, mountId, key], { name: 'barrier-version' })
  return rows[0]?.version ?? 0
}

/** Writes version n over version n - 1 (nothing, for 1); false when that is not what is there. */
export const writeEntry = async (tx: Transaction, { orgId, mountId, key }: EntryPlace, entry: SealedEntry): Promise<boolean> => {
  const values = [orgId, mountId, key, entry.entryVersion, entry.sealed, entry.wrapped, entry.kekId, entry.kekVersion]
  const { count } = entry.entryVersion === 1
    ? await tx.query(
      `insert into entries (org_id, mount_id, key, entry_version, sealed, wrapped_dek, kek_id, kek_version)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`, values, { name: 'barrier-insert' })
    : await tx.query(
      `update entries set entry_version = $4, sealed = $5, wrapped_dek = $6, kek_id = $7, kek_version = $8, updated_at = now()
       where org_id = $1 and mount_id = $2 and key = $3 and entry_version = $4 - 1`, values, { name: 'barrier-update' })
  return count === 1
}

/** How many went away, 0 or 1. With `version`, only that version does. */
export const deleteEntry = async (tx: Transaction, { orgId, mountId, key }: EntryPlace, version?: number): Promise<number> => {
  const { count } = await tx.query(
    'delete from entries where org_id = $1 and mount_id = $2 and key = $3 and ($4::bigint is null or entry_version = $4)', [orgId, mountId, key, version ?? null])
  return count
}

/** Deletes everything of several mounts. */
export const deleteMounts = async (tx: Transaction, orgId: string, mountIds: readonly string[]): Promise<void> => {
  await tx.query('delete from entries where org_id = $1 and mount_id = any($2::uuid[])', [orgId, mountIds])
}

/** Deletes up to `limit` entries of a mount, for good. */
export const deleteSome = async (tx: Transaction, { orgId, mountId }: Omit<EntryPlace, 'key'>, limit: number): Promise<number> => {
  const { count } = await tx.query(
    `delete from entries where org_id = $1 and mount_id = $2 and key in
       (select key from entries where org_id = $1 and mount_id = $2 order by key limit $3)`, [orgId, mountId, limit])
  return count
}

/**
 * The children of a prefix after a cursor, in bytewise order: names, and folders with a slash. Each step jumps over a whole folder by the index, so a page costs
 * as many look-ups as it has children, however many entries lie below them. '0' is the character after '/'; U+0001 sorts before all that a name holds.
 */
export const listChildren = async (tx: Transaction, { orgId, mountId }: Omit<EntryPlace, 'key'>, page: { readonly prefix: string; readonly after: string | undefined; readonly limit: number }): Promise<readonly string[]> => {
  const { prefix, after, limit } = page
  const from = after === undefined ? prefix : nextAfter(prefix, after)
  const { rows } = await tx.query<{ child: string }>(
    `with recursive children(child, step) as (
       (select substring(e.key from char_length($3) + 1 for coalesce(nullif(strpos(substring(e.key from char_length($3) + 1), '/'), 0), 2000)), 1
        from entries e where e.org_id = $1 and e.mount_id = $2 and e.key >= $4 and ($5::text is null or e.key < $5)
        order by e.key limit 1)
       union all
       select n.child, c.step + 1 from children c cross join lateral (
         select substring(e.key from char_length($3) + 1 for coalesce(nullif(strpos(substring(e.key from char_length($3) + 1), '/'), 0), 2000)) as child
         from entries e where e.org_id = $1 and e.mount_id = $2
           and e.key >= $3 || case when right(c.child, 1) = '/' then left(c.child, -1) || '0' else c.child || E'\\x01' end
           and ($5::text is null or e.key < $5)
         order by e.key limit 1) n
       where c.step < $6)
     select child from children order by step`,
    [orgId, mountId, prefix, from, prefix === '' ? null : `${prefix.slice(0, -1)}0`, limit])
  return rows.map(({ child }) => child)
}

const nextAfter = (prefix: string, child: string): string => (child.endsWith('/') ? `${prefix}${child.slice(0, -1)}0` : `${prefix}${child}\u0001`)
