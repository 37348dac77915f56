// Keeps one device up: first with what ended workers of the same slot left, then with this worker's own stream. It waits for
// nobody and nobody waits for it; what goes wrong is counted, logged at growing intervals, and tried again.

import { readCursor } from '../shipping/cursor.ts'
import { deliver } from '../shipping/delivery.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { listStreams, type ChainKeys } from '../spool/stream.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Device } from './device.ts'
import type { DeviceSink } from './device-sink.ts'
import { isDone, markDone } from './holds.ts'
import type { Target } from './targets/target.ts'

export interface DeviceLoopOptions {
  readonly device: Device
  readonly sink: DeviceSink
  readonly target: Target
  readonly spool: AuditSpool
  readonly root: string
  readonly slot: number
  readonly workers: number
  readonly keys: ChainKeys
  readonly clock: Clock
  readonly logger: Pick<Logger, 'warn' | 'error'>
}

export interface DeviceBacklog {
  readonly path: string
  readonly frames: number
  readonly failures: number
  readonly skippedFrames: number
  readonly unwritable: number
  /** Since when it has not been up to date. */
  readonly behindSeconds: number
}

const REST_MS = 200
const ENDED_STREAMS_MS = 30_000
const RETRY_MS = 500
const LONGEST_DOUBLINGS = 6
const FAR_BEHIND_MS = 60_000
const SAY_AGAIN_MS = 300_000
const BATCH_BYTES = 64 * 1024

export class DeviceLoop {
  readonly #options: DeviceLoopOptions
  readonly #stop = new AbortController()
  #confirmed = -1
  #failures = 0
  #skippedSaid = 0
  #current: number
  #saidAt = Number.NEGATIVE_INFINITY
  #endedAt = Number.NEGATIVE_INFINITY
  #wake: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: DeviceLoopOptions) {
    this.#options = options
    this.#current = options.clock.monotonic()
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves after one more pass, or when the time is over. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    // A pass that is still under way would open its file anew, and nobody would close it.
    const close = (): Promise<void> => this.#options.target.reopen()
    const closed = this.#running.then(close, close).catch(() => undefined)
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
  }

  reopen(): Promise<void> {
    return this.#options.target.reopen()
  }

  backlog(): DeviceBacklog {
    const { device, sink, spool, clock } = this.#options
    const frames = Math.max(0, spool.head.seq - this.#confirmed)
    return { path: device.path, frames, failures: this.#failures, skippedFrames: sink.counters.skippedFrames, unwritable: sink.counters.unwritable, behindSeconds: frames === 0 ? 0 : (clock.monotonic() - this.#current) / 1000 }
  }

  async #run(): Promise<void> {
    for (let last = false; !last; ) {
      last = this.#stop.signal.aborted
      try {
        await this.#pass()
        this.#failures = 0
      } catch (error) {
        this.#failures += 1
        this.#complain(error)
      }
      this.#watch()
      if (!last && !this.#stop.signal.aborted) await this.#pause(this.#failures === 0 ? REST_MS : RETRY_MS * 2 ** Math.min(this.#failures - 1, LONGEST_DOUBLINGS))
    }
  }

  async #pass(): Promise<void> {
    const { sink, spool, clock } = this.#options
    if (clock.monotonic() - this.#endedAt > ENDED_STREAMS_MS) {
      await this.#shipEnded()
      this.#endedAt = clock.monotonic()
    }
    const { head } = spool
    if (head.seq !== this.#confirmed) {
      const { cursor } = await deliver({ directory: spool.directory, sink, until: head, batchBytes: BATCH_BYTES })
      this.#confirmed = cursor.seq
      if (cursor.seq < head.seq) return
    }
    this.#current = clock.monotonic()
  }

  /** Streams of this slot, and of slots that there no longer are, whose workers have ended. */
  async #shipEnded(): Promise<void> {
    const { device, sink, spool, root, slot, workers, keys } = this.#options
    for (const stream of await listStreams(root)) {
      if (stream.stream === spool.identity.stream || this.#stop.signal.aborted) continue
      if (stream.slot !== slot && !(stream.slot >= workers && stream.slot % workers === slot)) continue
      if (await isDone(stream.path, device.id)) continue
      await deliver({ directory: stream.path, sink, keys, batchBytes: BATCH_BYTES, stop: this.#stop.signal })
      if (!this.#stop.signal.aborted) await markDone(stream.path, device.id)
    }
  }

  #complain(error: unknown): void {
    const { device, logger, clock } = this.#options
    if (clock.monotonic() - this.#saidAt < SAY_AGAIN_MS) return
    this.#saidAt = clock.monotonic()
    logger.warn('an audit device failed; records wait for it', { device: device.path, error })
  }

  #watch(): void {
    const { device, logger, clock } = this.#options
    const { frames, behindSeconds, skippedFrames } = this.backlog()
    if (skippedFrames > this.#skippedSaid) {
      logger.error('an audit device was so far behind that it lost records; the journal has them', { device: device.path, frames: skippedFrames - this.#skippedSaid })
      this.#skippedSaid = skippedFrames
    }
    if (behindSeconds * 1000 < FAR_BEHIND_MS || clock.monotonic() - this.#saidAt < SAY_AGAIN_MS) return
    this.#saidAt = clock.monotonic()
    logger.error('an audit device is far behind', { device: device.path, frames, seconds: Math.round(behindSeconds) })
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  /** Where it stands in this worker's own stream, on the disk. */
  async segment(): Promise<number> {
    return (await readCursor(this.#options.spool.directory, this.#options.sink.name)).segment
  }
}
