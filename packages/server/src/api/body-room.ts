// What the bodies of all connections of one door may take, and what is made of them. Past it a request is refused at once instead of the memory being taken.

import { busy } from '../request/admission.ts'

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
    if (this.#used + to - from > this.#boundFor(to)) return false
    this.#used += to - from
    return true
  }

  /** The same for what is there already: while all is within the bound one may go past it, so that one alone always can. */
  overgrow(from: number, to: number): boolean {
    if (this.#used > this.#boundFor(to)) return false
    this.#used += to - from
    return true
  }

  giveBack(size: number): void {
    this.#used -= size
  }

  /** Undefined: there is no room. */
  claim(size: number): Claim | undefined {
    return this.grow(0, size) ? new Claim(this, size) : undefined
  }

  /** For what has had its room until now, and goes on to need it. */
  keep(size: number): Claim {
    this.#used += size
    return new Claim(this, size)
  }

  #boundFor(size: number): number {
    return this.#largeBytes + (size <= SMALL_BYTES ? RESERVE_BYTES : 0)
  }
}

/** What one request has of the room. */
export class Claim {
  readonly #room: BodyRoom
  #size: number

  constructor(room: BodyRoom, size: number) {
    this.#room = room
    this.#size = size
  }

  /** For what was made of the body. @throws unavailable `server.busy` */
  grow(more: number): void {
    if (!this.#room.overgrow(this.#size, this.#size + more)) throw busy()
    this.#size += more
  }

  giveBack(): void {
    this.#room.giveBack(this.#size)
    this.#size = 0
  }
}
