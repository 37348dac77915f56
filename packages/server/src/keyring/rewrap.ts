// Brings DEKs from retired KEKs under the active one. The DEK, the ciphertext and the row's MAC stay as they are: only wrapped_dek, kek_id and
// kek_version change. Which rows are left is told by the rows themselves, so an interrupted run is resumed by running again.

import { sealBytes } from '../crypto/aead.ts'
import { dekAad, entryDekAad } from '../crypto/envelope.ts'
import { isCofferError } from '../kernel/errors.ts'
import type { Database, SqlValue, Transaction } from '../kernel/storage.ts'
import type { KekName } from './failures.ts'
import { wiping, type Kek, type OrgKeys, type WrappedDek } from './org-keys.ts'

export interface RewrapOptions {
  /** Rows per transaction; their locks are held for that long. */
  readonly batch?: number
  /** Stops after so many batches, for jobs that work in slices. */
  readonly maxBatches?: number
  /** What an earlier slice gave back: goes on from there instead of looking through all that it did. */
  readonly progress?: RewrapProgress | undefined
}

/** How far a pass over a table has come. */
export interface RewrapProgress {
  readonly after: readonly SqlValue[] | undefined
  readonly failures: number
}

export interface RewrapResult {
  readonly rewrapped: number
  /** Rows whose DEK does not open under the KEK that they name: altered, or of a destroyed KEK. They are left as they are. */
  readonly failed: readonly string[]
  /** False when rows may be left: the run was cut short, or others held locks on some. */
  readonly complete: boolean
  /** Where the pass goes on; absent when it came to its end. */
  readonly progress?: RewrapProgress
}

export interface RewrapPort {
  readonly database: Database
  readonly orgId: string
  readonly keys: () => Promise<OrgKeys>
  readonly takeKek: (count: number) => Promise<Kek>
}

interface Row extends WrappedDek {
  /** Names the row within its table; also the place in the order of the run. */
  readonly at: readonly SqlValue[]
  readonly label: string
  readonly aad: (kek: KekName) => Uint8Array
}

/** Some rows that are left, and the place up to which there are no others; undefined at the table's end. */
interface Page {
  readonly rows: readonly Row[]
  readonly last: readonly SqlValue[] | undefined
}

/** How one table is read and written. `after` is the place up to which it was seen, or undefined at the start. */
interface Table {
  /** Looks at no more than `pageRows`, however few of them are left: in a table of millions one statement must not go through all of it. */
  select(tx: Transaction, active: KekName, after: readonly SqlValue[] | undefined, limit: number): Promise<Page>
  update(tx: Transaction, active: KekName, rows: readonly { readonly at: readonly SqlValue[]; readonly wrapped: Buffer }[]): Promise<unknown>
  /** Rows that are left, counted up to `most`. */
  countLeft(tx: Transaction, active: KekName, most: number): Promise<number>
}

const defaultBatch = 500
const failuresKept = 100
const pageRows = 20_000
/** A page that has nothing left costs this much of a batch. */
const emptyPageShare = 0.1

export const rewrapSecrets = (port: RewrapPort, options: RewrapOptions): Promise<RewrapResult> => rewrapTable(port, secretVersions(port.orgId), options)

export const rewrapEntries = (port: RewrapPort, options: RewrapOptions): Promise<RewrapResult> => rewrapTable(port, entries(port.orgId), options)

const rewrapTable = async (port: RewrapPort, table: Table, options: RewrapOptions): Promise<RewrapResult> => {
  const batch = options.batch ?? defaultBatch
  const failed: string[] = []
  let rewrapped = 0
  let failures = options.progress?.failures ?? 0
  let after = options.progress?.after
  for (let batches = 0; batches < (options.maxBatches ?? Infinity); ) {
    const kek = await port.takeKek(batch)
    const keys = await port.keys()
    const done = await port.database.transaction(port.orgId, (tx) => rewrapBatch(tx, table, { keys, kek, after, batch }))
    rewrapped += done.rewrapped
    failures += done.failed.length
    failed.push(...done.failed.slice(0, failuresKept - failed.length))
    after = done.last
    if (after === undefined) return { rewrapped, failed, complete: await isComplete(port, table, failures) }
    batches += done.rewrapped + done.failed.length === 0 ? emptyPageShare : 1
  }
  return { rewrapped, failed, complete: false, progress: { after, failures } }
}

/** Others may have held locks on rows, or written some under the KEK of before. */
const isComplete = async (port: RewrapPort, table: Table, failures: number): Promise<boolean> => {
  const { activeKek } = await port.keys()
  return (await port.database.transaction(port.orgId, (tx) => table.countLeft(tx, activeKek, failures + 1), { readOnly: true })) <= failures
}

interface Batch {
  readonly keys: OrgKeys
  readonly kek: Kek
  readonly after: readonly SqlValue[] | undefined
  readonly batch: number
}

const rewrapBatch = async (tx: Transaction, table: Table, { keys, kek, after, batch }: Batch): Promise<{ rewrapped: number; failed: string[]; last: Page['last'] }> => {
  const { rows, last } = await table.select(tx, kek, after, batch)
  const changed: { at: readonly SqlValue[]; wrapped: Buffer }[] = []
  const failed: string[] = []
  for (const row of rows) {
    try {
      changed.push({ at: row.at, wrapped: wiping(keys.unwrapBytes(row, row.aad(row)), (dek) => sealBytes(kek.key, dek, row.aad(kek))) })
    } catch (error) {
      if (!isCofferError(error)) throw error
      failed.push(row.label)
    }
  }
  if (changed.length > 0) await table.update(tx, kek, changed)
  return { rewrapped: changed.length, failed, last }
}

