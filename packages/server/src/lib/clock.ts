/**
 * Time comes through this port, so that tests can turn the hands. This is the only place that reads
 * the machine's clock. Wall time may jump; only monotonic time measures how long something took.
 */

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  wall(): number
  /** Milliseconds, fractional, from an arbitrary start; never goes back. */
  monotonic(): number
}

export const systemClock: Clock = Object.freeze({
  wall: () => Date.now(),
  monotonic: () => performance.now(),
})

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #wall: number
  #monotonic = 0

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wall = wallMs
  }

  wall(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Lets time pass: both hands move. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('Time does not pass backwards; use setWall for a clock step')
    this.#wall += ms
    this.#monotonic += ms
  }

  /** Steps the wall clock as an administrator or NTP does; monotonic time does not move. */
  setWall(ms: number): void {
    this.#wall = ms
  }
}
