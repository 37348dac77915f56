// Waits until no worker can serve what a committed write revoked (architecture, section 7): in new snapshots, until every
// worker has applied a snapshot that saw the write, or its lease has passed in database time. One loop serves all who
// wait; a look counts only for those who were waiting before it was sent.

import { fail } from '../../kernel/errors.ts'
import { isVisible, parseSnapshot, parseXid, type Snapshot } from './snapshot.ts'
import { leaseMs } from './lease.ts'
import type { Clock } from '../../lib/clock.ts'
import type { DatabaseTime } from './database-time.ts'
import type { Queryable } from '../../kernel/storage.ts'

/** Longer than a lease, so that a worker that died does not fail a revocation. */
const defaultTimeoutMs = 5_000
/** Only a database clock that has kept pace for this long says that a lease has passed: what it said before a step may be wrong by the step. */
const trustAfterMs = leaseMs * 1.1
const firstPauseMs = 1
const longestPauseMs = 50

export interface ConfirmOptions {
  readonly timeoutMs?: number | undefined
}

export interface ConfirmerOptions {
  readonly database: Queryable
  readonly clock: Clock
  readonly time: DatabaseTime
  /** Wakes every worker, this one included, and resolves when this one has tried to catch up. */
  readonly wake: () => Promise<void>
}

interface Waiter {
  readonly xid: bigint
  readonly done: () => void
}

interface Row {
  readonly now: number
  readonly timeline: string
  readonly lapsed: boolean | null
  readonly applied: string | null
}

/** The timeline of a database that was never promoted nor restored. */
const firstTimeline = '00000001'

// One row without worker when there is none. pg_walfile_name fails on a standby: only the primary confirms.
const lookSql = `select extract(epoch from at)::float8 * 1000 as now, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline,
    w.lease_until <= at as lapsed, w.applied_snapshot::text as applied
  from (select clock_timestamp() as at) as clock left join worker_leases w on true`

export class Confirmer {
  readonly #options: ConfirmerOptions
  readonly #clock: Clock
  readonly #waiting = new Set<Waiter>()
  #looking = false
  #timeline = firstTimeline
  #heldUntil = -Infinity

  constructor(options: ConfirmerOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Call after the commit of transaction `xid` (xid8 as text), before the answer. */
  confirm(xid: string, { timeoutMs = defaultTimeoutMs }: ConfirmOptions = {}): Promise<void> {
    const id = parseXid(xid)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter)
        reject(unconfirmed())
      }, timeoutMs)
      const waiter: Waiter = {
        xid: id,
        done: () => {
          this.#waiting.delete(waiter)
          clearTimeout(timer)
          resolve()
        },
      }
      this.#waiting.add(waiter)
      const woken = this.#options.wake()
      if (!this.#looking) void this.#look(woken)
    })
  }

  async #look(woken: Promise<void>): Promise<void> {
    this.#looking = true
    // Looking before this worker has caught up would be for nothing. It never waits long for a database that hangs.
    await Promise.race([woken, sleep(longestPauseMs)])
    for (let pause = firstPauseMs; this.#waiting.size > 0; pause = Math.min(pause * 2, longestPauseMs)) {
      const before = this.#waiting.size
      await this.#lookOnce([...this.#waiting])
      if (this.#waiting.size === 0) break
      if (this.#waiting.size !== before) pause = firstPauseMs
      await sleep(pause)
    }
    this.#looking = false
  }

  async #lookOnce(waiters: readonly Waiter[]): Promise<void> {
    const { database, time } = this.#options
    const sentMs = this.#clock.monotonic()
    let rows: readonly Row[]
    try {
      rows = (await database.query<Row>(lookSql, [], { name: 'freshness_look' })).rows
    } catch {
      return // the database is away: look again until time is up
    }
    const receivedMs = this.#clock.monotonic()
    const first = rows[0]
    if (first === undefined) return
    time.observe({ sentMs, receivedMs, databaseMs: first.now })
    if (this.#isHeld(first.timeline, receivedMs)) return
    const trusted = receivedMs - time.steadySince >= trustAfterMs
    const behind = rows.filter(({ lapsed }) => lapsed !== null && !(lapsed && trusted)).map(({ applied }) => (applied === null ? undefined : parseSnapshot(applied)))
    for (const { xid, done } of waiters) if (behind.every((applied) => hasSeen(applied, xid))) done()
  }

  /**
   * A promoted standby may lack the last rows of the old primary and give out its transaction ids again, so nothing in
   * the table counts until every lease of the old one has ended.
   */
  #isHeld(timeline: string, at: number): boolean {
    if (timeline !== this.#timeline) {
      this.#timeline = timeline
      this.#heldUntil = at + trustAfterMs
    }
    return at < this.#heldUntil
  }
}

const hasSeen = (applied: Snapshot | undefined, xid: bigint): boolean => applied !== undefined && isVisible(xid, applied)

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const unconfirmed = () =>
  fail('unavailable', 'freshness.unconfirmed', 'The change is committed, but not yet confirmed by every server process; until it is, the old state may still be served for up to two seconds.')
