// A batch of frames that hold nothing but records, straight from the memory they were written from: bytes one after the other, from
// which the database makes the rows. No text, no object and no digest is made of a record on the way, which was most of the
// garbage that a read left behind.
import { frameHeaderBytes, framePrefixBytes, itemHeaderBytes, tagBytes } from '../spool/frame.ts'
import type { RecentFrame } from '../spool/recent-frames.ts'
import type { StreamIdentity } from '../spool/stream.ts'

export interface PlainBatch {
  readonly stream: StreamIdentity
  readonly seqs: readonly number[]
  /** Milliseconds since 1970. */
  readonly times: readonly number[]
  /** The number, from 1, of the first record of each frame within the batch. */
  readonly firsts: readonly number[]
  /** Previous tag and tag of each frame. */
  readonly tags: Buffer
  /** Of all records: kind and SHA-256. */
  readonly units: Buffer
  /** All records, a line each: JSON escapes line breaks. */
  readonly records: Buffer
}

const NEW_LINE = 0x0a
const PREVIOUS_AT = framePrefixBytes - 4 - tagBytes
export const tagPairBytes: number = 2 * tagBytes

/** Puts batches together in memory that the next one uses again: a batch holds until the next is asked for. */
export class PlainBatches {
  readonly #stream: StreamIdentity
  #tags: Buffer = Buffer.alloc(0)
  #units: Buffer = Buffer.alloc(0)
  #records: Buffer = Buffer.alloc(0)

  constructor(stream: StreamIdentity) {
    this.#stream = stream
  }

  of(frames: readonly RecentFrame[], memory: Buffer): PlainBatch {
    this.#reserve(frames)
    const seqs: number[] = []
    const times: number[] = []
    const firsts: number[] = []
    let records = 0
    let end = 0
    for (const [index, frame] of frames.entries()) {
      seqs.push(frame.seq)
      times.push(frame.at)
      firsts.push(records + 1)
      const tagAt = frame.start + frame.bytes - tagBytes
      memory.copy(this.#tags, index * tagPairBytes, frame.start + PREVIOUS_AT, frame.start + PREVIOUS_AT + tagBytes)
      memory.copy(this.#tags, index * tagPairBytes + tagBytes, tagAt, tagAt + tagBytes)
      memory.copy(this.#units, records * (frame.unitsBytes / frame.items), frame.start + frame.bytes, frame.start + frame.bytes + frame.unitsBytes)
      end = this.#copyRecords(memory, { from: frame.start + frameHeaderBytes, to: tagAt, end })
      records += frame.items
    }
    const units = frames.reduce((sum, { unitsBytes }) => sum + unitsBytes, 0)
    // Without the last line's break.
    return { stream: this.#stream, seqs, times, firsts, tags: this.#tags.subarray(0, frames.length * tagPairBytes), units: this.#units.subarray(0, units), records: this.#records.subarray(0, end - 1) }
  }

  /** What somebody may still hold is left to them. */
  forget(): void {
    this.#tags = this.#units = this.#records = Buffer.alloc(0)
  }

  /** Returns where the next line begins. */
  #copyRecords(memory: Buffer, { from, to, end }: { readonly from: number; readonly to: number; readonly end: number }): number {
    let into = end
    for (let at = from; at < to; ) {
      const length = memory.readUInt32BE(at + 1)
      const begins = at + itemHeaderBytes
      memory.copy(this.#records, into, begins, begins + length)
      into += length
      this.#records[into] = NEW_LINE
      into += 1
      at = begins + length
    }
    return into
  }

  #reserve(frames: readonly RecentFrame[]): void {
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes, 0)
    const units = frames.reduce((sum, frame) => sum + frame.unitsBytes, 0)
    this.#tags = enough(this.#tags, frames.length * tagPairBytes)
    this.#units = enough(this.#units, units)
    // A line's break takes less than an item's header.
    this.#records = enough(this.#records, bytes)
  }
}

const enough = (buffer: Buffer, bytes: number): Buffer => (bytes <= buffer.length ? buffer : Buffer.allocUnsafeSlow(bytes * 2))
