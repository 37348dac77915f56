// The requests that this process is answering now. Reads that a compiled plan answers are over before anybody could look.

import type { HttpExchange } from './exchange.ts'

export interface Flight {
  readonly startTime: number
  readonly remoteAddress: string
  readonly path: string
  readonly method: string
}

export class Flights {
  readonly #now: () => number
  /** Each with when it began. */
  readonly #flights = new Map<HttpExchange, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  begin(exchange: HttpExchange): void {
    this.#flights.set(exchange, this.#now())
  }

  end(exchange: HttpExchange): void {
    this.#flights.delete(exchange)
  }

  list(): ReadonlyMap<string, Flight> {
    return new Map([...this.#flights].map(([exchange, startTime]) => [exchange.requestId, flightOf(exchange, startTime)]))
  }
}

const flightOf = ({ request: { method, socket }, target }: HttpExchange, startTime: number): Flight => {
  const { remoteAddress = '', remotePort = 0 } = socket
  // Without the query: it may say more than where something is.
  return { startTime, remoteAddress: remoteAddress === '' ? '' : `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`, path: `/${target.segments.join('/')}`, method }
}
