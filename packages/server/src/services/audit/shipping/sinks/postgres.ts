// The database as a sink: each event is in audit_events exactly once, because its key (org_id, at, id) was set once and
// an insert that finds it does nothing. Runs as the audit role, which may insert and nothing else.
import { statementErrorOf, type Database, type Queryable, type Transaction } from '../../../../kernel/storage.ts'
import { unitBytes } from '../../spool/frame.ts'
import { tagPairBytes, type PlainBatch } from '../plain-batch.ts'
import type { SharedColumns } from '../record.ts'
import { NotPlain, type Batch, type ShippedFrame, type Sink } from '../sink.ts'

export const postgresSink = (database: Database, options: { readonly timeoutMs?: number } = {}): Sink => ({
  name: 'postgres',
  timeoutMs: options.timeoutMs ?? 30_000,
  deliver: (batch) => database.transaction(null, (tx) => insertAll(tx, batch)),
  deliverPlain: async (plain, others) => {
    if (others.frames.length === 0) return await insertPlain(database, plain)
    await database.transaction(null, async (tx) => {
      await insertAll(tx, others)
      await insertPlain(tx, plain)
    })
  },
})

const insertAll = async (tx: Transaction, batch: Batch): Promise<void> => {
  await insertStream(tx, batch)
  await insertFrames(tx, batch)
  await insertEvents(tx, batch)
  await insertLinks(tx, batch)
  await insertCheckpoints(tx, batch)
}

/** JSON's way to write NUL, which no column of text can hold. */
const ESCAPED_NUL = Buffer.from('\\u0000', 'latin1')

// One statement, and so one transaction. The columns are read from the records here, where it costs a third of what it costs in
// JavaScript; the number of a record within the batch tells its frame, and its place there.
const insertPlain = async (database: Queryable, { stream, seqs, times, firsts, tags, units, records }: PlainBatch): Promise<void> => {
  if (records.includes(ESCAPED_NUL)) throw new NotPlain()
  try {
    await database.query(
      `with frame as (
         select n, seq, at, first, coalesce(lead(first) over (order by n), $2) - first as records from unnest($3::bigint[], $4::bigint[], $5::integer[]) with ordinality as f(seq, at, first, n)),
       frames as (
         insert into coffer.audit_frames (stream, seq, at, previous, tag, units)
         select $1, seq, timestamptz 'epoch' + at * interval '1 millisecond', substring($6::bytea from (n::integer - 1) * ${tagPairBytes} + 1 for 32), substring($6 from (n::integer - 1) * ${tagPairBytes} + 33 for 32),
           substring($7::bytea from (first - 1) * ${unitBytes} + 1 for records * ${unitBytes}) from frame
         on conflict do nothing)
       insert into coffer.audit_events (stream, org_id, at, id, record, digest, seq, ordinal, event_type, action, decision, principal, project, environment, path, request_id)
       select $1, c."tenantId", c."createdAt", c.id, r.record, substring($7 from (r.n::integer - 1) * ${unitBytes} + 2 for ${DIGEST_BYTES}), ($3::bigint[])[r.frame], r.n - ($5::integer[])[r.frame],
         c."eventType", c.action, c.decision, c.principal, c.project, c.environment, c.path, c."requestId"
       from (select record, n, width_bucket(n::integer, $5::integer[]) as frame from string_to_table(convert_from($8::bytea, 'UTF8'), E'\\n') with ordinality as t(record, n)) r,
         json_to_record(r.record::json) as c("tenantId" uuid, "createdAt" timestamptz, id uuid, "eventType" text, action text, decision text, principal text, project text, environment text, path text, "requestId" text)
       on conflict do nothing`,
      [stream.stream, units.length / unitBytes + 1, numberArray(seqs), numberArray(times), numberArray(firsts), tags, units, records],
      { name: 'audit_ship_plain' },
    )
  } catch (error) {
    // Data that are not what they should be, or a rule of the table that they break.
    if (/^2[23]/.test(statementErrorOf(error)?.sqlstate ?? '')) throw new NotPlain('The database refused a record', { cause: error })
    throw error
  }
}

const numberArray = (values: readonly number[]): string => `{${values.join(',')}}`

