// What the bodies of all connections of one door may take. Past it a request is refused at once instead of the memory being taken.

const MiB = 1_048_576

/** Real requests are answered within milliseconds: this is thousands of ordinary ones at a time, or 48 of the largest that the limit allows by default. With the reserve it is about a quarter of what a worker has at rest. */
const LARGE_BYTES = 48 * MiB
/** On top, for small ones alone: large ones that are slow do not keep out a login. */
const RESERVE_BYTES = 16 * MiB
const SMALL_BYTES = 16_384

/** What the bodies of all connections take. */
export class BodyRoom {
  readonly #largeBytes: number
  #used = 0

  /** A limit that was set very high still finds room for two. */
  constructor(mostBodyBytes: number) {
    this.#largeBytes = Math.max(LARGE_BYTES, 2 * mostBodyBytes)
  }

  get used(): number {
    return this.#used
  }

  /** Takes what one needs to grow from one size to another; false: there is no room, and nothing was taken. */
  grow(from: number, to: number): boolean {
    const used = this.#used + to - from
    if (used > this.#largeBytes + (to <= SMALL_BYTES ? RESERVE_BYTES : 0)) return false
    this.#used = used
    return true
  }

  giveBack(size: number): void {
    this.#used -= size
  }

  /** For what has had its room until now, and goes on to need it. @returns what gives it back, once */
  keep(size: number): () => void {
    this.#used += size
    let isKept = true
    return () => {
      if (isKept) this.giveBack(size)
      isKept = false
    }
  }
}
