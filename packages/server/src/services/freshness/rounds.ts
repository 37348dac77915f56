// When the lease's rounds run: a full one twice a second, which is also the poll of the feed, and one without renewal
// as soon as something may have changed. One at a time; wakes during a round share the next.

import type { Clock } from '../../lib/clock.ts'
import type { WorkerLease } from './lease.ts'

const renewEveryMs = 500
/** Under a stream of changes, how long to gather before the next round. A wake after a quiet time does not wait. */
const gatherMs = 4
const retryMs = 50
const slowestRetryMs = 400

export interface RoundsOptions {
  readonly lease: WorkerLease
  readonly clock: Clock
  readonly onFailure: (error: unknown) => void
}

interface Waiter {
  readonly resolve: () => void
}

export class Rounds {
  readonly #options: RoundsOptions
  readonly #clock: Clock
  #renewedAt = -Infinity
  #startedAt = -Infinity
  #woken = false
  #stopped = false
  #nudge: () => void = () => undefined
  #waiting: Waiter[] = []
  #running: Promise<void> | undefined

  constructor(options: RoundsOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  start(): void {
    this.#running ??= this.#loop()
  }

  /** Something may have changed: read the feed now. */
  wake(): void {
    this.#woken = true
    this.#nudge()
  }

  /** Resolves after the first round that begins from now on, whether or not it succeeded. */
  next(): Promise<void> {
    if (this.#stopped || this.#running === undefined) return Promise.resolve()
    const promise = new Promise<void>((resolve) => this.#waiting.push({ resolve }))
    this.wake()
    return promise
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#nudge()
    await this.#running
    this.#settle(this.#waiting.splice(0))
  }

  async #loop(): Promise<void> {
    for (let failures = 0; !this.#stopped; ) {
      failures = (await this.#one()) ? 0 : failures + 1
      if (this.#stopped) return
      if (failures > 0) await this.#pause(Math.min(retryMs * failures, slowestRetryMs), false)
      else if (this.#woken) await this.#pause(gatherMs - (this.#clock.monotonic() - this.#startedAt), false)
      else await this.#pause(renewEveryMs - (this.#clock.monotonic() - this.#renewedAt), true)
    }
  }

  async #one(): Promise<boolean> {
    this.#woken = false
    const waiters = this.#waiting.splice(0)
    this.#startedAt = this.#clock.monotonic()
    const renew = this.#startedAt - this.#renewedAt >= renewEveryMs || !this.#options.lease.usable()
    try {
      await this.#options.lease.round(renew)
      if (renew) this.#renewedAt = this.#startedAt
      return true
    } catch (error) {
      this.#options.onFailure(error)
      return false
    } finally {
      this.#settle(waiters)
    }
  }

  #settle(waiters: readonly Waiter[]): void {
    for (const { resolve } of waiters) resolve()
  }

  /** A stop ends every pause at once, a wake only those that say so. */
  #pause(ms: number, wakeable: boolean): Promise<void> {
    if (ms <= 0 || this.#stopped || (wakeable && this.#woken)) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#nudge = () => undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#nudge = () => {
        if (wakeable || this.#stopped) done()
      }
    })
  }
}
