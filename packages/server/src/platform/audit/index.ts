// Handlers of the audit record.

import type { AuditEvent } from '../../kernel/audit.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { formatId } from '../../kernel/ids.ts'
import type { Call, Grant, Resource } from '../../kernel/call.ts'
import { eventFields } from './fields.ts'
import { search, summary, verify } from './operations.ts'

const operations = { search, summary, verify }

export interface EventQuery {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly principal?: string | undefined
  readonly action?: string | undefined
  readonly eventType?: string | undefined
  readonly project?: string | undefined
  readonly environment?: string | undefined
  /** At a segment border. */
  readonly pathPrefix?: string | undefined
  readonly decision?: 'ALLOW' | 'DENY' | undefined
  readonly requestId?: string | undefined
}

export interface AuditReport {
  readonly intact: boolean
  readonly streams: number
  readonly frames: number
  readonly records: number
  readonly findings: readonly { readonly stream?: string | undefined; readonly seq?: number | undefined; readonly kind: string; readonly message: string }[]
  readonly cannotSee: readonly string[]
}

export interface AuditPort {
  search(grant: Grant, call: Call, query: EventQuery, page: { readonly cursor: string | undefined; readonly limit: number }): Promise<{ readonly events: readonly AuditEvent[]; readonly next: string | undefined }>
  summary(grant: Grant, call: Call, view: 'reads-by-principal' | 'reads-by-secret' | 'denied-reads' | 'break-glass-reads', range: { readonly from: number; readonly to: number; readonly limit: number }): Promise<readonly { readonly name: string; readonly count: number }[]>
  verify(grant: Grant, call: Call): Promise<AuditReport>
}

const time = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text))
const resource = (path: string, project?: string, environment?: string): Resource => ({ kind: 'audit', apiPath: `sys/audit/${path}`, project, environment })

type Shown = Omit<AuditEvent, 'orgId' | 'at' | 'actorId' | 'accessorHmac' | 'holder' | 'request'> & { readonly tenantId: string; readonly createdAt: string }

/** Records hold more than is shown, what audit devices want to know of tokens and requests for one; a search must not end at one of them. */
const eventView = (event: AuditEvent): Shown => {
  const { orgId, at, ...rest } = event
  const all: Readonly<Record<string, unknown>> = { ...rest, id: formatId('event', event.id), tenantId: formatId('organization', orgId), createdAt: new Date(at).toISOString() }
  return Object.fromEntries(Object.keys(eventFields).filter((name) => all[name] !== undefined).map((name) => [name, all[name]])) as unknown as Shown // the fields that are shown
}

export const platformAudit = (audit: AuditPort): readonly Implemented[] =>
  implement(operations, {
    async search(input, call) {
      const grant = call.authorise('audit-read', resource('events', input.project, input.environment))
      const { after, limit, from, to, path, ...filter } = input
      const pathPrefix = path?.replace(/\/?\*$/, '')
      const found = await audit.search(grant, call, { ...filter, pathPrefix, from: time(from), to: time(to) }, { cursor: after, limit })
      // The search itself is recorded with what was asked, not with the place that was asked about.
      call.audit.metadata = { found: found.events.length }
      return { items: found.events.map(eventView), ...(found.next === undefined ? {} : { next: found.next }) }
    },
    async summary(input, call) {
      const grant = call.authorise('audit-read', resource('events'))
      const to = time(input.to) ?? call.now() + 1000
      return { rows: await audit.summary(grant, call, input.view, { from: time(input.from) ?? to - 30 * 86_400_000, to, limit: input.limit }) }
    },
    async verify(_input, call) {
      const report = await audit.verify(call.authorise('audit-read', resource('verify')), call)
      return { ...report, findings: report.findings.map(({ stream, seq, kind, message }) => ({ kind, message, ...(stream === undefined ? {} : { stream }), ...(seq === undefined ? {} : { seq }) })) }
    },
  })