const insertStream = async (tx: Transaction, { stream, frames }: Batch): Promise<void> => {
  await tx.query(
    `insert into coffer.audit_streams (stream, node, slot, boot, previous_stream, previous_hash, opened_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [stream.stream, stream.node, stream.slot, stream.boot, stream.predecessor?.stream ?? null,
      stream.predecessor === null ? null : Buffer.from(stream.predecessor.hash, 'hex'), new Date(stream.openedAt)],
    { name: 'audit_ship_stream' },
  )
  const last = frames.findLast((frame) => frame.closes)
  if (last === undefined) return
  await tx.query('update coffer.audit_streams set closed_at = $2 where stream = $1', [stream.stream, new Date(last.skeleton.at)], { name: 'audit_ship_close' })
}

const insertFrames = async (tx: Transaction, { stream, frames }: Batch): Promise<void> => {
  await tx.query(
    `insert into coffer.audit_frames (stream, seq, at, previous, tag, units, control)
     select $1, * from unnest($2::bigint[], $3::timestamptz[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[]) on conflict do nothing`,
    [stream.stream, frames.map(({ skeleton }) => skeleton.seq), frames.map(({ skeleton }) => new Date(skeleton.at)), frames.map(({ skeleton }) => skeleton.previous),
      frames.map(({ skeleton }) => skeleton.tag), frames.map(({ skeleton }) => skeleton.units), frames.map(({ control }) => control)],
    { name: 'audit_ship_frames' },
  )
}

// The driver escapes every text of an array twice over, which was half the cost of shipping, and most columns are the same for many
// rows. So records go as lines (they hold no line break: JSON escapes it), digests as bytes one after the other, and what rows share
// once, in a list of its own that they point into.
const insertEvents = async (tx: Transaction, { stream, frames }: Batch): Promise<void> => {
  const rows = frames.reduce((sum, { records }) => sum + records.length, 0)
  if (rows === 0) return
  const shared = new Map<SharedColumns, number>()
  const digests = Buffer.allocUnsafe(rows * DIGEST_BYTES)
  const separate = { records: '', ids: '', times: '', seqs: '', ordinals: '', shared: '', requestIds: '' }
  let row = 0
  for (const { skeleton, records } of frames) {
    for (const { text, digest, ordinal, columns } of records) {
      const known = shared.get(columns.shared) ?? shared.size + 1
      if (known > shared.size) shared.set(columns.shared, known)
      const comma = row === 0 ? '{' : ','
      separate.records += row === 0 ? text : `\n${text}`
      separate.ids += comma + columns.id
      separate.times += comma + columns.at
      separate.seqs += comma + skeleton.seq
      separate.ordinals += comma + ordinal
      separate.shared += comma + known
      separate.requestIds += comma + element(columns.requestId)
      digest.copy(digests, row * DIGEST_BYTES)
      row += 1
    }
  }
  const list = [...shared.keys()]
  await tx.query(
    `insert into coffer.audit_events (stream, org_id, at, id, record, digest, seq, ordinal, event_type, action, decision, principal, project, environment, path, request_id)
     select $1, s.org_id, e.at, e.id, e.record, substring($2::bytea from (e.n::integer - 1) * ${DIGEST_BYTES} + 1 for ${DIGEST_BYTES}), e.seq, e.ordinal, s.event_type, s.action, s.decision, s.principal, s.project, s.environment, s.path, e.request_id
     from unnest(string_to_array($3, E'\\n'), $4::uuid[], $5::timestamptz[], $6::bigint[], $7::integer[], $8::bigint[], $9::text[]) with ordinality as e(record, id, at, seq, ordinal, shared, request_id, n)
     join unnest($10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[]) with ordinality
       as s(org_id, event_type, action, decision, principal, project, environment, path, n) on s.n = e.shared
     on conflict do nothing`,
    [stream.stream, digests, separate.records, `${separate.ids}}`, `${separate.times}}`, `${separate.seqs}}`, `${separate.ordinals}}`, `${separate.shared}}`, `${separate.requestIds}}`,
      ...SHARED.map((name) => textArray(list.map((each) => each[name])))],
    { name: 'audit_ship_events' },
  )
}

const DIGEST_BYTES = 32
const SHARED = ['orgId', 'eventType', 'action', 'decision', 'principal', 'project', 'environment', 'path'] as const

const insertLinks = async (tx: Transaction, { stream, frames }: Batch): Promise<void> => {
  const rows = flat(frames, (frame) => frame.links)
  if (rows.length === 0) return
  await tx.query(
    `insert into coffer.audit_links (stream, org_id, at, event_id, seq, ordinal, adopted)
     select $1, * from unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::bigint[], $6::integer[], $7::boolean[]) on conflict do nothing`,
    [stream.stream, rows.map(({ item }) => item.link.orgId), rows.map(({ item }) => new Date(item.link.at)), rows.map(({ item }) => item.link.id),
      rows.map(({ seq }) => seq), rows.map(({ item }) => item.ordinal), rows.map(({ item }) => item.adopted)],
    { name: 'audit_ship_links' },
  )
}

const insertCheckpoints = async (tx: Transaction, { frames }: Batch): Promise<void> => {
  const rows = frames.flatMap((frame) => frame.checkpoints)
  if (rows.length === 0) return
  await tx.query(
    `insert into coffer.audit_checkpoints (stream, seq, hash, at, key_id, signature)
     select * from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::timestamptz[], $5::text[], $6::bytea[]) on conflict do nothing`,
    [rows.map(({ stream }) => stream), rows.map(({ seq }) => seq), rows.map(({ hash }) => hash), rows.map(({ at }) => new Date(at)),
      rows.map(({ keyId }) => keyId), rows.map(({ signature }) => signature)],
    { name: 'audit_ship_checkpoints' },
  )
}

const flat = <Item>(frames: readonly ShippedFrame[], itemsOf: (frame: ShippedFrame) => readonly Item[]): readonly { readonly seq: number; readonly item: Item }[] =>
  frames.flatMap((frame) => itemsOf(frame).map((item) => ({ seq: frame.skeleton.seq, item })))

/** An array in PostgreSQL's own text form (its manual, 8.15.6): every element in quotes, so that only these and backslashes are special. */
const textArray = (values: readonly (string | null)[]): string => `{${values.map((value) => (value === null ? 'NULL' : element(value))).join(',')}}`

const element = (value: string): string => `"${special.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`

const special = /["\\]/
