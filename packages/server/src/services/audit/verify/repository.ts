// What verification reads from the database: under the jobs role, which sees ids, times and digests of every
// organization and no record; records only inside a transaction of their own organization.
import type { Queryable, Transaction } from '../../../kernel/storage.ts'
import type { Checkpoint } from '../checkpoint.ts'
import type { FrameSkeleton } from '../spool/frame.ts'

export interface StreamRow {
  readonly stream: string
  readonly opened_at: Date | null
}

export interface FrameRow extends FrameSkeleton {
  readonly control: Buffer | null
}

/** A row that says: I am item `ordinal` of frame `seq`. */
export interface PlacedRow {
  readonly seq: number
  readonly ordinal: number
  readonly org_id: string
  readonly at: Date
  readonly id: string
  readonly digest: Buffer | null
  readonly adopted: boolean | null
}

export const selectStreams = async (db: Queryable): Promise<readonly StreamRow[]> =>
  (await db.query<StreamRow>(
    `select stream, min(opened_at) as opened_at from (
       select stream, opened_at from coffer.audit_streams
       union all select distinct stream, null::timestamptz from coffer.audit_frames
       union all select distinct stream, null::timestamptz from coffer.audit_checkpoints) known
     group by stream order by stream`)).rows

export const selectCheckpoints = async (db: Queryable, stream: string): Promise<readonly Checkpoint[]> => {
  const { rows } = await db.query<{ seq: number; hash: Buffer; at: Date; key_id: string; signature: Buffer }>(
    'select seq, hash, at, key_id, signature from coffer.audit_checkpoints where stream = $1 order by seq', [stream])
  return rows.map((row) => ({ stream, seq: row.seq, hash: row.hash, at: row.at.getTime(), keyId: row.key_id, signature: row.signature }))
}

export const selectFrames = async (db: Queryable, stream: string, page: { readonly after: number; readonly limit: number }): Promise<readonly FrameRow[]> => {
  const { rows } = await db.query<{ seq: number; at: Date; previous: Buffer; tag: Buffer; units: Buffer; control: Buffer | null }>(
    'select seq, at, previous, tag, units, control from coffer.audit_frames where stream = $1 and seq > $2 order by seq limit $3', [stream, page.after, page.limit])
  return rows.map((row) => ({ ...row, at: row.at.getTime() }))
}

export const selectPlaced = async (db: Queryable, stream: string, range: { readonly from: number; readonly to: number }): Promise<readonly PlacedRow[]> =>
  (await db.query<PlacedRow>(
    `select seq, ordinal, org_id, at, id, digest, null::boolean as adopted from coffer.audit_events where stream = $1 and seq between $2 and $3
     union all
     select l.seq, l.ordinal, l.org_id, l.at, l.event_id, e.digest, l.adopted from coffer.audit_links l
       left join coffer.audit_events e on e.org_id = l.org_id and e.at = l.at and e.id = l.event_id
     where l.stream = $1 and l.seq between $2 and $3
     order by 1, 2`, [stream, range.from, range.to])).rows

/** Rows that name a frame of this stream before `first` or after `last`. */
export const countOutside = async (db: Queryable, stream: string, range: { readonly first: number; readonly last: number }): Promise<number> => {
  const { rows } = await db.query<{ found: number }>(
    `select (select count(*) from coffer.audit_events where stream = $1 and (seq < $2 or seq > $3)) +
            (select count(*) from coffer.audit_links where stream = $1 and (seq < $2 or seq > $3)) as found`, [stream, range.first, range.last])
  return rows[0]?.found ?? 0
}

export interface RecordRow {
  readonly id: string
  readonly at: Date
  readonly record: string
  readonly digest: Buffer
  readonly event_type: string
  readonly action: string
  readonly decision: string
  readonly principal: string | null
  readonly project: string | null
  readonly environment: string | null
  readonly path: string | null
  readonly request_id: string
}

export const selectRecords = async (tx: Transaction, page: { readonly afterAt: number; readonly afterId: string; readonly to: number; readonly limit: number }): Promise<readonly RecordRow[]> =>
  (await tx.query<RecordRow>(
    `select id, at, record, digest, event_type, action, decision, principal, project, environment, path, request_id from coffer.audit_events
     where org_id = coffer.current_org() and (at, id) > ($1, $2) and at < $3 order by at, id limit $4`,
    [new Date(page.afterAt), page.afterId, new Date(page.to), page.limit])).rows
