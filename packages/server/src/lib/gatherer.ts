/**
 * Group commit: what comes while work is under way is gathered and done together. What comes alone does not wait for company: it starts
 * once this turn of the loop has been read.
 */

export interface GathererOptions<Item, Result> {
  /** Does them all or none. Results in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  /** Does one by itself, after `run` failed for all of them. */
  readonly runAlone: (item: Item) => Promise<Result>
  /** Whether one of the items may have made all of them fail, and nothing was done. */
  readonly isSeparable: (error: unknown) => boolean
  readonly maxItems: number
  /** Of what is gathered; an item that is larger goes by itself. */
  readonly maxBytes: number
  /** How much work may be under way. */
  readonly flights: number
  /** How many items are worth a flight beside another one. */
  readonly worthwhile: number
  /** A place for one flight: where others' flights compete for the same means. */
  readonly place?: <T>(flight: () => Promise<T>) => Promise<T>
  /** Nothing waits and nothing is under way. */
  readonly onIdle?: () => void
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly bytes: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export class Gatherer<Item, Result> {
  readonly #options: GathererOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #flights = 0
  #scheduled = false

  constructor(options: GathererOptions<Item, Result>) {
    this.#options = options
  }

  add(item: Item, bytes: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes, resolve, reject })
      this.#consider()
    })
  }

  #consider(): void {
    const { flights, worthwhile } = this.#options
    if (this.#scheduled || this.#waiting.length === 0 || this.#flights >= flights || (this.#flights > 0 && this.#waiting.length < worthwhile)) return
    this.#scheduled = true
    setImmediate(() => void this.#fly())
  }

  async #fly(): Promise<void> {
    this.#scheduled = false
    this.#flights += 1
    const place = this.#options.place ?? ((flight) => flight())
    // Taken when the place is there: more may have come meanwhile.
    await place(() => this.#run(this.#take()))
    this.#flights -= 1
    if (this.#flights === 0 && this.#waiting.length === 0) this.#options.onIdle?.()
    else this.#consider()
  }

  #take(): readonly Waiting<Item, Result>[] {
    const { maxItems, maxBytes } = this.#options
    let count = 0
    for (let bytes = 0; count < Math.min(maxItems, this.#waiting.length); count++) {
      bytes += this.#waiting[count]?.bytes ?? 0
      if (count > 0 && bytes > maxBytes) break
    }
    const taken = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#consider()
    return taken
  }

  /** Never fails: everybody hears for himself. */
  async #run(taken: readonly Waiting<Item, Result>[]): Promise<void> {
    if (taken.length === 0) return
    try {
      const results = await this.#options.run(taken.map(({ item }) => item))
      if (results.length !== taken.length) throw new Error('A result for each item was expected')
      taken.forEach(({ resolve }, index) => resolve(results[index] as Result)) // as many as were counted
    } catch (error) {
      if (taken.length === 1 || !this.#options.isSeparable(error)) taken.forEach(({ reject }) => reject(error))
      else for (const { item, resolve, reject } of taken) await this.#options.runAlone(item).then(resolve, reject)
    }
  }
}
