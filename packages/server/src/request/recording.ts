// From a call to its audit records, and from records to the moment from which an answer may leave.

import { eventTypeOf, type AuditEvent } from '../kernel/audit.ts'
import type { AuditDraft, Caller } from '../kernel/call.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import type { AuditJournal } from './ports.ts'

export interface Recorded {
  readonly orgId: string
  readonly requestId: string
  readonly door: string
  readonly sourceIp: string | undefined
  readonly caller: Caller | undefined
  /** Whether the record says what the token is. */
  readonly detailed?: boolean | undefined
}

/** The event of a draft: who from the call, what from the draft. */
export const eventOf = (recorded: Recorded, draft: AuditDraft, facts: { readonly action: string; readonly status: number; readonly at: number; readonly errorCode?: string | undefined }): AuditEvent => ({
  id: makeUuidV7(facts.at),
  at: facts.at,
  orgId: recorded.orgId,
  eventType: eventTypeOf(facts.action),
  action: facts.action,
  actorType: recorded.caller?.actorType ?? 'anonymous',
  actorId: recorded.caller?.principalId,
  principal: recorded.caller?.principal,
  sourceIp: recorded.sourceIp,
  requestId: recorded.requestId,
  door: recorded.door,
  project: draft.project,
  environment: draft.environment,
  path: draft.path,
  version: draft.version,
  resourceType: draft.resourceType,
  resourceId: draft.resourceId,
  decision: draft.denied === true ? 'DENY' : 'ALLOW',
  status: facts.status,
  rule: draft.rule,
  accessorHmac: recorded.caller?.accessorHmac,
  errorCode: facts.errorCode,
  holder: recorded.detailed === true ? recorded.caller?.holder : undefined,
  request: draft.request,
  metadata: draft.metadata,
})

/** Resolves when the record is on stable storage. @throws internal audit_unavailable */
export const append = (journal: Pick<AuditJournal, 'append'>, record: string): Promise<void> =>
  new Promise((resolve, reject) => {
    journal.append(record, (error) => {
      if (error === undefined) resolve()
      else reject(error)
    })
  })

/** Resolves when all records are on stable storage. They share a frame, so that a batch costs one flush. @throws internal audit_unavailable */
export const durable = (journal: AuditJournal, records: readonly string[], links: readonly { readonly orgId: string; readonly at: number; readonly id: string; readonly digest: Buffer; readonly record?: string }[]): Promise<void> =>
  new Promise((resolve, reject) => {
    let waiting = records.length + links.length
    if (waiting === 0) resolve()
    const done = (error: Error | undefined): void => {
      if (error !== undefined) reject(error)
      else if (--waiting === 0) resolve()
    }
    for (const record of records) journal.append(record, done)
    for (const link of links) journal.appendLink(link, done)
  })
