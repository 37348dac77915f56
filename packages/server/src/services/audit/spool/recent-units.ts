// The units of the last frames, so that shipping need not hash again what the spool has just hashed. Bounded; a frame that
// is forgotten costs its hashes, nothing else.
import { unitBytes, type Frame } from './frame.ts'

/** Of some 36,000 records at fifteen a frame, which is seconds; shipping is a fraction of one behind. */
const MOST_BYTES = 2 * 1024 * 1024
/** Of a frame besides its units: two buffers with their memory's bookkeeping, and the place in the map. Many frames hold one record only. */
const FRAME_BYTES = 512

interface Kept {
  readonly tag: Buffer
  readonly units: Buffer
}

export class RecentUnits {
  readonly #kept = new Map<number, Kept>()
  #bytes = 0

  add(seq: number, tag: Buffer, units: Buffer): void {
    this.#kept.set(seq, { tag, units })
    this.#bytes += units.length + FRAME_BYTES
    for (const [oldest, { units: { length } }] of this.#kept) {
      if (this.#bytes <= MOST_BYTES) return
      this.#kept.delete(oldest)
      this.#bytes -= length + FRAME_BYTES
    }
  }

  /** The tag covers the units, so the same tag means the same units; verification finds bytes that are not theirs. */
  get({ seq, tag, items }: Frame): Buffer | undefined {
    const kept = this.#kept.get(seq)
    return kept !== undefined && kept.units.length === items.length * unitBytes && kept.tag.equals(tag) ? kept.units : undefined
  }
}
