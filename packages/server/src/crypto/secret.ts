/**
 * A value that must not be seen by accident: however it is printed, inspected, joined to a string or serialised, it reads
 * `[REDACTED_SECRET]`. The only way out is `reveal`, so that searching for its calls lists every exposure.
 */
import { inspect } from 'node:util'

export const MASK = '[REDACTED_SECRET]'

export class Secret<T> {
  // A private field is out of reach of JSON, spread, structured clone and the inspector's property walk.
  readonly #value: T

  constructor(value: T) {
    this.#value = value
    Object.freeze(this)
  }

  static reveal<T>(secret: Secret<T>): T {
    return secret.#value
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [Symbol.toPrimitive](): string {
    return MASK
  }

  [inspect.custom](): string {
    return MASK
  }
}

/** Wraps a value so that it masks itself. */
export function secret<T>(value: T): Secret<T> {
  return new Secret(value)
}

/** Takes the value out. `why` is for the reader of the code and says where the value goes. */
export function reveal<T>(wrapped: Secret<T>, why: string): T {
  if (why === '') throw new TypeError('Revealing a secret needs a reason')
  return Secret.reveal(wrapped)
}
