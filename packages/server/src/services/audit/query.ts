// Questions to the audit log of one organization: a paged search and the summary views. Runs in the caller's
// transaction, whose organization row-level security enforces. Reading the log is itself audited by the pipeline.
import type { AuditEvent } from '../../kernel/audit.ts'
import { fail } from '../../kernel/errors.ts'
import type { Transaction } from '../../kernel/storage.ts'
import { formatUuid, parseUuid } from '../../lib/uuid.ts'
import { parseRecord } from './records.ts'
import { countBy, selectEvents, type After, type EventFilter } from './repository.ts'

export type { EventFilter } from './repository.ts'

export interface EventPage {
  readonly events: readonly AuditEvent[]
  /** Give it back to continue; undefined on the last page. */
  readonly nextCursor: string | undefined
}

export const maxPage: number = 500

/** Newest first, stable while new events arrive. @throws invalid_request for a cursor that is not ours */
export const searchEvents = async (tx: Transaction, filter: EventFilter, page: { readonly cursor?: string | undefined; readonly limit?: number } = {}): Promise<EventPage> => {
  const limit = Math.min(Math.max(page.limit ?? 100, 1), maxPage)
  const after = page.cursor === undefined ? undefined : parseCursor(page.cursor)
  const rows = await selectEvents(tx, filter, { after, limit: limit + 1 })
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    events: shown.flatMap((row) => parseRecord(row.record) ?? []),
    nextCursor: rows.length > limit && last !== undefined ? formatCursor({ at: last.at.getTime(), id: last.id }) : undefined,
  }
}

export interface SummaryRow {
  readonly name: string
  readonly count: number
  readonly lastAt: number
}

export type SummaryView = 'reads-by-principal' | 'reads-by-secret' | 'break-glass-reads' | 'denied-reads' | 'rotations-by-owner-team'

interface View {
  readonly column: 'principal' | 'secret' | 'ownerTeam'
  readonly actions: readonly string[]
  readonly decision?: 'ALLOW' | 'DENY'
}

/** What counts as taking a value out, whatever the door. */
const readActions = ['secret.reveal', 'secret.export', 'secret.inject', 'secret.break-glass']
const rotationActions = ['secret.rotate', 'secret.promote', 'rotation.completed']

const views: Readonly<Record<SummaryView, View>> = Object.freeze({
  'reads-by-principal': { column: 'principal', actions: readActions, decision: 'ALLOW' },
  'reads-by-secret': { column: 'secret', actions: readActions, decision: 'ALLOW' },
  'break-glass-reads': { column: 'secret', actions: ['secret.break-glass'], decision: 'ALLOW' },
  'denied-reads': { column: 'principal', actions: [...readActions, 'secret.read', 'secret.list'], decision: 'DENY' },
  'rotations-by-owner-team': { column: 'ownerTeam', actions: rotationActions, decision: 'ALLOW' },
})

/** One summary over a time range, most frequent first. */
export const summarise = async (tx: Transaction, view: SummaryView, range: { readonly from: number; readonly to: number; readonly limit?: number }): Promise<readonly SummaryRow[]> => {
  const { column, actions, decision } = views[view]
  const groups = await countBy(tx, column, { filter: { from: range.from, to: range.to, decision }, actions, limit: Math.min(Math.max(range.limit ?? 50, 1), maxPage) })
  return groups.map(({ name, count, lastAt }) => ({ name: name ?? '', count, lastAt: lastAt.getTime() }))
}

const cursorFormat = 0x01

const formatCursor = (after: After): string => {
  const bytes = Buffer.alloc(25)
  bytes[0] = cursorFormat
  bytes.writeBigUInt64BE(BigInt(after.at), 1)
  parseUuid(after.id)?.copy(bytes, 9)
  return bytes.toString('base64url')
}

/** A cursor gives no rights: it only names a place in the caller's own organization. */
const parseCursor = (text: string): After => {
  const bytes = Buffer.from(text, 'base64url')
  const at = bytes.length === 25 && bytes[0] === cursorFormat ? Number(bytes.readBigUInt64BE(1)) : Number.NaN
  if (!(at <= 8.64e15)) throw fail('invalid_request', 'audit.bad_cursor', 'The cursor is not one that this server gave out. Start the search again without it.', { field: 'after' })
  return { at, id: formatUuid(bytes.subarray(9)) }
}
