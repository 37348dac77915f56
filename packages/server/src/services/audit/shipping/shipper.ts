// Keeps sinks up with a worker's own stream, and ships what dead workers left. Each sink has its own loop and its own
// patience; segments go when every sink has confirmed them and the retention has passed.
import { rm, stat, unlink } from 'node:fs/promises'
import type { Clock } from '../../../lib/clock.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { readHeads, type Position } from '../spool/reader.ts'
import { listSegments, listStreams, segmentPath, type ChainKeys, type StreamDirectory } from '../spool/stream.ts'
import { readCursor } from './cursor.ts'
import { deliver } from './delivery.ts'
import { LivePass } from './live-pass.ts'
import type { Sink } from './sink.ts'

export interface ShipperOptions {
  readonly spool: AuditSpool
  readonly sinks: readonly Sink[]
  readonly clock: Clock
  /** How long shipped segments stay on this disk. Default: not at all. */
  readonly retentionMs?: number
  /** Pause after a failure of a sink; doubles up to 64 times. */
  readonly retryMs?: number
  /** Rest between two deliveries, in which frames gather: each delivery costs file operations and a transaction, however small it is. */
  readonly gatherMs?: number
  /**
   * Devices besides the sinks: the lowest segment that one of them still needs. Undefined: not known, nothing is removed. What is beyond
   * `mostHeld` segments goes all the same, because a spool that is full stops the service.
   */
  readonly held?: { lowest(): Promise<number | undefined>; readonly mostHeld: number }
  /** Told whenever a sink has confirmed more of the stream, up to and with this frame. */
  readonly onConfirmed?: (sink: string, seq: number) => void
  /** Told of each failure of a sink, for the log. Never gets record text. */
  readonly onFailure?: (sink: string, error: unknown) => void
}

export interface SinkBacklog {
  readonly sink: string
  /** Durable frames that the sink has not confirmed. */
  readonly frames: number
  readonly failures: number
  /** Items that no row could be made of; verification names them. */
  readonly damaged: number
}

// What every sink has is a copy, and a spool that kept copies would count them against what may wait: a busy hour, or
// a few workers that died, would then stop the service with nothing left to ship.
const defaultRetentionMs = 0

export class Shipper {
  readonly #options: ShipperOptions
  readonly #loops: readonly SinkLoop[]
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: ShipperOptions) {
    this.#options = options
    this.#loops = options.sinks.map((sink) => new SinkLoop(sink, options))
  }

  start(): void {
    this.#options.spool.onFrame = () => { for (const loop of this.#loops) loop.wake() }
    this.#running = Promise.all(this.#loops.map((loop) => loop.run()))
  }

  backlog(): readonly SinkBacklog[] {
    return this.#loops.map((loop) => loop.backlog())
  }

  /** Removes segments that every sink has confirmed and that are older than the retention. */
  async prune(): Promise<number> {
    const { spool, sinks, clock, retentionMs, held } = this.#options
    const lowest = held === undefined ? Number.POSITIVE_INFINITY : await held.lowest()
    if (lowest === undefined) return 0
    return await pruneSegments(spool.directory, { sinks, before: clock.wall() - (retentionMs ?? defaultRetentionMs), keepFrom: spool.head.segment, heldFrom: lowest, mostHeld: held?.mostHeld ?? 0 })
  }

  /** Stops after one more pass of every sink, so that a closed stream leaves as little behind as its sinks allow. */
  async stop(): Promise<void> {
    this.#options.spool.onFrame = undefined
    for (const loop of this.#loops) loop.stop()
    await this.#running
  }
}

class SinkLoop {
  readonly #sink: Sink
  readonly #options: ShipperOptions
  readonly #pass: LivePass
  #confirmed = -1
  #failures = 0
  #damaged = 0
  #stopping = false
  #wake: (() => void) | undefined
  #endPause: (() => void) | undefined
  #woken = false

  constructor(sink: Sink, options: ShipperOptions) {
    this.#sink = sink
    this.#options = options
    this.#pass = new LivePass(sink, options)
  }

