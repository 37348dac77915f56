// Answers that carry new shares: when such an answer has been handed to the operating system whole, the supervisor hears of
// it and ends the old shares. Whatever dies before that leaves both valid.

import type { Door } from '../api/http/exchange.ts'

export class Deliveries {
  readonly #expected = new Set<string>()

  expect(requestId: string): void {
    this.#expected.add(requestId)
  }

  /** The same door, watched. */
  watch(door: Door, delivered: (requestId: string) => void): Door {
    return {
      handle: async (exchange) => {
        exchange.reply.whenGone((isWhole) => { if (this.#take(exchange.requestId) && isWhole) delivered(exchange.requestId) })
        await door.handle(exchange)
      },
      ...(door.unread === undefined ? {} : { unread: door.unread.bind(door) }),
      refuse: (exchange, error) => door.refuse(exchange, error),
    }
  }

  #take(requestId: string): boolean {
    return this.#expected.delete(requestId)
  }
}
