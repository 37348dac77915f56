// Freshness as a whole, one per process: caches that cannot lie (architecture, section 7; docs/adr/0007-freshness.md).

import { CacheRegion, type RegionOptions } from './cache.ts'
import { Confirmer, type ConfirmOptions } from './confirm.ts'
import { DatabaseTime, type TimeDisagreement } from './database-time.ts'
import { Notifier } from './notifier.ts'
import { Rounds } from './rounds.ts'
import { WorkerLease } from './lease.ts'
import { asCofferError, type CofferError } from '../../kernel/errors.ts'
import type { Change, ChangeSink } from './changes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Queryable } from '../../kernel/storage.ts'

/** A connection that listens and comes back by itself; it calls once after each connect, too. */
export interface WakeListener {
  close(): Promise<void>
}

export interface FreshnessOptions {
  /** The primary, as the app role. Its own small pool: rounds must not queue behind requests. */
  readonly database: Queryable
  readonly clock: Clock
  readonly nodeId: string
  /** Listens on `changesChannel`. */
  readonly listen: (onWake: () => void) => Promise<WakeListener>
  readonly hooks?: FreshnessHooks | undefined
}

export interface FreshnessHooks {
  /** A round, a wake-up or the listener failed; it is tried again. */
  readonly onFailure?: ((error: CofferError) => void) | undefined
  readonly onTimeSuspect?: ((by: TimeDisagreement) => void) | undefined
}

export interface FreshnessState {
  readonly workerId: string
  readonly leaseUsable: boolean
  readonly leaseRemainingMs: number
  readonly timeSuspect: boolean
  readonly confirmsWaiting: number
}

const sweepEveryMs = 1_000
const listenRetryMs = 1_000

export class Freshness {
  readonly lease: WorkerLease
  readonly time: DatabaseTime
  readonly #options: FreshnessOptions
  readonly #regions: Pick<CacheRegion<never>, 'apply' | 'clear' | 'sweep'>[] = []
  readonly #rounds: Rounds
  readonly #notifier: Notifier
  readonly #confirmer: Confirmer
  #listener: WakeListener | undefined
  #timers: NodeJS.Timeout[] = []
  #stopped = false

  constructor(options: FreshnessOptions) {
    const { database, clock, nodeId, hooks } = options
    const onFailure = (error: unknown): void => hooks?.onFailure?.(asCofferError(error))
    const sink: ChangeSink = { apply: (changes) => this.applyLocal(changes), clear: () => this.clear() }
    this.#options = options
    this.time = new DatabaseTime({ clock, onSuspect: hooks?.onTimeSuspect })
    this.lease = new WorkerLease({ database, clock, nodeId, sink, time: this.time })
    this.#rounds = new Rounds({ lease: this.lease, clock, onFailure })
    this.#notifier = new Notifier(database, onFailure)
    this.#confirmer = new Confirmer({ database, clock, time: this.time, wake: () => this.#wakeAll() })
  }

  /** A cache under this worker's lease. Register before `start`. */
  region<V>(options: RegionOptions<V>): CacheRegion<V> {
    const region = new CacheRegion<V>(options, { lease: this.lease, clock: this.#options.clock })
    this.#regions.push(region)
    return region
  }

  /** Something else that follows the feed: keys, streams. Register before `start`. */
  observe(sink: ChangeSink): void {
    this.#regions.push({ apply: (changes) => sink.apply(changes), clear: () => sink.clear(), sweep: () => undefined })
  }

  /** Resolves after the first round, also when the database is away: the lease then comes when it can. */
  async start(): Promise<void> {
    this.#rounds.start()
    const sweeper = setInterval(() => this.#regions.forEach((region) => region.sweep()), sweepEveryMs)
    this.#timers.push(sweeper.unref())
    await Promise.all([this.#rounds.next(), this.#listen()])
  }

  /** Ends the lease and wipes the caches. */
  async close(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#rounds.stop()
    await this.#listener?.close()
    try {
      await this.lease.close()
    } catch (error) {
      this.#options.hooks?.onFailure?.(asCofferError(error)) // the row ends by itself
    }
  }

  /** After an ordinary write's commit: others see it within milliseconds. */
  poke(): void {
    this.#notifier.poke()
    this.#rounds.wake()
  }

  /** Drops from this worker's caches what its own committed write changed, before its answer. */
  applyLocal(changes: readonly Change[]): void {
    for (const region of this.#regions) region.apply(changes)
  }

  /** After the commit of a revocation, deletion, disabling or policy change, before its answer. Throws `freshness.unconfirmed` when cut off. */
  confirm(xid: string, options?: ConfirmOptions): Promise<void> {
    return this.#confirmer.confirm(xid, options)
  }

  /** Milliseconds since the epoch by the database's clock; every expiry is judged by it. */
  databaseNow(): number {
    return this.time.now()
  }

  get timeSuspect(): boolean {
    return this.time.suspect
  }

  state(): FreshnessState {
    return {
      workerId: this.lease.workerId,
      leaseUsable: this.lease.usable(),
      leaseRemainingMs: this.lease.remainingMs(),
      timeSuspect: this.time.suspect,
      confirmsWaiting: this.#confirmer.waiting,
    }
  }

  clear(): void {
    for (const region of this.#regions) region.clear()
  }

  #wakeAll(): Promise<void> {
    this.#notifier.poke()
    return this.#rounds.next()
  }

  async #listen(): Promise<void> {
    try {
      const listener = await this.#options.listen(() => this.#rounds.wake())
      if (this.#stopped) await listener.close()
      else this.#listener = listener
    } catch (error) {
      this.#options.hooks?.onFailure?.(asCofferError(error))
      if (!this.#stopped) this.#timers.push(setTimeout(() => void this.#listen(), listenRetryMs).unref())
    }
  }
}
