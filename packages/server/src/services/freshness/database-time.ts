// Database time between two questions to the database: pairs of (database time, monotonic time) bound the offset between
// the two, and monotonic time carries it on. The wall clock is only watched: when wall, monotonic and database
// time disagree about how much time passed, irreversible work has to stop.

import { fail } from '../../kernel/errors.ts'
import type { Clock } from '../../lib/clock.ts'

export interface TimePair {
  /** Monotonic times around the question. */
  readonly sentMs: number
  readonly receivedMs: number
  /** What the database answered, in milliseconds since the epoch. */
  readonly databaseMs: number
}

/** Database time minus monotonic time lies between these. */
interface OffsetRange {
  readonly least: number
  readonly most: number
}

export interface TimeDisagreement {
  readonly databaseMs: number
  readonly wallMs: number
}

export interface DatabaseTimeOptions {
  readonly clock: Clock
  /** Called when the clocks begin to disagree. */
  readonly onSuspect?: ((by: TimeDisagreement) => void) | undefined
}

/** Beyond the uncertainty of the question itself, this much of a step is taken for drift. Half of a lease's margin. */
const toleranceMs = 100
/** Clocks drift: what counts as a step is judged against a pair at most this old. */
const anchorMaxAgeMs = 10_000
const suspectMs = 5_000
const baselineMaxAgeMs = 600_000

interface Baseline {
  readonly at: number
  readonly offset: OffsetRange
  readonly wallOffset: number
}

export class DatabaseTime {
  readonly #clock: Clock
  readonly #onSuspect: DatabaseTimeOptions['onSuspect']
  /** What the offset is taken to be. */
  #offset: OffsetRange | undefined
  /** What steps are measured from; it is not moved by small ones, so that they add up. */
  #anchor: OffsetRange | undefined
  #anchoredAt = 0
  #steadySince = Infinity
  #baseline: Baseline | undefined
  #suspect = false

  constructor({ clock, onSuspect }: DatabaseTimeOptions) {
    this.#clock = clock
    this.#onSuspect = onSuspect
  }

  observe({ sentMs, receivedMs, databaseMs }: TimePair): void {
    const seen: OffsetRange = { least: databaseMs - receivedMs, most: databaseMs - sentMs }
    const anchor = this.#anchor
    const stepped = anchor === undefined || gap(anchor, seen) > toleranceMs
    if (stepped) this.#steadySince = receivedMs
    if (stepped || receivedMs - this.#anchoredAt > anchorMaxAgeMs) {
      this.#anchor = seen
      this.#anchoredAt = receivedMs
      this.#offset = seen
    }
    const known = this.#offset ?? seen
    this.#offset = gap(known, seen) > 0 ? seen : { least: Math.max(known.least, seen.least), most: Math.min(known.most, seen.most) }
    this.#compare(seen)
  }

  /** The database's clock, at most one round trip ahead of it, never behind: an expiry comes rather early than late. */
  now(): number {
    if (this.#offset === undefined) throw fail('unavailable', 'freshness.no_time', 'The database has not been reached yet. Try again shortly.')
    return this.#clock.monotonic() + this.#offset.most
  }

  get known(): boolean {
    return this.#offset !== undefined
  }

  /** Monotonic time since which the database's clock has kept pace; Infinity before the first pair. */
  get steadySince(): number {
    return this.#steadySince
  }

  /** The database is another one than before: what was known of its clock is not about this one. */
  disturb(): void {
    this.#anchor = undefined
    this.#offset = undefined
    this.#steadySince = Infinity
  }

  /** True while wall, monotonic and database time disagree by more than 5 s about the time that passed. */
  get suspect(): boolean {
    return this.#suspect
  }

  /** An operator has looked and found the clocks right as they are now. */
  accept(): void {
    this.#baseline = undefined
    this.#suspect = false
  }

  /** While suspect, the baseline from before the step stays: the suspicion ends when the step is taken back, or by `accept`. */
  #compare(offset: OffsetRange): void {
    const at = this.#clock.monotonic()
    const wallOffset = this.#clock.wall() - at
    const base = this.#baseline
    if (base === undefined) {
      this.#baseline = { at, offset, wallOffset }
      return
    }
    const databaseMs = signedGap(base.offset, offset)
    const wallMs = wallOffset - base.wallOffset
    const suspect = Math.max(Math.abs(databaseMs), Math.abs(wallMs), Math.abs(databaseMs - wallMs)) > suspectMs
    if (suspect && !this.#suspect) this.#onSuspect?.({ databaseMs, wallMs })
    this.#suspect = suspect
    if (!suspect && at - base.at > baselineMaxAgeMs) this.#baseline = { at, offset, wallOffset }
  }
}

/** How far `to` lies after (or, negative, before) `from`; 0 when they overlap. */
const signedGap = (from: OffsetRange, to: OffsetRange): number =>
  to.least > from.most ? to.least - from.most : to.most < from.least ? to.most - from.least : 0

const gap = (from: OffsetRange, to: OffsetRange): number => Math.abs(signedGap(from, to))
