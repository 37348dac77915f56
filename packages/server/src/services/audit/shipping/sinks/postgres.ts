// The database as a sink: each event is in audit_events exactly once, because its key (org_id, at, id) was set once and
// an insert that finds it does nothing. Runs as the audit role, which may insert and nothing else.
import type { Database, Transaction } from '../../../../kernel/storage.ts'
import { searchFields } from '../../records.ts'
import type { Batch, ShippedFrame, Sink } from '../sink.ts'

export const postgresSink = (database: Database, options: { readonly timeoutMs?: number } = {}): Sink => ({
  name: 'postgres',
  timeoutMs: options.timeoutMs ?? 30_000,
  deliver: async (batch) => {
    await database.transaction(null, async (tx) => {
      await insertStream(tx, batch)
      await insertFrames(tx, batch)
      await insertEvents(tx, batch)
      await insertLinks(tx, batch)
      await insertCheckpoints(tx, batch)
    })
  },
})

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

const insertEvents = async (tx: Transaction, { stream, frames }: Batch): Promise<void> => {
  const rows = flat(frames, (frame) => frame.records)
  if (rows.length === 0) return
  const fields = rows.map(({ item }) => searchFields(item.event))
  const column = (name: string): string => textArray(fields.map((row) => row[name] ?? null))
  // The driver would escape every text twice over; at thousands of records a second that was half the cost of shipping. Records and
  // digests hold no line break (JSON escapes it), so lines need no escape at all.
  await tx.query(
    `insert into coffer.audit_events (stream, org_id, at, id, record, digest, seq, ordinal, event_type, action, decision, principal, project, environment, path, request_id)
     select $1, e.org_id, e.at, e.id, e.record, decode(e.digest, 'hex'), e.seq, e.ordinal, e.event_type, e.action, e.decision, e.principal, e.project, e.environment, e.path, e.request_id
     from unnest($2::uuid[], $3::timestamptz[], $4::uuid[], string_to_array($5, E'\\n'), string_to_array($6, E'\\n'), $7::bigint[], $8::integer[], $9::text[], $10::text[], $11::text[],
       $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
       as e(org_id, at, id, record, digest, seq, ordinal, event_type, action, decision, principal, project, environment, path, request_id)
     on conflict do nothing`,
    [stream.stream, textArray(rows.map(({ item }) => item.event.orgId)), textArray(rows.map(({ item }) => new Date(item.event.at).toISOString())), textArray(rows.map(({ item }) => item.event.id)),
      rows.map(({ item }) => item.text).join('\n'), rows.map(({ item }) => item.digest.toString('hex')).join('\n'), textArray(rows.map(({ seq }) => String(seq))), textArray(rows.map(({ item }) => String(item.ordinal))),
      column('eventType'), column('action'), column('decision'), column('principal'), column('project'), column('environment'), column('path'), column('requestId')],
    { name: 'audit_ship_events' },
  )
}

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
const textArray = (values: readonly (string | null)[]): string => {
  let text = '{'
  for (const value of values) text += `${text === '{' ? '' : ','}${value === null ? 'NULL' : `"${special.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`}`
  return `${text}}`
}

const special = /["\\]/
