// The change feed's position (architecture, section 7). A read takes one statement, so that the rows and the snapshot
// that bounds them are the same. The position moves only when `advance` is called, after the snapshot has been
// committed to the worker's row: a commit that is durable makes every transaction that the snapshot saw end durable
// with it, so a crash of the database cannot hand out such an id again, behind the position.

import { fail } from '../../kernel/errors.ts'
import { parseSnapshot, type Snapshot } from './snapshot.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { Change } from './changes.ts'

export interface FeedBatch {
  readonly snapshot: Snapshot
  /** The server's timeline; another one after a promotion. */
  readonly timeline: string
  /** `everything`: the position is unknown or no longer valid, or too much happened; the whole cache is dropped. */
  readonly changes: readonly Change[] | 'everything'
  /** The history that the position belonged to is gone: a standby was promoted or a backup restored. */
  readonly broken: boolean
}

interface Row {
  readonly snapshot: string
  readonly timeline: string
  readonly org_id: string | null
  readonly kind: string | null
  readonly key: string | null
}

/** Above this many changes at once, dropping the cache costs less than reading them. */
const maxChanges = 20_000

// Rows that the previous snapshot saw have been applied: leaving them out keeps a long transaction elsewhere, which
// holds xmin back, from invalidating the same keys again at every read. pg_walfile_name fails on a standby, so
// nobody takes a lagging server for the primary.
const readSql = `with at as materialized (
    select pg_current_snapshot() as snapshot, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline)
  select at.snapshot::text as snapshot, at.timeline, c.org_id, c.kind, c.key
  from at left join (
    select distinct org_id, kind, key from changes
    where xid >= $1::xid8 and not pg_visible_in_snapshot(xid, $2::pg_snapshot)
    limit ${maxChanges + 1}) c on true`

interface Position {
  readonly snapshot: Snapshot
  readonly timeline: string
}

export class ChangeFeed {
  readonly #database: Queryable
  #position: Position | undefined

  constructor(database: Queryable) {
    this.#database = database
  }

  /** What was committed since the position, and the snapshot up to which that is complete. */
  async read(): Promise<FeedBatch> {
    const from = this.#position
    const { rows } = await this.#database.query<Row>(readSql, [from?.snapshot.xmin.toString(), from?.snapshot.text], { name: 'freshness_read' })
    const first = rows[0]
    if (first === undefined) throw fail('internal', 'freshness.feed', 'The change feed gave no snapshot.')
    const snapshot = parseSnapshot(first.snapshot)
    const broken = from !== undefined && (from.timeline !== first.timeline || snapshot.xmax < from.snapshot.xmax)
    const changes = from === undefined || broken || rows.length > maxChanges ? 'everything' : toChanges(rows)
    return { snapshot, timeline: first.timeline, changes, broken }
  }

  advance({ snapshot, timeline }: FeedBatch): void {
    this.#position = { snapshot, timeline }
  }

  /** The next read starts anew: nothing is known to have been applied. */
  forget(): void {
    this.#position = undefined
  }
}

/** A read without news is one row whose change is null. */
const toChanges = (rows: readonly Row[]): Change[] => {
  const changes: Change[] = []
  for (const { org_id: orgId, kind, key } of rows) {
    if (orgId !== null && kind !== null && key !== null) changes.push({ orgId, kind, key })
  }
  return changes
}
