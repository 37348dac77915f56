// The audit spool: a record is acknowledged when it is on stable storage, never before. All records that wait share
// one write and one fdatasync; the next frame gathers while the last one syncs. What cannot be made durable is
// refused (architecture, section 6), because a secret without its record must not leave.
import * as nodeFiles from 'node:fs'
import type { HmacKey } from '../../../crypto/keys.ts'
import { makeUuidV7 } from '../../../crypto/random.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fail, type CofferError } from '../../../kernel/errors.ts'
import { FrameBuilder, itemKind, noTag, type ItemKind } from './frame.ts'
import { RecentFrames } from './recent-frames.ts'
import { FlushPlace } from './flush-place.ts'
import { encodeLink, type EventLink } from './link.ts'
import { findPredecessor } from './predecessor.ts'
import { SegmentStore, makeDirectory, type Segment, type SpoolFiles } from './segment.ts'
import { encodeSegmentHead, segmentHeadBytes, streamDirectory, type ChainKeys, type SegmentReason, type StreamIdentity } from './stream.ts'

/** Called exactly once: without an error when the record is on stable storage. May run before `append` returns when it is refused. */
export type OnDurable = (error: Error | undefined) => void

export interface SpoolOptions {
  /** Directory of this node's spools. */
  readonly root: string
  readonly node: string
  readonly slot: number
  readonly boot: string
  readonly chainKeys: ChainKeys
  readonly clock: Clock
  readonly segmentBytes?: number
  /** Bytes that may wait for the disk before records are refused. */
  readonly maxWaitingBytes?: number
  readonly maxSegments?: number
  /** Pause before another attempt to open a segment after a failure. */
  readonly retryMs?: number
  readonly files?: SpoolFiles
  /** Who waits for the disk. */
  readonly place?: Pick<FlushPlace, 'isHere' | 'took'>
}

export interface SpoolCounters {
  frames: number
  fsyncs: number
  /** Of the flushes, those that were waited for in place. */
  awaited: number
  records: number
  /** Segments given up after a failed write or flush. */
  poisoned: number
  refused: number
}

/** The last frame that is on stable storage. */
export interface ChainHead {
  readonly seq: number
  readonly hash: Buffer
  /** Where the durable part of the stream ends. */
  readonly segment: number
  readonly offset: number
}

/** Writing 64 MiB of zeros takes a sixth of a second of a start; the next segment is made in the background. */
const FIRST_BYTES = 12 * 1024 * 1024
const defaults = Object.freeze({ segmentBytes: 64 * 1024 * 1024, maxWaitingBytes: 4 * 1024 * 1024, maxSegments: 64, retryMs: 500 })
/** A record is bounded by its fields; anything near this is a mistake of the caller. */
export const maxRecordBytes: number = 256 * 1024

export class AuditSpool {
  readonly identity: StreamIdentity
  readonly directory: string
  /** Durable frames that were written not long ago. */
  readonly recent: RecentFrames = new RecentFrames()
  readonly counters: SpoolCounters = { frames: 0, fsyncs: 0, awaited: 0, records: 0, poisoned: 0, refused: 0 }
  /** Called after each durable frame; the shipper's wake-up. */
  onFrame: (() => void) | undefined
  readonly #store: SegmentStore
  readonly #key: HmacKey
  readonly #clock: Clock
  readonly #place: NonNullable<SpoolOptions['place']>
  readonly #maxWaitingBytes: number
  readonly #retryMs: number
  #segment: Segment
  #seq = -1
  #hash: Buffer
  #gather = new FrameBuilder()
  #flushing = new FrameBuilder()
  #waiting: OnDurable[] = []
  #inFlight: OnDurable[] = []
  #busy = false
  #scheduled = false
  #state: 'opening' | 'open' | 'failed' | 'closing' | 'closed' = 'opening'
  #retry: { readonly timer: NodeJS.Timeout; readonly wake: () => void } | undefined
  #recovery: Promise<void> = Promise.resolve()
  /** Why the spool refuses now. */
  #failure: Error | undefined
  #idle: (() => void) | undefined

