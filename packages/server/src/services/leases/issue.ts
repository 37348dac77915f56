// A lease is written down before its credential is made, and counts once the audit record of the request is there.

import { makeBase62, makeUuidV7 } from '../../crypto/random.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { LeaseAnswer, LeaseIssuer, NewLease } from '../../kernel/ports/lease.ts'
import type { Mount } from '../../kernel/tenancy.ts'
import type { LeasePorts } from './ports.ts'
import * as repository from './repository.ts'
import { abandon } from './revocation.ts'
import type { LeaseRow } from './rows.ts'
import { lifeOf } from './terms.ts'

const RANDOM_BYTES = 18

const rowOf = (ports: LeasePorts, call: Call, mount: Mount, wanted: NewLease): LeaseRow => {
  const issuedAt = Math.trunc(call.now())
  const { carried, expiresAt } = call.caller ?? {}
  // A batch token has no row with which a lease could end: its leases end with what it was made from, and live no longer than it does.
  const most = carried === undefined || expiresAt === undefined ? 0 : Math.max(1, Math.floor((expiresAt - issuedAt) / 1000))
  const maxTtlSeconds = most === 0 ? wanted.maxTtlSeconds : wanted.maxTtlSeconds === 0 ? most : Math.min(wanted.maxTtlSeconds, most)
  const life = lifeOf({ incrementSeconds: 0, ageSeconds: 0 }, { ...wanted, maxTtlSeconds }, ports.limitsOf(mount))
  if (life === undefined || call.caller === undefined) throw fail('internal', 'lease.no_life', 'A lease needs a holder and a life longer than nothing.')
  return {
    leaseId: makeUuidV7(issuedAt),
    name: `${mount.path}/${wanted.path}/${makeBase62(RANDOM_BYTES)}`,
    mountId: mount.mountId,
    kind: wanted.kind,
    tokenId: carried === undefined ? call.caller.tokenId : carried.token.parentId,
    renewable: wanted.renewable,
    ttlSeconds: life.seconds,
    maxTtlSeconds,
    issuedAt,
    expiresAt: issuedAt + life.seconds * 1000,
    lastRenewedAt: undefined,
    state: 'pending',
    attempts: 0,
    lastError: '',
    rowVersion: 1,
  }
}

const answerOf = async (ports: LeasePorts, orgId: string, row: LeaseRow): Promise<LeaseAnswer> => {
  const shortId = await ports.shortIdOf(orgId)
  return { leaseId: shortId === undefined ? row.name : `${row.name}.${shortId}`, renewable: row.renewable, leaseDuration: row.ttlSeconds }
}

export const makeIssuer = (ports: LeasePorts): LeaseIssuer => ({
  async issue<T>(_grant: Grant, call: Call, wanted: NewLease, create: (expiresAt: number) => Promise<T>) {
    const { orgId, mount } = call
    if (mount === undefined) throw fail('internal', 'lease.no_mount', 'A lease belongs to a mount.')
    const row = rowOf(ports, call, mount, wanted)
    const key = (await ports.keys(orgId)).purpose('rows')
    await ports.database.transaction(orgId, async (tx) => {
      await repository.insertPending(tx, orgId, row, { key, graceSeconds: ports.timing.graceSeconds })
      await ports.notes.put(tx, orgId, row.leaseId, wanted.internal)
    })
    try {
      const made = await create(row.expiresAt)
      call.audit.metadata = { ...call.audit.metadata, leaseId: row.leaseId }
      await auditedWrite(ports.database, call, {}, async (tx) => {
        if (!(await repository.activate(tx, orgId, row))) throw fail('permission_denied', 'lease.ended', 'The token, or the mount, ended while the credential was made. It was revoked.')
      })
      return { lease: await answerOf(ports, orgId, row), made }
    } catch (error) {
      // If this fails too, the queue finds the row when its grace is over.
      await abandon(ports, orgId, row.leaseId).catch(() => undefined)
      throw error
    }
  },
})
