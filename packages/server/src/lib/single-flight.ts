/** Callers that want the same thing at the same time share one piece of work. Failures are shared, never remembered. */

export class SingleFlight<K, V> {
  readonly #flights = new Map<K, Promise<V>>()

  get inFlight(): number {
    return this.#flights.size
  }

  /** The result of the work under way for the key, or else of `work`, started now. */
  run(key: K, work: () => Promise<V>): Promise<V> {
    const flying = this.#flights.get(key)
    if (flying !== undefined) return flying
    const flight = start(work).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    })
    this.#flights.set(key, flight)
    return flight
  }

  /** The next caller starts anew, though work is under way: it began before something that it must see. */
  forget(key: K): void {
    this.#flights.delete(key)
  }
}

/** A synchronous throw becomes a rejection, so that it is cleaned up like any other. */
async function start<V>(work: () => Promise<V>): Promise<V> {
  return work()
}