  private constructor(identity: StreamIdentity, store: SegmentStore, segment: Segment, options: SpoolOptions) {
    this.identity = identity
    this.directory = streamDirectory(options.root, options.slot, identity.stream)
    this.#store = store
    this.#segment = segment
    this.#key = options.chainKeys.current.key
    this.#clock = options.clock
    this.#maxWaitingBytes = options.maxWaitingBytes ?? defaults.maxWaitingBytes
    this.#retryMs = options.retryMs ?? defaults.retryMs
    this.#place = options.place ?? new FlushPlace()
    this.#hash = identity.predecessor === null ? noTag : Buffer.from(identity.predecessor.hash, 'hex')
  }

  /** Opens a new stream for this slot. Resolves when its first frame is durable; until then nothing may be served. */
  static async open(options: SpoolOptions): Promise<AuditSpool> {
    const segmentBytes = options.segmentBytes ?? defaults.segmentBytes
    const maxWaitingBytes = options.maxWaitingBytes ?? defaults.maxWaitingBytes
    if (maxWaitingBytes > (segmentBytes - segmentHeadBytes) / 2) throw new RangeError('A segment must hold at least two full frames')
    const identity: StreamIdentity = {
      stream: makeUuidV7(options.clock.wall()), node: options.node, slot: options.slot, boot: options.boot, openedAt: options.clock.wall(),
      keyId: options.chainKeys.current.id, predecessor: await findPredecessor(options.root, options.slot, options.chainKeys),
    }
    const directory = streamDirectory(options.root, options.slot, identity.stream)
    await makeDirectory(options.root)
    await makeDirectory(directory)
    const firstBytes = Math.min(segmentBytes, Math.max(FIRST_BYTES, 2 * maxWaitingBytes + segmentHeadBytes))
    const store = new SegmentStore({
      root: options.root, directory, segmentBytes, firstBytes, maxSegments: options.maxSegments ?? defaults.maxSegments, files: options.files ?? nodeFiles,
    })
    const spool = new AuditSpool(identity, store, await store.take(), options)
    try {
      await spool.#begin(spool.#segment, 'open', JSON.stringify(identity))
    } catch (error) {
      await spool.#segment.discard()
      throw error
    }
    spool.#state = 'open'
    // Where the first segment is a short one, a disk that is busy may need as long for the next as it takes to fill.
    if (firstBytes < segmentBytes) store.prepare()
    return spool
  }

  /** True while records are taken. */
  get available(): boolean {
    return this.#state === 'open'
  }

