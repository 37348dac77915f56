// The requests that this process is answering now. Reads that a compiled plan answers are over before anybody could look.

import type { HttpExchange } from './exchange.ts'

export interface Flight {
  readonly startTime: number
  readonly remoteAddress: string
  readonly path: string
  readonly method: string
}

interface Begun {
  readonly startTime: number
  readonly exchange: Pick<HttpExchange, 'request' | 'target'>
}

export class Flights {
  readonly #now: () => number
  readonly #flights = new Map<string, Begun>()

  constructor(now: () => number) {
    this.#now = now
  }

  begin(exchange: HttpExchange): void {
    this.#flights.set(exchange.requestId, { startTime: this.#now(), exchange })
  }

  end(requestId: string): void {
    this.#flights.delete(requestId)
  }

  list(): ReadonlyMap<string, Flight> {
    return new Map([...this.#flights].map(([requestId, begun]) => [requestId, flightOf(begun)]))
  }
}

const flightOf = ({ startTime, exchange: { request: { method, socket }, target } }: Begun): Flight => {
  const { remoteAddress = '', remotePort = 0 } = socket
  // Without the query: it may say more than where something is.
  return { startTime, remoteAddress: remoteAddress === '' ? '' : `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`, path: `/${target.segments.join('/')}`, method }
}
