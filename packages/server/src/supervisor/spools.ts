// The audit spools of dead workers. What they made durable is shipped from here, also while the server is sealed and no
// worker could: shipping needs no key. A stream counts as live from the moment its worker says so until that worker is gone.

import { systemClock } from '../lib/clock.ts'
import { isHeld } from '../services/audit/devices/holds.ts'
import { adoptDeadStreams } from '../services/audit/shipping/shipper.ts'
import type { Sink } from '../services/audit/shipping/sink.ts'
import type { Logger } from '../telemetry/logger.ts'

/** One worker as the spools see it. */
export interface StreamWriter {
  /** True from the moment it may open a spool, which it does when it gets its keys. */
  readonly mayWrite: boolean
  /** The stream that it has announced. */
  readonly stream: string | undefined
}

export interface SpoolsOptions {
  readonly root: string
  readonly sinks: readonly Sink[]
  readonly logger: Logger
  readonly writers: () => readonly StreamWriter[]
  /** Segments of ended workers that may be kept for audit devices. */
  readonly mostHeld?: number
  /** How soon what could not be shipped is tried again. */
  readonly intervalMs?: number
}

export class Spools {
  readonly #options: SpoolsOptions
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #queued = false

  constructor(options: SpoolsOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#options.intervalMs ?? 60_000)
    this.#timer.unref()
    this.wake()
  }

  /** Runs soon, once however often it is asked: a worker has died, or has said which stream is its own. */
  wake(): void {
    if (this.#queued || this.#stop.signal.aborted) return
    this.#queued = true
    this.#running = this.#running.then(() => this.#run())
  }

  /** Resolves when a run under way has come to a safe place. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    this.#queued = false
    const { root, sinks, logger, writers } = this.#options
    const now = writers()
    // One that is about to open a spool has not said which; its fresh directory would look dead. Its announcement wakes us again.
    if (this.#stop.signal.aborted || now.some(({ mayWrite, stream }) => mayWrite && stream === undefined)) return
    const live = new Set(now.flatMap(({ stream }) => stream ?? []))
    try {
      const onFailure = (sink: string, error: unknown): void => logger.warn('records of an ended worker could not be shipped yet', { sink, error })
      const outcome = await adoptDeadStreams({ root, live, sinks, clock: systemClock, stop: this.#stop.signal, onFailure, held: { isHeld: (directory) => isHeld(root, directory), mostHeld: this.#options.mostHeld ?? 64 } })
      if (outcome.records > 0) logger.info('shipped what ended workers had recorded', { records: outcome.records, streams: outcome.streams })
    } catch (error) {
      logger.warn('the audit spools could not be read', { error })
    }
  }
}
