// A batch of frames that hold nothing but records: bytes one after the other, from
// which the database makes the rows. No text, no object and no digest is made of a record on the way, which was most of the
// garbage that a read left behind.
import { writeSha256 } from '../../../crypto/digest.ts'
import { frameHeaderBytes, framePrefixBytes, itemHeaderBytes, itemKind, tagBytes, unitBytes, type Frame } from '../spool/frame.ts'
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

export const isPlain = ({ items }: Frame): boolean => items.length > 0 && items.every(({ kind }) => kind === itemKind.record)

/** Puts batches together in memory that the next one uses again: a batch holds until the next is asked for. */
export class PlainBatches {
  readonly #stream: StreamIdentity
  #tags: Buffer = Buffer.alloc(0)
  #units: Buffer = Buffer.alloc(0)
  #records: Buffer = Buffer.alloc(0)
  #end = 0

  constructor(stream: StreamIdentity) {
    this.#stream = stream
  }

  /** Of frames that their writer still has. */
  ofRecent(frames: readonly RecentFrame[], memory: Buffer): PlainBatch {
    return this.#of(frames, {
      seqOf: ({ seq }) => seq, timeOf: ({ at }) => at, itemsOf: ({ items }) => items, bytesOf: ({ bytes }) => bytes,
      copy: ({ start, bytes, items }, tagsAt, unitsAt) => {
        const end = start + bytes
        memory.copy(this.#tags, tagsAt, start + PREVIOUS_AT, start + PREVIOUS_AT + tagBytes)
        memory.copy(this.#tags, tagsAt + tagBytes, end - tagBytes, end)
        memory.copy(this.#units, unitsAt, end, end + items * unitBytes)
        for (let at = start + frameHeaderBytes; at < end - tagBytes; ) {
          const from = at + itemHeaderBytes
          at = from + memory.readUInt32BE(from - 4)
          this.#line(memory, from, at)
        }
      },
    })
  }

  /** Of frames that were read back, whose digests are made again. */
  ofRead(frames: readonly Frame[]): PlainBatch {
    return this.#of(frames, {
      seqOf: ({ seq }) => seq, timeOf: ({ at }) => at, itemsOf: ({ items }) => items.length, bytesOf: ({ bytes }) => bytes,
      copy: ({ previous, tag, items }, tagsAt, unitsAt) => {
        previous.copy(this.#tags, tagsAt)
        tag.copy(this.#tags, tagsAt + tagBytes)
        for (const [index, { kind, bytes }] of items.entries()) {
          this.#units[unitsAt + index * unitBytes] = kind
          writeSha256(bytes, this.#units, unitsAt + index * unitBytes + 1)
          this.#line(bytes, 0, bytes.length)
        }
      },
    })
  }

  /** What somebody may still hold is left to them. */
  forget(): void {
    this.#tags = this.#units = this.#records = Buffer.alloc(0)
  }

  #of<Of>(frames: readonly Of[], reading: Reading<Of>): PlainBatch {
    const total = frames.reduce((sum, frame) => sum + reading.itemsOf(frame), 0)
    this.#tags = enough(this.#tags, frames.length * tagPairBytes)
    this.#units = enough(this.#units, total * unitBytes)
    // A line's break takes less than an item's header.
    this.#records = enough(this.#records, frames.reduce((sum, frame) => sum + reading.bytesOf(frame), 0))
    this.#end = 0
    const firsts: number[] = []
    let records = 0
    for (const [index, frame] of frames.entries()) {
      firsts.push(records + 1)
      reading.copy(frame, index * tagPairBytes, records * unitBytes)
      records += reading.itemsOf(frame)
    }
    return {
      stream: this.#stream, seqs: frames.map(reading.seqOf), times: frames.map(reading.timeOf), firsts,
      // Without the last line's break.
      tags: this.#tags.subarray(0, frames.length * tagPairBytes), units: this.#units.subarray(0, records * unitBytes), records: this.#records.subarray(0, this.#end - 1),
    }
  }

  #line(from: Buffer, start: number, end: number): void {
    from.copy(this.#records, this.#end, start, end)
    this.#end += end - start
    this.#records[this.#end] = NEW_LINE
    this.#end += 1
  }
}

/** How a batch is made of frames of one kind. `copy` is told where tags and units of a frame go. */
interface Reading<Of> {
  seqOf(frame: Of): number
  timeOf(frame: Of): number
  itemsOf(frame: Of): number
  bytesOf(frame: Of): number
  copy(frame: Of, tagsAt: number, unitsAt: number): void
}

const enough = (buffer: Buffer, bytes: number): Buffer => (bytes <= buffer.length ? buffer : Buffer.allocUnsafeSlow(bytes * 2))
