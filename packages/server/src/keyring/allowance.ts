// How often a KEK may still encrypt. Random 96-bit IVs allow 2^32 encryptions under one key at a repetition risk of 2^-32
// (NIST SP 800-38D, 8.3); we rotate at 2^30. Workers take blocks in SQL and spend them in memory: a crash loses a block, never counts too few.

import type { Clock } from '../lib/clock.ts'
import type { Kek } from './org-keys.ts'

export interface AllowanceLimits {
  /** Encryptions taken at a time. */
  readonly block: number
  /** Encryptions after which a KEK is rotated. */
  readonly rotateAfter: number
}

export const defaultLimits: AllowanceLimits = Object.freeze({ block: 2 ** 16, rotateAfter: 2 ** 30 })

/**
 * A block is good for this long and must then be taken anew, which fails once the KEK is retired. So nobody wraps under a KEK
 * that was retired longer ago than this, and `retireKek` may destroy it after `retirementGraceSeconds`.
 */
const blockLifetimeMs = 10 * 60 * 1000

/** Database time between the retirement of a KEK and its destruction: a block's lifetime and the longest request, with much to spare. */
export const retirementGraceSeconds = 3600

/** One worker's paid-for encryptions under one KEK version. */
export class Allowance {
  readonly #clock: Clock
  #kek: Kek | undefined
  #left = 0
  #until = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes `count` encryptions under this KEK if they are paid for. */
  take(kek: Kek, count: number): boolean {
    const same = this.#kek?.kekId === kek.kekId && this.#kek.kekVersion === kek.kekVersion
    if (!same || this.#left < count || this.#clock.monotonic() >= this.#until) return false
    this.#left -= count
    return true
  }

  /** Enters a block that was asked for at `askedAt` (monotonic): its lifetime runs from before the database answered. */
  enter(kek: Kek, count: number, askedAt: number): void {
    this.#kek = kek
    this.#left = count
    this.#until = askedAt + blockLifetimeMs
  }
}
