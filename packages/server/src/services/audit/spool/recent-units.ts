// The units of the last frames, so that shipping need not hash again what the spool has just hashed. Bounded; a frame that
// is forgotten costs its hashes, nothing else.
import { unitBytes, type Frame } from './frame.ts'

/** Of some 60,000 records. */
const MOST_BYTES = 2 * 1024 * 1024

interface Kept {
  readonly tag: Buffer
  readonly units: Buffer
}

export class RecentUnits {
  readonly #kept = new Map<number, Kept>()
  #bytes = 0

  add(seq: number, tag: Buffer, units: Buffer): void {
    this.#kept.set(seq, { tag, units })
    this.#bytes += units.length
    for (const [oldest, { units: { length } }] of this.#kept) {
      if (this.#bytes <= MOST_BYTES) return
      this.#kept.delete(oldest)
      this.#bytes -= length
    }
  }

  /** The tag covers the units, so the same tag means the same units; verification finds bytes that are not theirs. */
  get({ seq, tag, items }: Frame): Buffer | undefined {
    const kept = this.#kept.get(seq)
    return kept !== undefined && kept.units.length === items.length * unitBytes && kept.tag.equals(tag) ? kept.units : undefined
  }
}
