// One pass of one sink over a stream that is being written: from memory, where its writer still has the frames, else from the
// disk. What was confirmed is noted on the disk once a second; after a crash, at most that much is delivered again.
import type { Clock } from '../../../lib/clock.ts'
import { parseFrame, type Frame } from '../spool/frame.ts'
import type { RecentFrame } from '../spool/recent-frames.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { writeCursor, type Cursor } from './cursor.ts'
import { deliver, deliverPlain, withinTime } from './delivery.ts'
import { PlainBatches } from './plain-batch.ts'
import { RecordReader } from './record.ts'
import { shippedFrameOf, type ShippedFrame, type Sink } from './sink.ts'

export interface PassOutcome {
  /** The last frame that the sink has. */
  readonly seq: number
  readonly damaged: number
}

/** Small batches in a worker that answers requests: putting one together from the disk holds it for a millisecond, not for ten. */
const BATCH_BYTES = 256 * 1024
const NOTE_EVERY_MS = 1000

export class LivePass {
  readonly #sink: Sink
  readonly #spool: AuditSpool
  readonly #clock: Clock
  readonly #reader = new RecordReader()
  readonly #plain: PlainBatches
  /** Undefined until a first pass over the disk, which tells the sink of the stream. */
  #cursor: Cursor | undefined
  #noted: Cursor | undefined
  #notedAt = 0

  constructor(sink: Sink, { spool, clock }: { readonly spool: AuditSpool; readonly clock: Clock }) {
    this.#sink = sink
    this.#spool = spool
    this.#clock = clock
    this.#plain = new PlainBatches(spool.identity)
  }

  /** Delivers what is durable now. Throws what the sink throws; what was confirmed before stays confirmed. */
  async run({ isLast }: { readonly isLast: boolean }): Promise<PassOutcome> {
    const { seq: until } = this.#spool.head
    let damaged = 0
    let cursor = this.#cursor
    while (cursor === undefined || cursor.seq < until) {
      const frames = cursor === undefined ? [] : this.#spool.recent.from(cursor.seq + 1, BATCH_BYTES)
      const before: number = cursor?.seq ?? -1
      damaged += frames.length === 0 ? await this.#fromDisk() : await this.#fromMemory(frames)
      cursor = this.#cursor
      if ((cursor?.seq ?? -1) <= before) break
    }
    if (isLast || this.#clock.monotonic() - this.#notedAt >= NOTE_EVERY_MS) await this.#note()
    return { seq: cursor?.seq ?? -1, damaged }
  }

  async #fromMemory(frames: readonly RecentFrame[]): Promise<number> {
    const sink = this.#sink
    const { memory } = this.#spool.recent
    const goesPlain = (frame: RecentFrame): boolean => frame.isPlain && sink.deliverPlain !== undefined
    const plain = frames.filter(goesPlain)
    // Before anything is awaited: the memory is written again.
    const others = frames.filter((frame) => !goesPlain(frame)).map((frame) => this.#parsed(frame, memory))
    const rest = { stream: this.#spool.identity, frames: others }
    if (plain.length === 0) await withinTime(sink, (signal) => sink.deliver(rest, signal))
    else if (!(await deliverPlain(sink, { batches: this.#plain, plain: this.#plain.ofRecent(plain, memory), others: rest }))) return await this.#fromDisk()
    const last = frames.at(-1)
    if (last !== undefined) this.#cursor = { ...last.after, seq: last.seq }
    return others.reduce((sum, frame) => sum + frame.damaged, 0)
  }

  async #fromDisk(): Promise<number> {
    await this.#note()
    const { cursor, damaged } = await deliver({ directory: this.#spool.directory, sink: this.#sink, until: this.#spool.head, batchBytes: BATCH_BYTES, reader: this.#reader, plain: this.#plain })
    this.#cursor = this.#noted = cursor
    return damaged
  }

  #parsed({ start, bytes }: RecentFrame, memory: Buffer): ShippedFrame {
    const own = Buffer.from(memory.subarray(start, start + bytes))
    return shippedFrameOf(frameOf(own), this.#reader)
  }

  async #note(): Promise<void> {
    this.#notedAt = this.#clock.monotonic()
    if (this.#cursor === undefined || this.#cursor === this.#noted) return
    const cursor = this.#cursor
    await writeCursor(this.#spool.directory, this.#sink.name, cursor)
    this.#noted = cursor
  }
}

const frameOf = (bytes: Buffer): Frame => {
  const parsed = parseFrame(bytes)
  if (parsed.state !== 'frame') throw new Error('A frame that was just written does not read')
  return parsed.frame
}
