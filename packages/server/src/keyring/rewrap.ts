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
}

export interface RewrapResult {
  readonly rewrapped: number
  /** Rows whose DEK does not open under the KEK that they name: altered, or of a destroyed KEK. They are left as they are. */
  readonly failed: readonly string[]
  /** False when rows may be left: the run was cut short, or others held locks on some. */
  readonly complete: boolean
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

/** How one table is read and written. `after` is the `at` of the last row seen, or undefined at the start. */
interface Table {
  select(tx: Transaction, active: KekName, after: readonly SqlValue[] | undefined, limit: number): Promise<readonly Row[]>
  update(tx: Transaction, active: KekName, rows: readonly { readonly at: readonly SqlValue[]; readonly wrapped: Buffer }[]): Promise<unknown>
  countLeft(tx: Transaction, active: KekName): Promise<number>
}

const defaultBatch = 500
const failuresKept = 100

export const rewrapSecrets = (port: RewrapPort, options: RewrapOptions): Promise<RewrapResult> => rewrapTable(port, secretVersions(port.orgId), options)

export const rewrapEntries = (port: RewrapPort, options: RewrapOptions): Promise<RewrapResult> => rewrapTable(port, entries(port.orgId), options)

const rewrapTable = async (port: RewrapPort, table: Table, options: RewrapOptions): Promise<RewrapResult> => {
  const batch = options.batch ?? defaultBatch
  const failed: string[] = []
  let rewrapped = 0
  let failures = 0
  let after: readonly SqlValue[] | undefined
  for (let batches = 0; batches < (options.maxBatches ?? Infinity); batches += 1) {
    const kek = await port.takeKek(batch)
    const keys = await port.keys()
    const done = await port.database.transaction(port.orgId, (tx) => rewrapBatch(tx, table, { keys, kek, after, batch }))
    rewrapped += done.rewrapped
    failures += done.failed.length
    failed.push(...done.failed.slice(0, failuresKept - failed.length))
    after = done.last
    if (done.seen === 0) break
  }
  const { activeKek } = await port.keys()
  const left = await port.database.transaction(port.orgId, (tx) => table.countLeft(tx, activeKek), { readOnly: true })
  return { rewrapped, failed, complete: left <= failures }
}

interface Batch {
  readonly keys: OrgKeys
  readonly kek: Kek
  readonly after: readonly SqlValue[] | undefined
  readonly batch: number
}

const rewrapBatch = async (tx: Transaction, table: Table, { keys, kek, after, batch }: Batch): Promise<{ seen: number; rewrapped: number; failed: string[]; last: readonly SqlValue[] | undefined }> => {
  const rows = await table.select(tx, kek, after, batch)
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
  return { seen: rows.length, rewrapped: changed.length, failed, last: rows.at(-1)?.at }
}

const lowestUuid = '00000000-0000-0000-0000-000000000000'

/** Locked rows are passed over: a writer holds them, and what it writes is under the active KEK or found by the next run. */
const secretVersions = (orgId: string): Table => ({
  async select(tx, active, after, limit) {
    const { rows } = await tx.query<{ secret_id: string; version: number; wrapped_dek: Buffer; kek_id: string; kek_version: number }>(
      `select secret_id, version, wrapped_dek, kek_id, kek_version from secret_versions
       where org_id = $1 and wrapped_dek is not null and (kek_id <> $2 or kek_version < $3) and (secret_id, version) > ($4, $5)
       order by secret_id, version limit $6 for no key update skip locked`,
      [orgId, active.kekId, active.kekVersion, ...(after ?? [lowestUuid, 0]), limit])
    return rows.map((row) => ({
      at: [row.secret_id, row.version], label: `secret ${row.secret_id} version ${row.version}`,
      wrapped: row.wrapped_dek, kekId: row.kek_id, kekVersion: row.kek_version,
      aad: ({ kekId, kekVersion }: KekName) => dekAad({ orgId, secretId: row.secret_id, version: row.version, kekId, kekVersion }),
    }))
  },
  update: (tx, active, rows) => tx.query(
    `update secret_versions v set wrapped_dek = n.wrapped, kek_id = $2, kek_version = $3
     from unnest($4::uuid[], $5::bigint[], $6::bytea[]) as n(secret_id, version, wrapped)
     where v.org_id = $1 and v.secret_id = n.secret_id and v.version = n.version`,
    [orgId, active.kekId, active.kekVersion, rows.map((row) => row.at[0]), rows.map((row) => row.at[1]), rows.map((row) => row.wrapped)]),
  async countLeft(tx, active) {
    const { rows } = await tx.query<{ left: number }>(
      'select count(*) as left from secret_versions where org_id = $1 and wrapped_dek is not null and (kek_id <> $2 or kek_version < $3)', [orgId, active.kekId, active.kekVersion])
    return rows[0]?.left ?? 0
  },
})

const entries = (orgId: string): Table => ({
  async select(tx, active, after, limit) {
    const { rows } = await tx.query<{ mount_id: string; key: string; entry_version: number; wrapped_dek: Buffer; kek_id: string; kek_version: number }>(
      `select mount_id, key, entry_version, wrapped_dek, kek_id, kek_version from entries
       where org_id = $1 and (kek_id <> $2 or kek_version < $3) and (mount_id, key) > ($4, $5)
       order by mount_id, key limit $6 for no key update skip locked`,
      [orgId, active.kekId, active.kekVersion, ...(after ?? [lowestUuid, '']), limit])
    return rows.map((row) => ({
      at: [row.mount_id, row.key], label: `entry of mount ${row.mount_id}`,
      wrapped: row.wrapped_dek, kekId: row.kek_id, kekVersion: row.kek_version,
      aad: ({ kekId, kekVersion }: KekName) =>
        entryDekAad({ orgId, mountId: row.mount_id, key: row.key, entryVersion: row.entry_version, kekId, kekVersion }),
    }))
  },
  update: (tx, active, rows) => tx.query(
    `update entries e set wrapped_dek = n.wrapped, kek_id = $2, kek_version = $3
     from unnest($4::uuid[], $5::text[], $6::bytea[]) as n(mount_id, key, wrapped)
     where e.org_id = $1 and e.mount_id = n.mount_id and e.key = n.key`,
    [orgId, active.kekId, active.kekVersion, rows.map((row) => row.at[0]), rows.map((row) => row.at[1]), rows.map((row) => row.wrapped)]),
  async countLeft(tx, active) {
    const { rows } = await tx.query<{ left: number }>('select count(*) as left from entries where org_id = $1 and (kek_id <> $2 or kek_version < $3)', [orgId, active.kekId, active.kekVersion])
    return rows[0]?.left ?? 0
  },
})
