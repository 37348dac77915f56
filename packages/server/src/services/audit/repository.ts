// All SQL on the audit tables but the shipping inserts. Statements take a transaction of one organization, or a
// database under the jobs role where they cross organizations and see ids, times and digests only.
import type { Queryable, SqlValue, Transaction } from '../../kernel/storage.ts'
import type { EventLink } from './spool/link.ts'

export interface EventRow {
  readonly id: string
  readonly at: Date
  readonly record: string
}

/** Every given field must match; text fields exactly, path by prefix at a segment border, action at a dot. */
export interface EventFilter {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly principal?: string | undefined
  readonly project?: string | undefined
  readonly environment?: string | undefined
  readonly pathPrefix?: string | undefined
  readonly action?: string | undefined
  readonly eventType?: string | undefined
  readonly decision?: string | undefined
  readonly requestId?: string | undefined
}

export interface After {
  readonly at: number
  readonly id: string
}

/** Newest first. */
export const selectEvents = async (tx: Transaction, filter: EventFilter, page: { readonly after?: After | undefined; readonly limit: number }): Promise<readonly EventRow[]> => {
  const where = conditionsOf(filter)
  if (page.after !== undefined) where.add((at, id) => `(at, id) < (${at}, ${id})`, new Date(page.after.at), page.after.id)
  const { rows } = await tx.query<EventRow>(
    `select id, at, record from coffer.audit_events where org_id = coffer.current_org() ${where.text()} order by at desc, id desc limit ${where.bind(page.limit)}`,
    where.values,
  )
  return rows
}

export interface CountedGroup {
  readonly name: string | null
  readonly count: number
  readonly lastAt: Date
}

/** Counts events by one column, most frequent first. */
export const countBy = async (tx: Transaction, column: 'principal' | 'secret' | 'ownerTeam', query: { readonly filter: EventFilter; readonly actions: readonly string[]; readonly limit: number }): Promise<readonly CountedGroup[]> => {
  const where = conditionsOf(query.filter)
  where.add((actions) => `action = any(${actions})`, query.actions)
  const { rows } = await tx.query<CountedGroup>(
    `select ${groupings[column]} as name, count(*) as count, max(at) as "lastAt" from coffer.audit_events
     where org_id = coffer.current_org() ${where.text()} group by 1 order by 2 desc, 1 limit ${where.bind(query.limit)}`,
    where.values,
  )
  return rows
}

const groupings = Object.freeze({
  principal: 'principal',
  secret: `concat_ws('/', project, environment, path)`,
  // A record is our own text; one that holds an escaped NUL cannot become jsonb and counts as having no team.
  ownerTeam: `case when position('\\u0000' in record) = 0 then record::jsonb #>> '{metadata,ownerTeam}' end`,
})

/** Records of writes that stand in no chain yet. */
export const unchainedEvents = async (jobs: Queryable, range: { readonly since: number; readonly until: number; readonly limit: number }): Promise<readonly EventLink[]> => {
  const { rows } = await jobs.query<{ readonly org_id: string; readonly at: Date; readonly id: string; readonly digest: Buffer }>(
    `select org_id, at, id, digest from coffer.audit_events e
     where stream is null and at >= $1 and at < $2
       and not exists (select from coffer.audit_links l where l.org_id = e.org_id and l.at = e.at and l.event_id = e.id)
     order by at limit $3`,
    [new Date(range.since), new Date(range.until), range.limit],
    { name: 'audit_unchained' },
  )
  return rows.map((row) => ({ orgId: row.org_id, at: row.at.getTime(), id: row.id, digest: row.digest }))
}

interface Conditions {
  readonly values: SqlValue[]
  bind(value: SqlValue): string
  add(condition: (...placeholders: readonly string[]) => string, ...values: readonly SqlValue[]): void
  text(): string
}

const conditionsOf = (filter: EventFilter): Conditions => {
  const values: SqlValue[] = []
  const parts: string[] = []
  const bind = (value: SqlValue): string => `$${values.push(value)}`
  const add: Conditions['add'] = (condition, ...given) => { parts.push(`and ${condition(...given.map(bind))}`) }
  if (filter.from !== undefined) add((at) => `at >= ${at}`, new Date(filter.from))
  if (filter.to !== undefined) add((at) => `at < ${at}`, new Date(filter.to))
  for (const [column, value] of [
    ['principal', filter.principal], ['project', filter.project], ['environment', filter.environment],
    ['event_type', filter.eventType], ['decision', filter.decision], ['request_id', filter.requestId],
  ] as const) if (value !== undefined) add((bound) => `${column} = ${bound}`, value)
  // `secret` means all of `secret.*`. A range, in the column's order of bytes, where `/` comes next after the dot.
  if (filter.action !== undefined) add((action, from, to) => `(action = ${action} or (action >= ${from} and action < ${to}))`, ...['', '.', '/'].map((end) => `${(filter.action ?? '').replace(/\.$/, '')}${end}`))
  // `pay` does not match `payments/key`, and neither `%` nor `_` means anything.
  if (filter.pathPrefix !== undefined) add((path, below) => `(path = ${path} or starts_with(path, ${below}))`, filter.pathPrefix.replace(/\/$/, ''), `${filter.pathPrefix.replace(/\/$/, '')}/`)
  return { values, bind, add, text: () => parts.join(' ') }
}