  get head(): ChainHead {
    return { seq: this.#seq, hash: this.#hash, segment: this.#segment.number, offset: this.#segment.end }
  }

  /** Adds a record (canonical JSON, see records.ts) to the next frame. */
  append(record: Uint8Array | string, onDurable: OnDurable): void {
    this.#add(itemKind.record, record, onDurable)
  }

  /** The same of several that belong together: all of them are in one frame, or none in any. */
  appendAll(records: readonly (Uint8Array | string)[], onDurable: OnDurable): void {
    let bytes = 0
    for (const record of records) {
      const length = Buffer.byteLength(record)
      bytes += length > maxRecordBytes ? Number.POSITIVE_INFINITY : length
    }
    if (!this.#takes(bytes)) return this.#refuse(onDurable, this.#failure)
    for (const record of records) this.#gather.add(itemKind.record, record)
    this.#wait(onDurable)
    return undefined
  }

  /** Chains an event that a write committed in its own transaction. */
  appendDigest(link: EventLink, onDurable: OnDurable): void {
    this.#add(itemKind.link, encodeLink(link), onDurable, link.record)
  }

  /** Chains an event of a write whose worker died before it could. */
  adoptDigest(link: EventLink, onDurable: OnDurable): void {
    this.#add(itemKind.adopted, encodeLink(link), onDurable, link.record)
  }

  appendCheckpoint(encoded: Uint8Array, onDurable: OnDurable): void {
    this.#add(itemKind.checkpoint, encoded, onDurable)
  }

  /**
   * Makes everything that waits durable, then a last frame that says the stream ended in order. `farewell` may add
   * a final checkpoint; records are refused from here on.
   */
  async close(farewell?: (head: ChainHead) => Uint8Array): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closing'
    this.#wakeRetry()
    await this.#recovery
    await this.#quiet()
    if (wasOpen && this.#failure === undefined) {
      if (farewell !== undefined) this.#gather.add(itemKind.checkpoint, farewell(this.head))
      this.#gather.add(itemKind.close, '')
      this.#flush()
      await this.#quiet()
    }
    this.#state = 'closed'
    this.#segment.close()
    await this.#store.dispose()
  }

  #add(kind: ItemKind, item: Uint8Array | string, onDurable: OnDurable, tail = ''): void {
    const bytes = Buffer.byteLength(item) + (tail === '' ? 0 : Buffer.byteLength(tail))
    if (bytes > maxRecordBytes || !this.#takes(bytes)) return this.#refuse(onDurable, this.#failure)
    this.#gather.add(kind, item, tail)
    this.#wait(onDurable)
    return undefined
  }

  #takes(bytes: number): boolean {
    return this.#state === 'open' && this.#gather.bytes + (this.#busy ? this.#flushing.bytes : 0) + bytes <= this.#maxWaitingBytes
  }

