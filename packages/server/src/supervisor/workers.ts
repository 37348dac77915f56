// All workers together: brought up, unsealed, sealed by replacement, measured, stopped.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessSnapshot } from '../telemetry/metrics.ts'
import type { Notice } from './control/protocol.ts'
import { startsAtOnce } from './worker-process.ts'
import type { StreamWriter } from './spools.ts'
import { WorkerSlot, type SlotOptions } from './slot.ts'

export interface WorkersOptions extends Omit<SlotOptions, 'index'> {
  readonly count: number
}

const metricsDeadlineMs = 2_000

export class Workers {
  readonly #slots: readonly WorkerSlot[]

  constructor({ count, ...options }: WorkersOptions) {
    this.#slots = Array.from({ length: count }, (_, index) => new WorkerSlot({ ...options, index }))
  }

  /** Resolves when every worker listens; the first failure of any is the server's. */
  async start(): Promise<void> {
    for (let at = 0; at < this.#slots.length; at += startsAtOnce) await Promise.all(this.#slots.slice(at, at + startsAtOnce).map((slot) => slot.start()))
  }

  get pids(): readonly number[] {
    return this.#slots.flatMap((slot) => slot.current?.pid ?? [])
  }

  get listening(): number {
    return this.#slots.filter((slot) => slot.isListening).length
  }

  get writers(): readonly StreamWriter[] {
    return this.#slots.flatMap((slot) => slot.writers)
  }

  /** Resolves when every worker that can has opened its keys. */
  async unseal(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.unseal()))
  }

  /** Resolves when every worker has the root key that is held now, or is being replaced. */
  async replaceRoot(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.replaceRoot()))
  }

  /**
   * Replaces all workers by processes that never saw a key. Resolves when all but the asking one are gone; that one
   * still has an answer to give, and follows when `finish` is called.
   */
  async replace(asking: number | undefined): Promise<{ finish(): Promise<void> }> {
    const prepared = await Promise.all(this.#slots.map(async (slot) => ({ index: slot.index, exchange: await slot.prepareReplacement() })))
    await Promise.all(prepared.filter(({ index }) => index !== asking).map(({ exchange }) => exchange()))
    return { finish: async () => prepared.find(({ index }) => index === asking)?.exchange() }
  }

  /** What each worker has counted; one that does not answer in time is left out. */
  async metrics(): Promise<readonly ProcessSnapshot[]> {
    const deadline = new AbortController()
    const late = sleep(metricsDeadlineMs, undefined, { signal: deadline.signal }).catch(() => undefined)
    const all = await Promise.all(
      this.#slots.map(async ({ current, index }): Promise<readonly ProcessSnapshot[]> => {
        const families = await Promise.race([current?.metrics().catch(() => undefined), late])
        return families === undefined ? [] : [{ labels: { worker: String(index) }, families }]
      }),
    )
    deadline.abort()
    return all.flat()
  }

  /** Tells every worker; one that is just being replaced learns it from its assignment. */
  async notice(notice: Notice): Promise<void> {
    await Promise.allSettled(this.#slots.flatMap((slot) => (slot.current === undefined ? [] : [slot.current.notice(notice)])))
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop(deadlineMs)))
  }

  kill(): void {
    for (const slot of this.#slots) slot.kill()
  }
}
