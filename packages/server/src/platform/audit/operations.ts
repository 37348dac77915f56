// The contracts of the audit record on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'
import { eventFields, text } from './fields.ts'

const tag = 'audit'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const

export const search = operation({
  id: 'audit.search', method: 'GET', path: '/api/v1/audit/events', tag, access: 'policy', audit: 'audit.search', work: 'list',
  summary: 'Search the audit record, newest first',
  input: {
    from: f.time('Not before').optional(), to: f.time('Before').optional(), principal: text('Who', 256).optional(), action: text('Action, or its first part', 64).optional(), eventType: text('Event type', 64).optional(),
    project: text('Project', 128).optional(), environment: text('Environment', 128).optional(), path: text('Path, or its beginning with * at the end', 512).optional(),
    decision: f.choice('Decision', ['ALLOW', 'DENY']).optional(), requestId: text('Request', 64).optional(),
    after: f.text('Cursor of the page before', { max: 2048 }).optional(), limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100),
  },
  output: { items: f.list('Events', f.object('An event', eventFields), { max: 500 }), next: f.text('Cursor of the next page', { max: 2048 }).optional() }, errors: common,
})

export const summary = operation({
  id: 'audit.summary', method: 'GET', path: '/api/v1/audit/summary', tag, access: 'policy', audit: 'audit.summary', work: 'list',
  summary: 'Counts: reads by principal, reads by secret, denied reads, break-glass reads',
  input: { view: f.choice('View', ['reads-by-principal', 'reads-by-secret', 'denied-reads', 'break-glass-reads']), from: f.time('Not before').optional(), to: f.time('Before').optional(), limit: f.int('Most rows', { min: 1, max: 500 }).default(50) },
  output: { rows: f.list('Rows', f.object('A row', { name: text('Principal or secret', 1024), count: f.int('How many', { min: 0, max: Number.MAX_SAFE_INTEGER }) }), { max: 500 }) }, errors: common,
})

export const verify = operation({
  id: 'audit.verify', method: 'POST', path: '/api/v1/audit/verify', tag, access: 'policy', audit: 'audit.verify', work: 'list',
  summary: 'Check the audit record for edits, gaps, reordering and removal',
  input: {},
  output: {
    intact: f.bool('Whether nothing was found'), streams: f.int('Streams that were checked', { min: 0, max: 1_000_000 }), frames: f.int('Frames that were checked', { min: 0, max: Number.MAX_SAFE_INTEGER }), records: f.int('Records that were checked', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    findings: f.list('What is wrong', f.object('A finding', { stream: text('Stream', 64).optional(), seq: f.int('Sequence number', { min: 0, max: Number.MAX_SAFE_INTEGER }).optional(), kind: text('edit, gap, ...', 64), message: text('In a sentence', 1024) }), { max: 1000 }),
    cannotSee: f.list('What this check cannot tell', text('Limit', 1024), { max: 16 }),
  }, errors: common,
})
