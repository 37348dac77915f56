// The last frames, as they were written, in one piece of memory that is used round and round: what ships them need not read the disk, hash
// again what the spool has just hashed, or make an object of every record. A frame that is forgotten is read from its
// segment instead, so nothing depends on what is here.
import type { Position } from './reader.ts'

/** Half a second of the fastest reads; shipping is a tenth of one behind. Untouched memory is not resident. */
const CAPACITY = 4 * 1024 * 1024

export interface RecentFrame {
  readonly seq: number
  readonly at: number
  readonly items: number
  /** Holds nothing but records. */
  readonly isPlain: boolean
  /** Where the next frame starts. */
  readonly after: Position
  /** Where its bytes begin, and then its units. */
  readonly start: number
  readonly bytes: number
  readonly unitsBytes: number
}

export interface WrittenFrame {
  readonly seq: number
  readonly at: number
  readonly items: number
  readonly isPlain: boolean
  readonly after: Position
  /** Whole, as on the disk. */
  readonly bytes: Uint8Array
  readonly units: Uint8Array
}

export class RecentFrames {
  readonly memory: Buffer
  readonly #frames = new Map<number, RecentFrame>()
  #end = 0

  constructor(capacity = CAPACITY) {
    this.memory = Buffer.allocUnsafeSlow(capacity)
  }

  add({ bytes, units, ...facts }: WrittenFrame): void {
    const length = bytes.length + units.length
    // The others stay; the gap tells whoever asks for what comes after it.
    if (length > this.memory.length / 2) return
    if (this.#end + length > this.memory.length) {
      this.#forget((oldest) => oldest.start >= this.#end)
      this.#end = 0
    }
    const start = this.#end
    this.#forget((oldest) => oldest.start < start + length && oldest.start + oldest.bytes + oldest.unitsBytes > start)
    this.memory.set(bytes, start)
    this.memory.set(units, start + bytes.length)
    this.#frames.set(facts.seq, { ...facts, start, bytes: bytes.length, unitsBytes: units.length })
    this.#end = start + length
  }

  /** The frames from `seq` on, until `mostBytes` are reached; at least one where that one is remembered. Their memory stays as it is until the next `add`. */
  from(seq: number, mostBytes: number): readonly RecentFrame[] {
    const found: RecentFrame[] = []
    let bytes = 0
    for (let at = seq; bytes < mostBytes; at += 1) {
      const frame = this.#frames.get(at)
      if (frame === undefined) break
      found.push(frame)
      bytes += frame.bytes
    }
    return found
  }

  /** Places are given round and round, so what is in the way is always the oldest. */
  #forget(isInTheWay: (oldest: RecentFrame) => boolean): void {
    for (const [seq, oldest] of this.#frames) {
      if (!isInTheWay(oldest)) return
      this.#frames.delete(seq)
    }
  }
}
