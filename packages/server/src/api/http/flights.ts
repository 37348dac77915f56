// The requests that this process is answering now. Reads that a compiled plan answers are over before anybody could look.

import type { HttpExchange } from './server.ts'

export interface Flight {
  readonly startTime: number
  readonly remoteAddress: string
  readonly path: string
  readonly method: string
}

export class Flights {
  readonly #now: () => number
  readonly #flights = new Map<string, Flight>()

  constructor(now: () => number) {
    this.#now = now
  }

  begin({ requestId, request, method, target }: HttpExchange): void {
    const { remoteAddress = '', remotePort = 0 } = request.socket
    // Without the query: it may say more than where something is.
    this.#flights.set(requestId, { startTime: this.#now(), remoteAddress: remoteAddress === '' ? '' : `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`, path: `/${target.segments.join('/')}`, method })
  }

  end(requestId: string): void {
    this.#flights.delete(requestId)
  }

  list(): ReadonlyMap<string, Flight> {
    return this.#flights
  }
}
