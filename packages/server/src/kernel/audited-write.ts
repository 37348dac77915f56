// A write's audit record travels into the write's own transaction (architecture, section 6), together with the rows that
// tell caches what changed. Services that do not write through a function of their own do it here.

import type { Database, Queryable, Transaction } from './storage.ts'

export interface WrittenRecord {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The canonical JSON text. */
  readonly record: string
  readonly digest: Buffer
  /** The columns that are searched. */
  readonly fields: Readonly<Record<string, string | null>>
}

/** What of a call a write needs. */
export interface Recorder {
  readonly orgId: string
  writeRecord(outcome?: WriteOutcome): WrittenRecord
  /** After the commit, for this worker's own caches. */
  changed(changes: readonly NotedChange[]): void
  confirm(xid: string): Promise<void>
}

export interface NotedChange {
  readonly orgId: string
  readonly kind: string
  readonly key: string
}

export interface WriteOutcome {
  /** When what happened is not the operation's own action. */
  readonly action?: string
}

export interface AuditedOptions extends WriteOutcome {
  /** Wait until no worker serves what was there before: for everything that takes a right away. */
  readonly confirm?: boolean
}

/** Inserts the record; part of whatever transaction `tx` is in. */
export const insertRecord = async (tx: Queryable, orgId: string, record: WrittenRecord): Promise<void> => {
  await tx.query('select coffer.audit_write($1, $2, $3, $4, $5, $6)', [orgId, record.id, new Date(record.at), record.record, record.digest, record.fields], { name: 'audit_write' })
}

/** Inserts a feed row. Returns the transaction's id. */
export const insertChange = async (tx: Queryable, change: NotedChange): Promise<string> => {
  const inserted = await tx.query<{ xid: string }>('insert into coffer.changes (org_id, kind, key) values ($1, $2, $3) returning xid::text', [change.orgId, change.kind, change.key], { name: 'note_change' })
  return inserted.rows[0]?.xid ?? ''
}

/**
 * Runs `work` in a transaction of the call's organization, with the audit record and the noted changes in it. `work` may
 * run again after a serialization failure. @throws what `work` throws; then nothing is written.
 */
export const auditedWrite = async <T>(
  database: Database,
  recorder: Recorder,
  options: AuditedOptions,
  work: (tx: Transaction, note: (kind: string, key: string) => void) => Promise<T>,
): Promise<T> => {
  const { orgId } = recorder
  const committed = await database.transaction(orgId, async (tx) => {
    const changes: NotedChange[] = []
    const result = await work(tx, (kind, key) => changes.push({ orgId, kind, key }))
    await insertRecord(tx, orgId, recorder.writeRecord(options))
    let xid = ''
    for (const change of changes) xid = await insertChange(tx, change)
    return { result, changes, xid }
  })
  recorder.changed(committed.changes)
  if (options.confirm === true && committed.xid !== '') await recorder.confirm(committed.xid)
  return committed.result
}
