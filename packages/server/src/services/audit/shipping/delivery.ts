// One pass of one sink over one stream: from its cursor to the durable end, in batches. Stateless but for the cursor,
// so that a kill at any point repeats at most one batch. Works without the chain key (architecture, section 6).
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isAuthentic, skeletonOf, type Frame } from '../spool/frame.ts'
import { readFrames, readHeads, type Position, type ReadFrame } from '../spool/reader.ts'
import { identityOf, type ChainKeys, type StreamIdentity } from '../spool/stream.ts'
import { readCursor, writeCursor, type Cursor } from './cursor.ts'
import { isPlain, type PlainBatch, type PlainBatches } from './plain-batch.ts'
import { RecordReader } from './record.ts'
import { NotPlain, shippedFrameOf, type Batch, type Sink } from './sink.ts'

export interface Delivery {
  readonly directory: string
  readonly sink: Sink
  /** The durable end of a live stream; undefined when its writer is gone and the files tell. */
  readonly until?: Position | undefined
  /** Decides about the last frame of a dead stream where it is at hand. Without it, a frame that does not read whole is torn. */
  readonly keys?: ChainKeys | undefined
  readonly batchBytes?: number
  /** Keeps what records share from one delivery to the next. */
  readonly reader?: RecordReader
  /** For a stream that this process writes itself: frames of records alone go to the sink as bytes, where it takes them so. */
  readonly plain?: PlainBatches
  readonly stop?: AbortSignal | undefined
}

export interface DeliveryOutcome {
  readonly cursor: Cursor
  readonly frames: number
  readonly records: number
  readonly damaged: number
}

const defaultBatchBytes = 1024 * 1024
/** Bytes of frames that are read in one go: in a worker, requests wait meanwhile. */
const turnBytes = 64 * 1024

interface Pending {
  readonly frames: Frame[]
  bytes: number
  end: Cursor
}

/** Delivers what is there. Throws what the sink throws; what was confirmed before stays confirmed. */
export const deliver = async (delivery: Delivery): Promise<DeliveryOutcome> => {
  const { directory, sink, until, reader = new RecordReader() } = delivery
  const start = await readCursor(directory, sink.name)
  const pending: Pending = { frames: [], bytes: 0, end: start }
  const done = { cursor: start, frames: 0, records: 0, damaged: 0 }
  const stream = await identityOfStream(directory)
  if (stream === undefined) return done
  const flush = async (): Promise<void> => {
    if (pending.frames.length === 0) return
    const { records, damaged } = await deliverFrames(pending.frames, { sink, stream, reader, plain: delivery.plain })
    await writeCursor(directory, sink.name, pending.end)
    done.cursor = pending.end
    done.frames += pending.frames.length
    done.records += records
    done.damaged += damaged
    pending.frames.length = 0
    pending.bytes = 0
  }
  const add = async (read: ReadFrame): Promise<void> => {
    pending.frames.push(read.frame)
    pending.bytes += read.frame.bytes
    pending.end = { ...read.after, seq: read.frame.seq }
    if (pending.bytes >= (delivery.batchBytes ?? defaultBatchBytes)) await flush()
  }
  // One frame is held back: only the very last one of a dead stream can be torn.
  let held: ReadFrame | undefined
  let inTurn = 0
  for await (const read of readFrames(directory, { from: start, ...(until === undefined ? {} : { until }) })) {
    if (delivery.stop?.aborted === true) break
    if (held !== undefined) await add(held)
    held = read
    inTurn += read.frame.bytes
    if (inTurn >= turnBytes) {
      inTurn = 0
      await nextTurn()
    }
  }
  if (held !== undefined && delivery.stop?.aborted !== true) {
    if (until !== undefined || isWhole(held.frame, reader, delivery.keys?.find(stream.keyId))) await add(held)
  }
  await flush()
  return done
}

const isWhole = (frame: Frame, reader: RecordReader, key: ReturnType<ChainKeys['find']>): boolean =>
  key === undefined ? shippedFrameOf(frame, reader).damaged === 0 : isAuthentic(skeletonOf(frame), key) && frame.seq >= 0

interface Route {
  readonly sink: Sink
  readonly stream: StreamIdentity
  readonly reader: RecordReader
  readonly plain: PlainBatches | undefined
}

const deliverFrames = async (frames: readonly Frame[], { sink, stream, reader, plain }: Route): Promise<{ readonly records: number; readonly damaged: number }> => {
  const plainFrames = plain === undefined || sink.deliverPlain === undefined ? [] : frames.filter(isPlain)
  let others = (plainFrames.length > 0 ? frames.filter((frame) => !isPlain(frame)) : frames).map((frame) => shippedFrameOf(frame, reader))
  const wentPlain = plain !== undefined && plainFrames.length > 0 && (await deliverPlain(sink, { batches: plain, plain: plain.ofRead(plainFrames), others: { stream, frames: others } }))
  if (!wentPlain) {
    if (plainFrames.length > 0) others = frames.map((frame) => shippedFrameOf(frame, reader))
    await withinTime(sink, (signal) => sink.deliver({ stream, frames: others }, signal))
  }
  const counted = { records: wentPlain ? plainFrames.reduce((sum, { items }) => sum + items.length, 0) : 0, damaged: 0 }
  for (const frame of others) {
    counted.records += frame.records.length + frame.links.length
    counted.damaged += frame.damaged
  }
  return counted
}

interface Stretch {
  readonly batches: PlainBatches
  readonly plain: PlainBatch
  readonly others: Batch
}

/** False when a record needs the other way; nothing was kept then. */
export const deliverPlain = async (sink: Sink, { batches, plain, others }: Stretch): Promise<boolean> => {
  try {
    await withinTime(sink, async (signal) => await sink.deliverPlain?.(plain, others, signal))
    return true
  } catch (error) {
    // A statement that was given up may yet be sent.
    batches.forget()
    if (error instanceof NotPlain) return false
    throw error
  }
}

const identityOfStream = async (directory: string): Promise<StreamIdentity | undefined> => {
  for (const { head } of await readHeads(directory)) if (head.state === 'head') return identityOf(head.head)
  return undefined
}

/** A sink that neither resolves nor rejects must not stop its own shipping for ever. */
export const withinTime = async (sink: Sink, work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort()
      reject(new Error(`The audit sink ${sink.name} did not answer within ${sink.timeoutMs} ms`))
    }, sink.timeoutMs)
  })
  try {
    await Promise.race([work(controller.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
