// The port over the audit record: searches and summaries of the caller's organization; verification of every chain.

import type { AuditPort } from '../platform/audit/index.ts'
import { searchEvents, summarise } from '../services/audit/query.ts'
import { verifyDatabase, verifyRecords } from '../services/audit/verify/database.ts'
import type { DomainParts } from './domain.ts'

export const makeAudit = ({ pools, journal, clock, rootOrgId }: DomainParts): AuditPort => ({
  async search(_grant, call, filter, page) {
    const found = await pools.app.transaction(call.orgId, (tx) => searchEvents(tx, filter, { cursor: page.cursor, limit: page.limit }), { readOnly: true })
    return { events: found.events, next: found.nextCursor }
  },
  async summary(_grant, call, view, range) {
    const rows = await pools.app.transaction(call.orgId, (tx) => summarise(tx, view, range), { readOnly: true })
    return rows.map(({ name, count }) => ({ name, count }))
  },
  async verify(_grant, call) {
    const chains = await verifyDatabase({ jobs: pools.jobs, keys: journal.verifyKeys, clock })
    const records = await verifyRecords({ database: pools.app, orgId: call.orgId, from: 0, to: clock.wall() + 60_000 })
    // Streams are a node's and hold every organization's records: how many there are is for the platform's operators.
    const isPlatform = call.orgId === rootOrgId
    const findings = [...(isPlatform ? chains.findings : chains.findings.filter(({ severity }) => severity === 'error')), ...records.findings]
    const others = 'Records of other organizations were not read: each verifies its own.'
    return {
      intact: findings.every(({ severity }) => severity !== 'error'),
      streams: isPlatform ? chains.streams.length : 0,
      frames: isPlatform ? chains.streams.reduce((sum, stream) => sum + stream.frames, 0) : 0,
      records: records.records,
      findings: findings.slice(0, 1000).map(({ stream, seq, kind, detail }) => ({ stream, seq, kind, message: detail })),
      // The chains alone say that no record was read; those of this organization were, just now.
      cannotSee: [others, ...(isPlatform ? chains.unseen.filter((limit) => !limit.startsWith('Records were not read')) : ['Streams were checked, but are not counted here: they belong to the platform.'])].slice(0, 16),
    }
  },
})
