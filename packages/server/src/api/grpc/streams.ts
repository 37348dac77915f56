// The watching streams of the process: how many there are of each token and in all, and how they end with it. A token that opens one after another without end
// must not take the places of the rest.

import { fail } from '../../kernel/errors.ts'

export interface StreamLimits {
  readonly perToken: number
  readonly inAll: number
}

export class Streams {
  readonly #limits: StreamLimits
  readonly #ofToken = new Map<string, number>()
  readonly #open = new Set<AbortController>()

  constructor(limits: StreamLimits) {
    this.#limits = limits
  }

  /** Before anything is done for a stream. @throws rate_limited */
  begin(stream: AbortController): () => void {
    if (this.#open.size >= this.#limits.inAll) throw fail('rate_limited', 'delivery.too_many_streams', 'This server has as many watching streams as it takes. Try again later.', { retryAfterSeconds: 30 })
    this.#open.add(stream)
    return () => void this.#open.delete(stream)
  }

  /** Ends them all. */
  stop(): void {
    for (const stream of this.#open) stream.abort()
  }

  /** @throws rate_limited */
  enter(token: string): () => void {
    const count = this.#ofToken.get(token) ?? 0
    if (count >= this.#limits.perToken) throw fail('rate_limited', 'delivery.too_many_streams', `One token has at most ${this.#limits.perToken} watching streams. Close one, or watch several secrets with one stream.`)
    this.#ofToken.set(token, count + 1)
    return () => {
      const left = (this.#ofToken.get(token) ?? 1) - 1
      if (left === 0) this.#ofToken.delete(token)
      else this.#ofToken.set(token, left)
    }
  }
}
