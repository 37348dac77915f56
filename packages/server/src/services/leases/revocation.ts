// Ending credentials. Whoever revokes claims the lease first, asks the engine outside of any transaction, and removes the row
// when it is done. A claim that its holder did not live to finish runs out, and the next one starts over: engines revoke
// idempotently. A failure is tried again with growing pauses; after several it is irrevocable, which somebody should look
// into, and is tried once a day.

import { makeUuidV7, jitter } from '../../crypto/random.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import type { HeldLease } from '../../kernel/ports/lease.ts'
import type { LeasePorts } from './ports.ts'
import * as repository from './repository.ts'
import { checkedLease, type LeaseRow, type StoredLease } from './rows.ts'

const MOST_ATTEMPTS = 6
const DAY_SECONDS = 86_400
const MOST_RETRY_SECONDS = 1800
/** As long as Vault's, and short enough for a column and a line of a list. */
const ERROR_LENGTH = 240

export interface Outcome {
  readonly name: string
  /** Undefined: it has ended. */
  readonly error: string | undefined
}

export const heldOf = async (ports: LeasePorts, orgId: string, row: LeaseRow): Promise<HeldLease> => {
  const mount = await ports.mountOf(orgId, row.mountId)
  const internal = await ports.notes.get(orgId, row.leaseId)
  if (mount === undefined || internal === undefined) throw fail('internal', 'lease.incomplete', 'What is needed to end this lease is not there any more.')
  const shortId = await ports.shortIdOf(orgId)
  return { orgId, leaseId: shortId === undefined ? row.name : `${row.name}.${shortId}`, mount, kind: row.kind, internal, issuedAt: row.issuedAt, expiresAt: row.expiresAt, state: ports.state(orgId, row.mountId) }
}

/** Settles when the work does, or rejects when that takes too long; the work then goes on unwatched. */
export const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(fail('upstream_failed', 'lease.timeout', `The engine did not answer within ${Math.round(ms / 1000)} seconds.`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const endOutside = async (ports: LeasePorts, orgId: string, stored: StoredLease): Promise<string> => {
  const keys = await ports.keys(orgId)
  const row = checkedLease(stored, keys.purposeVersions('rows'))
  const held = await heldOf(ports, orgId, row)
  const kind = ports.kindOf(held.mount, row.kind)
  if (kind === undefined) throw fail('unavailable', 'lease.no_engine', `No engine of this server knows leases of the kind ${row.kind}.`)
  await within(ports.timing.revokeMs, kind.revoke(held))
  return held.mount.path
}

/** Only words of our own: what a driver says may quote what it was given. */
const wordsOf = (error: unknown): { readonly text: string; readonly code: string } =>
  isCofferError(error) ? { text: error.message.slice(0, ERROR_LENGTH), code: error.code } : { text: 'The engine failed; the log of the server says how.', code: 'internal' }

const drop = (ports: LeasePorts, orgId: string, stored: StoredLease, claimId: string): Promise<boolean> =>
  ports.database.transaction(orgId, async (tx) => {
    const removed = await repository.remove(tx, orgId, stored.lease_id, claimId)
    if (removed) await ports.notes.delete(tx, orgId, stored.lease_id)
    return removed
  })

const retrySeconds = (ports: LeasePorts, attempts: number): number => (attempts >= MOST_ATTEMPTS ? DAY_SECONDS : jitter(Math.min(MOST_RETRY_SECONDS, ports.timing.retrySeconds * 2 ** (attempts - 1)), 0.2))

export interface RevokeOptions {
  /** Forgets the lease even when its engine fails: the credential may live on. */
  readonly force?: boolean
}

/** Ends one claimed lease. Never throws. */
const endClaimed = async (ports: LeasePorts, orgId: string, { stored, claimId, force }: RevokeOptions & { readonly stored: StoredLease; readonly claimId: string }): Promise<Outcome & { readonly cause?: unknown }> => {
  const event = { leaseId: stored.lease_id, name: stored.name }
  try {
    const mount = await endOutside(ports, orgId, stored)
    if (await drop(ports, orgId, stored, claimId)) await ports.record(orgId, { action: 'lease.revoke', ...event, mount })
    return { name: stored.name, error: undefined }
  } catch (cause) {
    const { text, code } = wordsOf(cause)
    const noted = { action: 'lease.revoke-failed', ...event, mount: '', errorCode: code } as const
    try {
      if (force === true) await drop(ports, orgId, stored, claimId)
      else await ports.database.transaction(orgId, (tx) => repository.noteFailure(tx, orgId, stored.lease_id, { claimId, error: text, retrySeconds: retrySeconds(ports, stored.attempts), irrevocable: stored.attempts >= MOST_ATTEMPTS }))
      await ports.record(orgId, noted)
    } catch {
      // The claim runs out by itself, and whoever takes it then starts over.
    }
    return { name: stored.name, error: force === true ? undefined : text, cause }
  }
}

/** All of a batch are ended at once, so that each has the whole of its time before the claim runs out. */
const BATCH = 8

export interface Batch {
  readonly outcomes: readonly (Outcome & { readonly cause?: unknown })[]
  /** Whether there may be more. */
  readonly full: boolean
}

/** Claims some leases and ends them. */
export const endSome = async (ports: LeasePorts, orgId: string, which: repository.Due, options: RevokeOptions = {}): Promise<Batch> => {
  const claimId = makeUuidV7()
  const claimed = await ports.database.transaction(orgId, (tx) => repository.claim(tx, orgId, which, { id: claimId, seconds: ports.timing.claimSeconds, limit: BATCH }))
  const outcomes = await Promise.all(claimed.map((stored) => endClaimed(ports, orgId, { stored, claimId, ...options })))
  return { outcomes, full: claimed.length === BATCH }
}

/** A lease that was written down for a credential whose making failed: ended now if that works, else by the queue. */
export const abandon = async (ports: LeasePorts, orgId: string, leaseId: string): Promise<void> => {
  const claimId = makeUuidV7()
  const claimed = await ports.database.transaction(orgId, (tx) => repository.claimPending(tx, orgId, leaseId, { id: claimId, seconds: ports.timing.claimSeconds }))
  for (const stored of claimed) await endClaimed(ports, orgId, { stored, claimId })
}
