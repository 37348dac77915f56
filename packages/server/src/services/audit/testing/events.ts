// Audit events for tests, and a process that writes and ships them until it is killed.
import { makeUuidV7 } from '../../../crypto/random.ts'
import type { AuditEvent } from '../../../kernel/audit.ts'
import { systemClock } from '../../../lib/clock.ts'

export const orgA = '0198c5d2-7a00-7abc-9def-00000000000a'
export const orgB = '0198c5d2-7a00-7abc-9def-00000000000b'

export const auditEvent = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  id: makeUuidV7(), at: systemClock.wall(), orgId: orgA, eventType: 'SECRET_REVEAL', action: 'secret.reveal', actorType: 'service_account', principal: 'service:prod:payments-api',
  sourceIp: '10.2.4.17', requestId: makeUuidV7(), door: 'rest', project: 'secret', environment: 'prod', path: 'payments/stripe-api-key', version: 42, decision: 'ALLOW', status: 200, ...over,
})
