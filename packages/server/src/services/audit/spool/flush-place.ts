// Who waits for the disk: the thread that answers, or one of the pool. A trip to the pool costs some 80 µs of processor time, and where
// the answering thread is busy, the one of the pool waits for its turn on the core, a millisecond and more (Linux' scheduler lets a thread finish
// its slice). Nothing is answered before its record is on the disk anyway, so a disk that takes less time than the trip is waited for in place. A
// slower one is not: what could be done meanwhile would stand still.

/** What a flush in place may take in the middle. */
const MOST_MS = 0.25
/** One flush that takes long says little about the disk. */
const MOST_COUNTED_MS = 2
const WEIGHT = 1 / 16
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
/** So many in a row, and the disk counts as a fast one again. */
const TRUSTED_AFTER = 1000

export class FlushPlace {
  #averageMs = 0
  #pausedUntil = Number.NEGATIVE_INFINITY
  #pauseMs = FIRST_PAUSE_MS
  #inARow = 0

  /** @param now monotonic, milliseconds */
  isHere(now: number): boolean {
    return now >= this.#pausedUntil
  }

  /** A flush in place took so long. */
  took(ms: number, now: number): void {
    this.#averageMs += (Math.min(ms, MOST_COUNTED_MS) - this.#averageMs) * WEIGHT
    this.#inARow += 1
    if (this.#inARow >= TRUSTED_AFTER) this.#pauseMs = FIRST_PAUSE_MS
    if (this.#averageMs <= MOST_MS) return
    this.#pausedUntil = now + this.#pauseMs
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
    this.#averageMs = 0
    this.#inARow = 0
  }
}
