// Engines' leases as their holders and operators see them: found, listed, renewed, ended. Names are without the organization's
// short id here.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { LeasePorts } from './ports.ts'
import * as repository from './repository.ts'
import { endSome, heldOf, within, type RevokeOptions } from './revocation.ts'
import { checkedLease, type LeaseRow } from './rows.ts'
import { lifeOf } from './terms.ts'

const WAIT_MS = 30_000
const POLL_MS = 100

export const find = async (ports: LeasePorts, orgId: string, name: string): Promise<LeaseRow | undefined> => {
  const keys = await ports.keys(orgId)
  const stored = await ports.database.transaction(orgId, (tx) => repository.findByName(tx, orgId, name), { readOnly: true })
  return stored === undefined ? undefined : checkedLease(stored, keys.purposeVersions('rows'))
}

export const listBelow = async (ports: LeasePorts, orgId: string, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly LeaseRow[]> => {
  const keys = await ports.keys(orgId)
  const stored = await ports.database.transaction(orgId, (tx) => repository.listBelow(tx, orgId, prefix, page), { readOnly: true })
  return stored.map((each) => checkedLease(each, keys.purposeVersions('rows')))
}

/** Every name directly below a prefix, of tokens' leases, too. */
export const children = async (ports: LeasePorts, orgId: string, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly string[]> => repository.children(ports.database, orgId, prefix, page)

export interface RenewedLease {
  readonly row: LeaseRow
  readonly seconds: number
  readonly warnings: readonly string[]
}

const bad = (code: string, message: string): Error => fail('invalid_request', code, message)

/** @throws invalid_request in Vault's words */
export const renew = async (ports: LeasePorts, _grant: Grant, call: Call, row: LeaseRow, incrementSeconds: number): Promise<RenewedLease> => {
  const { orgId } = call
  const now = Math.trunc(call.now())
  if (row.state === 'irrevocable') throw bad('lease.irrevocable', 'lease is expired and has failed previous revocation attempts')
  if (row.state !== 'active' || row.expiresAt <= now) throw bad('lease.expired', 'lease expired')
  if (!row.renewable) throw bad('lease.not_renewable', 'lease is not renewable')
  const held = await heldOf(ports, orgId, row)
  const kind = ports.kindOf(held.mount, row.kind)
  const terms = (await kind?.terms?.(held)) ?? { ttlSeconds: row.ttlSeconds, maxTtlSeconds: row.maxTtlSeconds }
  const life = lifeOf({ incrementSeconds, ageSeconds: Math.max(0, Math.floor((now - row.issuedAt) / 1000)) }, terms, ports.limitsOf(held.mount))
  if (life === undefined) throw bad('lease.past_max_ttl', 'past the max TTL, cannot renew')
  const renewed: LeaseRow = { ...row, expiresAt: now + life.seconds * 1000, lastRenewedAt: now, rowVersion: row.rowVersion + 1 }
  // The credential first: one that outlives its row by a failure is dropped with the row all the same.
  if (kind?.renew !== undefined) await within(ports.timing.revokeMs, kind.renew(held, renewed.expiresAt))
  const key = (await ports.keys(orgId)).purpose('rows')
  call.audit.resourceId = row.leaseId
  await auditedWrite(ports.database, call, {}, async (tx) => {
    if (!(await repository.extend(tx, orgId, renewed, key))) throw bad('lease.changed', 'lease was renewed or revoked at the same time; look it up and try again')
  })
  return { row: renewed, seconds: life.seconds, warnings: life.warnings }
}

const pause = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, POLL_MS) })

/** Ends leases and waits until they have ended. Undefined: all did; else the words of the first that did not. */
export const endNow = async (ports: LeasePorts, orgId: string, which: { readonly name: string } | { readonly prefix: string }, options: RevokeOptions = {}): Promise<string | undefined> => {
  const until = performance.now() + WAIT_MS
  for (;;) {
    const { outcomes, full } = await endSome(ports, orgId, which, options)
    const failed = outcomes.find(({ error }) => error !== undefined)
    if (failed !== undefined) return `failed to revoke ${JSON.stringify(failed.name)}: ${failed.error ?? ''}`
    if (full || outcomes.length > 0) continue
    if (!(await ports.database.transaction(orgId, (tx) => repository.isClaimed(tx, orgId, which), { readOnly: true }))) return undefined
    if (performance.now() > until) return 'the lease is being revoked; the revocation goes on'
    await pause()
  }
}
