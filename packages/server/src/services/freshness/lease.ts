// The worker's right to answer from its cache (architecture, section 7). Order: commit the renewal; in a new snapshot
// read the feed and apply it; record that snapshot; only then is the lease usable, until the monotonic time at which the
// renewal was sent + 2 s - 10 %. Who confirms a revocation sees either the snapshot or, in database time, the end of the
// lease; a renewal after that end is followed by a read of the feed that sees what was confirmed.

import { ChangeFeed, type FeedBatch } from './feed.ts'
import { fail } from '../../kernel/errors.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { ChangeSink } from './changes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { DatabaseTime } from './database-time.ts'
import type { Queryable } from '../../kernel/storage.ts'

export const leaseMs = 2_000
/** The clocks of two machines may run apart by this part of a lease. */
const usableMs = leaseMs * 0.9
/** A round that takes longer is given up: its answers are of no use to this lease. */
export const roundTimeoutMs = leaseMs

export interface WorkerLeaseOptions {
  readonly database: Queryable
  readonly clock: Clock
  readonly time: DatabaseTime
  readonly nodeId: string
  readonly sink: ChangeSink
}

const insertSql = `insert into worker_leases (worker_id, node_id, epoch, lease_until, applied_snapshot)
  values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond', null)
  on conflict (worker_id) do update set epoch = excluded.epoch, lease_until = excluded.lease_until, applied_snapshot = null
    where worker_leases.epoch < excluded.epoch
  returning extract(epoch from clock_timestamp())::float8 * 1000 as now`
const renewSql = `update worker_leases set lease_until = clock_timestamp() + $3 * interval '1 millisecond'
  where worker_id = $1 and epoch = $2
  returning extract(epoch from clock_timestamp())::float8 * 1000 as now`
const recordSql = 'update worker_leases set applied_snapshot = $3::pg_snapshot where worker_id = $1 and epoch = $2'
const endSql = 'delete from worker_leases where worker_id = $1'

/** Takes, keeps and loses the lease, a round at a time; who calls `round` when is `rounds.ts`. */
export class WorkerLease {
  /** One per process and never used again: two processes under one row would vouch for each other's caches. */
  readonly workerId = makeUuidV7()
  readonly #options: WorkerLeaseOptions
  readonly #clock: Clock
  readonly #feed: ChangeFeed
  #usableUntil = -Infinity
  #epoch = 0
  #held = false
  #round = 0
  #closed = false

  constructor(options: WorkerLeaseOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#feed = new ChangeFeed(options.database)
  }

  /** May this process answer from its cache now? Asked on every warm read. */
  usable(): boolean {
    return this.#clock.monotonic() < this.#usableUntil
  }

  /** The same for who has just read the clock. */
  usableAt(monotonicMs: number): boolean {
    return monotonicMs < this.#usableUntil
  }

  /** How much of the lease is left, for metrics; 0 without one. */
  remainingMs(): number {
    return Math.max(0, this.#usableUntil - this.#clock.monotonic())
  }

  /**
   * One round: the renewal if `renew` (or if there is no lease yet), then the feed, applied and recorded. A round that
   * fails or is given up changes nothing but what it has already invalidated. Rounds do not overlap.
   */
  async round(renew: boolean): Promise<void> {
    const mine = ++this.#round
    const working = this.#work(mine, renew || !this.#held)
    try {
      await withTimeout(working, roundTimeoutMs)
    } finally {
      // What is still on its way from a round that was given up must find a higher number.
      if (this.#round === mine) this.#round += 1
    }
  }

  /** Gives the lease back, so that nobody waits for its end. */
  async close(): Promise<void> {
    this.#closed = true
    this.#round += 1
    this.#drop()
    await withTimeout(this.#options.database.query(endSql, [this.workerId]), roundTimeoutMs)
  }

  async #work(mine: number, renew: boolean): Promise<void> {
    const renewedAt = renew ? await this.#renew(mine) : undefined
    const batch = await this.#feed.read()
    this.#check(mine)
    this.#apply(batch)
    const { count } = await this.#options.database.query(recordSql, [this.workerId, this.#epoch, batch.snapshot.text], { name: 'freshness_record' })
    this.#check(mine)
    if (count === 0) throw this.#lost()
    this.#feed.advance(batch)
    if (renewedAt !== undefined) this.#usableUntil = renewedAt + usableMs
  }

  /** The monotonic time at which the renewal was sent. */
  async #renew(mine: number): Promise<number> {
    const { database, nodeId, time } = this.#options
    const fresh = !this.#held
    const sentMs = this.#clock.monotonic()
    const { rows } = fresh
      ? await database.query<{ now: number }>(insertSql, [this.workerId, nodeId, ++this.#epoch, leaseMs])
      : await database.query<{ now: number }>(renewSql, [this.workerId, this.#epoch, leaseMs], { name: 'freshness_renew' })
    this.#check(mine)
    const now = rows[0]?.now
    if (now === undefined) throw this.#lost()
    this.#held = true
    time.observe({ sentMs, receivedMs: this.#clock.monotonic(), databaseMs: now })
    return sentMs
  }

  #apply(batch: FeedBatch): void {
    const { sink, time } = this.#options
    if (batch.broken) {
      this.#drop()
      time.disturb()
      throw fail('unavailable', 'freshness.history_changed', 'The database was replaced by another one. Try again shortly.')
    }
    if (batch.changes === 'everything') sink.clear()
    else if (batch.changes.length > 0) sink.apply(batch.changes)
  }

  /** The row is gone, so changes may have been pruned that were never read here. */
  #lost(): Error {
    this.#drop()
    return fail('unavailable', 'freshness.lease_lost', 'The lease of this worker was removed. Try again shortly.')
  }

  #drop(): void {
    this.#usableUntil = -Infinity
    this.#held = false
    this.#feed.forget()
    this.#options.sink.clear()
  }

  /** Stops a round that was given up before it can act on what it learns late. */
  #check(mine: number): void {
    if (this.#round !== mine || this.#closed) throw fail('unavailable', 'freshness.late', 'The database answered too late.')
  }
}

const withTimeout = async (work: Promise<unknown>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(fail('unavailable', 'freshness.late', 'The database answered too late.')), ms)
  })
  work.catch(() => undefined) // it may fail after it was given up
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
