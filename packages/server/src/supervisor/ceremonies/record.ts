// The record of a change of root key or slots, in the transaction of the change itself; the supervisor makes it, because
// the change is its own.

import { makeUuidV7 } from '../../crypto/random.ts'
import { eventTypeOf, type AuditEvent } from '../../kernel/audit.ts'
import { insertRecord } from '../../kernel/audited-write.ts'
import type { Asking } from '../../kernel/ports/ceremonies.ts'
import type { Transaction } from '../../kernel/storage.ts'
import { systemClock } from '../../lib/clock.ts'
import { writtenRecordOf } from '../../services/audit/records.ts'

export interface SealEvent extends Asking {
  readonly action: string
  readonly metadata?: Readonly<Record<string, string | number | boolean>>
}

/** Leaves the transaction confined to the organization root. */
export const recordSealEvent = async (tx: Transaction, rootOrgId: string, { action, metadata, requestId, sourceIp, principal }: SealEvent): Promise<void> => {
  const at = Math.trunc(systemClock.wall())
  const event: AuditEvent = {
    id: makeUuidV7(at), at, orgId: rootOrgId, eventType: eventTypeOf(action), action, actorType: principal === undefined ? 'anonymous' : 'user', principal, sourceIp,
    requestId, door: 'supervisor', decision: 'ALLOW', status: 200, metadata,
  }
  await tx.query("select set_config('coffer.org', $1, true)", [rootOrgId])
  await insertRecord(tx, rootOrgId, writtenRecordOf(event))
}