const lowestUuid = '00000000-0000-0000-0000-000000000000'
const highestUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Locked rows are passed over: a writer holds them, and what it writes is under the active KEK or found by the next run. */
const secretVersions = (orgId: string): Table => ({
  async select(tx, active, after = [lowestUuid, 0], limit) {
    const { rows: [end] } = await tx.query<{ secret_id: string; version: number }>(
      'select secret_id, version from secret_versions where org_id = $1 and (secret_id, version) > ($2, $3) order by secret_id, version offset $4 limit 1', [orgId, ...after, pageRows - 1])
    const { rows } = await tx.query<{ secret_id: string; version: number; wrapped_dek: Buffer; kek_id: string; kek_version: number }>(
      `select secret_id, version, wrapped_dek, kek_id, kek_version from secret_versions
       where org_id = $1 and wrapped_dek is not null and (kek_id <> $2 or kek_version < $3) and (secret_id, version) > ($4, $5) and (secret_id, version) <= ($6, $7)
       order by secret_id, version limit $8 for no key update skip locked`,
      [orgId, active.kekId, active.kekVersion, ...after, end?.secret_id ?? highestUuid, end?.version ?? 0, limit])
    return pageOf(limit, end === undefined ? undefined : [end.secret_id, end.version], rows.map((row) => ({
      at: [row.secret_id, row.version], label: `secret ${row.secret_id} version ${row.version}`,
      wrapped: row.wrapped_dek, kekId: row.kek_id, kekVersion: row.kek_version,
      aad: ({ kekId, kekVersion }: KekName) => dekAad({ orgId, secretId: row.secret_id, version: row.version, kekId, kekVersion }),
    })))
  },
  update: (tx, active, rows) => tx.query(
    `update secret_versions v set wrapped_dek = n.wrapped, kek_id = $2, kek_version = $3
     from unnest($4::uuid[], $5::bigint[], $6::bytea[]) as n(secret_id, version, wrapped)
     where v.org_id = $1 and v.secret_id = n.secret_id and v.version = n.version`,
    [orgId, active.kekId, active.kekVersion, rows.map((row) => row.at[0]), rows.map((row) => row.at[1]), rows.map((row) => row.wrapped)]),
  async countLeft(tx, active, most) {
    // Through the index of KEKs, three times: no index has what differs from a value. Statistics lag behind a rotation, and would send this through the whole table.
    await tx.query('set local enable_seqscan = off')
    const some = (condition: string): string => `(select 1 from secret_versions where org_id = $1 and wrapped_dek is not null and ${condition} limit $4)`
    const { rows } = await tx.query<{ left: number }>(
      `select count(*) as left from (${['kek_id = $2 and kek_version < $3', 'kek_id < $2', 'kek_id > $2'].map(some).join(' union all ')}) found`, [orgId, active.kekId, active.kekVersion, most])
    return rows[0]?.left ?? 0
  },
})

const pageOf = (limit: number, end: readonly SqlValue[] | undefined, rows: readonly Row[]): Page => ({ rows, last: rows.length === limit ? rows.at(-1)?.at : end })

/** Engines' entries are few, and no index has their KEKs. */
const entries = (orgId: string): Table => ({
  async select(tx, active, after = [lowestUuid, ''], limit) {
    const { rows } = await tx.query<{ mount_id: string; key: string; entry_version: number; wrapped_dek: Buffer; kek_id: string; kek_version: number }>(
      `select mount_id, key, entry_version, wrapped_dek, kek_id, kek_version from entries
       where org_id = $1 and (kek_id <> $2 or kek_version < $3) and (mount_id, key) > ($4, $5)
       order by mount_id, key limit $6 for no key update skip locked`,
      [orgId, active.kekId, active.kekVersion, ...after, limit])
    return pageOf(limit, undefined, rows.map((row) => ({
      at: [row.mount_id, row.key], label: `entry of mount ${row.mount_id}`,
      wrapped: row.wrapped_dek, kekId: row.kek_id, kekVersion: row.kek_version,
      aad: ({ kekId, kekVersion }: KekName) =>
        entryDekAad({ orgId, mountId: row.mount_id, key: row.key, entryVersion: row.entry_version, kekId, kekVersion }),
    })))
  },
  update: (tx, active, rows) => tx.query(
    `update entries e set wrapped_dek = n.wrapped, kek_id = $2, kek_version = $3
     from unnest($4::uuid[], $5::text[], $6::bytea[]) as n(mount_id, key, wrapped)
     where e.org_id = $1 and e.mount_id = n.mount_id and e.key = n.key`,
    [orgId, active.kekId, active.kekVersion, rows.map((row) => row.at[0]), rows.map((row) => row.at[1]), rows.map((row) => row.wrapped)]),
  async countLeft(tx, active, most) {
    const { rows } = await tx.query<{ left: number }>('select count(*) as left from (select 1 from entries where org_id = $1 and (kek_id <> $2 or kek_version < $3) limit $4) found', [orgId, active.kekId, active.kekVersion, most])
    return rows[0]?.left ?? 0
  },
})