  wake(): void {
    this.#woken = true
    if (this.#failures === 0) this.#wake?.()
  }

  stop(): void {
    this.#stopping = true
    this.#endPause?.()
  }

  backlog(): SinkBacklog {
    return { sink: this.#sink.name, frames: Math.max(0, this.#options.spool.head.seq - this.#confirmed), failures: this.#failures, damaged: this.#damaged }
  }

  async run(): Promise<void> {
    const { retryMs = 250, gatherMs = 0, onFailure } = this.#options
    for (let last = false; !last; ) {
      last = this.#stopping
      this.#woken = false
      try {
        const { seq, damaged } = await this.#pass.run({ isLast: last })
        this.#confirmed = seq
        this.#options.onConfirmed?.(this.#sink.name, seq)
        this.#damaged += damaged
        this.#failures = 0
        if (gatherMs > 0 && !this.#stopping) await this.#pause(gatherMs, { deaf: true })
        if (!this.#stopping && !this.#woken) await this.#pause(undefined)
      } catch (error) {
        this.#failures += 1
        onFailure?.(this.#sink.name, error)
        if (!this.#stopping) await this.#pause(retryMs * 2 ** Math.min(this.#failures - 1, 6))
      }
    }
  }

  /** Until woken, or for a time. A deaf pause only a stop cuts short. */
  async #pause(ms: number | undefined, { deaf = false } = {}): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#endPause = resolve
      if (!deaf) this.#wake = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
    this.#wake = undefined
    this.#endPause = undefined
  }
}

export interface AdoptionOptions {
  readonly root: string
  /** Streams whose writer lives. Everything else under the root is dead. */
  readonly live: ReadonlySet<string>
  readonly sinks: readonly Sink[]
  readonly clock: Clock
  readonly retentionMs?: number
  readonly keys?: ChainKeys
  readonly stop?: AbortSignal
  readonly onFailure?: (sink: string, error: unknown) => void
  /** Whether somebody besides the sinks still needs a stream; beyond `mostHeld` segments the oldest goes all the same. */
  readonly held?: { isHeld(directory: string): Promise<boolean>; readonly mostHeld: number }
}

export interface AdoptionOutcome {
  readonly streams: number
  readonly records: number
  readonly removed: number
  /** Sinks that failed for some stream; the next run continues. */
  readonly failed: number
  readonly damaged: number
}

/** Ships what dead workers left and removes what is done. Needs no chain key; run again, it continues where it was. */
export const adoptDeadStreams = async (options: AdoptionOptions): Promise<AdoptionOutcome> => {
  const outcome = { streams: 0, records: 0, removed: 0, failed: 0, damaged: 0 }
  const stopped = (): boolean => options.stop?.aborted === true
  const streams = await listStreams(options.root)
  const held: HeldStream[] = []
  for (const stream of streams) {
    if (options.live.has(stream.stream) || stopped()) continue
    outcome.streams += 1
    let complete = true
    for (const sink of options.sinks) {
      try {
        const { records, damaged } = await deliver({ directory: stream.path, sink, keys: options.keys, stop: options.stop })
        outcome.records += records
        outcome.damaged += damaged
      } catch (error) {
        complete = false
        outcome.failed += 1
        options.onFailure?.(sink.name, error)
      }
    }
    if (!complete || stopped() || !(await isRemovable(stream, streams, options))) continue
    if ((await options.held?.isHeld(stream.path)) === true) {
      held.push({ path: stream.path, segments: (await listSegments(stream.path)).length })
      continue
    }
    await rm(stream.path, { recursive: true, force: true })
    outcome.removed += 1
  }
  for (const path of overflowOf(held, options.held?.mostHeld ?? 0)) {
    await rm(path, { recursive: true, force: true })
    outcome.removed += 1
  }
  return outcome
}

interface HeldStream {
  readonly path: string
  readonly segments: number
}

/** The oldest of what is held, until the rest is small enough. */
const overflowOf = (held: readonly HeldStream[], most: number): readonly string[] => {
  let total = held.reduce((sum, { segments }) => sum + segments, 0)
  const gone: string[] = []
  for (const { path, segments } of held) {
    if (total <= most) break
    total -= segments
    gone.push(path)
  }
  return gone
}

/** The slot's last stream stays until a successor has named its end. */
const isRemovable = async (stream: StreamDirectory, streams: readonly StreamDirectory[], options: AdoptionOptions): Promise<boolean> => {
  if (!(await isNamedBySuccessor(stream, streams))) return false
  const before = options.clock.wall() - (options.retentionMs ?? defaultRetentionMs)
  for (const segment of await listSegments(stream.path)) {
    if ((await stat(segmentPath(stream.path, segment))).mtimeMs > before) return false
  }
  return true
}

const isNamedBySuccessor = async (stream: StreamDirectory, streams: readonly StreamDirectory[]): Promise<boolean> => {
  for (const other of streams) {
    if (other.slot !== stream.slot || other.stream === stream.stream) continue
    for (const { head } of await readHeads(other.path)) {
      if (head.state === 'head' && head.head.predecessor?.stream === stream.stream) return true
    }
  }
  return false
}

const pruneSegments = async (directory: string, rule: { readonly sinks: readonly Sink[]; readonly before: number; readonly keepFrom: number; readonly heldFrom: number; readonly mostHeld: number }): Promise<number> => {
  const cursors: readonly Position[] = await Promise.all(rule.sinks.map((sink) => readCursor(directory, sink.name)))
  const confirmed = Math.min(rule.keepFrom, ...cursors.map(({ segment }) => segment))
  let removed = 0
  const segments = await listSegments(directory)
  for (const [at, segment] of segments.entries()) {
    if (segment >= confirmed) break
    if (segment >= rule.heldFrom && segments.length - at <= rule.mostHeld) break
    const path = segmentPath(directory, segment)
    if ((await stat(path)).mtimeMs > rule.before) continue
    await unlink(path)
    removed += 1
  }
  return removed
}