  #wait(onDurable: OnDurable): void {
    this.#waiting.push(onDurable)
    if (!this.#busy) this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    // After the poll phase: all requests that this turn of the loop read share the frame.
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#busy && this.#gather.items > 0) this.#flush()
    })
  }

  #refuse(onDurable: OnDurable, cause: Error | undefined): undefined {
    this.counters.refused += 1
    onDurable(unavailable(cause))
    return undefined
  }

  #flush(): void {
    this.#busy = true
    const spare = this.#flushing
    this.#flushing = this.#gather
    this.#gather = spare
    const acknowledged = this.#inFlight
    this.#inFlight = this.#waiting
    this.#waiting = acknowledged
    const at = this.#clock.wall()
    const frame = { at, ...this.#flushing.seal({ seq: this.#seq + 1, at, previous: this.#hash }, this.#key) }
    if (this.#segment.fits(frame.bytes.length)) this.#write(frame)
    else this.#rotate().then(() => this.#write(frame), (error: unknown) => this.#fail(error))
  }

  #write(frame: SealedFrame): void {
    const done = (error: Error | undefined): void => (error === undefined ? this.#done(frame) : this.#fail(error))
    if (!this.#isHere()) return this.#segment.append(frame.bytes, done)
    const now = this.#clock.monotonic()
    const error = this.#segment.appendHere(frame.bytes)
    const after = this.#clock.monotonic()
    this.#place.took(after - now, after)
    this.counters.awaited += 1
    return done(error)
  }

  #isHere(): boolean {
    return this.#segment.isSynchronous && this.#place.isHere(this.#clock.monotonic())
  }

  #done({ at, bytes, tag }: SealedFrame): void {
    this.#seq += 1
    this.#hash = tag
    this.counters.frames += 1
    this.counters.fsyncs += 1
    this.counters.records += this.#flushing.items
    const { items, isPlain, units } = this.#flushing
    this.recent.add({ seq: this.#seq, at, items, isPlain, units, bytes, after: { segment: this.#segment.number, offset: this.#segment.end } })
    this.#flushing.reset()
    this.#busy = false
    const acknowledged = this.#inFlight
    this.#inFlight = []
    // A flush in place would be over, and answered, before those that this one was for are.
    if (this.#gather.items > 0 && this.#isHere()) this.#schedule()
    else if (this.#gather.items > 0) this.#flush()
    else if (this.#segment.end > this.#segment.size / 2) this.#store.prepare()
    for (const onDurable of acknowledged) settle(onDurable, undefined)
    this.onFrame?.()
    if (!this.#busy) this.#idle?.()
  }

  async #rotate(): Promise<void> {
    const full = this.#segment
    const next = await this.#store.take()
    try {
      await appendTo(next, this.#headOf(next, 'full'))
    } catch (error) {
      await next.discard()
      throw error
    }
    this.counters.fsyncs += 1
    this.#segment = next
    full.close()
  }

  /** The segment is never written again: what the kernel did with the failed pages is unknowable (fsync may clear the error). */
  #fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error('The audit spool failed', { cause })
    this.#failure = error
    this.counters.poisoned += 1
    const refused = [...this.#inFlight, ...this.#waiting]
    this.#inFlight = []
    this.#waiting = []
    this.#flushing.reset()
    this.#gather.reset()
    this.#busy = false
    const poisoned = this.#segment
    poisoned.close()
    if (this.#state === 'open') {
      this.#state = 'failed'
      this.#recovery = this.#recover(poisoned.number)
    }
    this.counters.refused += refused.length
    for (const onDurable of refused) settle(onDurable, unavailable(error))
    this.#idle?.()
  }

  async #recover(poisoned: number): Promise<void> {
    while (this.#state === 'failed') {
      try {
        const segment = await this.#store.take()
        try {
          await this.#begin(segment, 'failure', JSON.stringify({ poisoned }))
        } catch (error) {
          await segment.discard()
          throw error
        }
        this.#segment = segment
        this.#failure = undefined
        if (this.#state === 'failed') this.#state = 'open'
        return
      } catch (error) {
        this.#failure = error instanceof Error ? error : this.#failure
        await this.#pause()
      }
    }
  }

  /** Writes a segment's head and a first frame that proves that the disk takes data again. */
  async #begin(segment: Segment, reason: 'open' | 'failure', item: string): Promise<void> {
    await appendTo(segment, this.#headOf(segment, reason))
    const builder = new FrameBuilder(4096)
    builder.add(reason === 'open' ? itemKind.open : itemKind.resumed, item)
    const frame = builder.seal({ seq: this.#seq + 1, at: this.#clock.wall(), previous: this.#hash }, this.#key)
    await appendTo(segment, frame.bytes)
    this.#seq += 1
    this.#hash = frame.tag
    this.counters.frames += 1
    this.counters.fsyncs += 2
  }

  #headOf(segment: Segment, reason: SegmentReason): Buffer {
    const head = { ...this.identity, segment: segment.number, firstSeq: this.#seq + 1, previous: this.#hash.toString('hex'), reason }
    return encodeSegmentHead(head, this.#key)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#retryMs)
      this.#retry = { timer, wake: resolve }
    })
  }

  #wakeRetry(): void {
    if (this.#retry === undefined) return
    clearTimeout(this.#retry.timer)
    this.#retry.wake()
  }

  async #quiet(): Promise<void> {
    while (this.#busy || this.#scheduled || this.#gather.items > 0) {
      if (this.#busy) await new Promise<void>((resolve) => { this.#idle = resolve })
      else await new Promise((resolve) => { setImmediate(resolve) })
    }
    this.#idle = undefined
  }
}

interface SealedFrame {
  readonly at: number
  readonly bytes: Buffer
  readonly tag: Buffer
}

const appendTo = (segment: Segment, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => segment.append(bytes, (error) => (error === undefined ? resolve() : reject(error))))

/** One caller's fault must not keep the others from their answer. */
const settle = (onDurable: OnDurable, error: Error | undefined): void => {
  try {
    onDurable(error)
  } catch (thrown) {
    process.nextTick(() => { throw thrown })
  }
}

const unavailable = (cause: Error | undefined): CofferError =>
  fail('internal', 'audit_unavailable', 'The audit record could not be written, so the request was refused.', cause === undefined ? {} : { cause })
