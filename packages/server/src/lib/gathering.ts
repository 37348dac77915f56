/**
 * Work of one kind that goes better together. What comes while nothing is under way is sent at once, with whatever else the same turn of the
 * event loop brought; what comes meanwhile waits, and goes together. So nobody who is alone waits for others, and the busier it is the more share
 * a journey. When all fail because of one, each is sent by itself.
 */

interface Waiting<Item, Result> {
  readonly item: Item
  readonly bytes: number
  resolve(result: Result): void
  reject(error: unknown): void
}

interface Line<Item, Result> {
  waiting: Waiting<Item, Result>[]
  /** Journeys under way. */
  underWay: number
  isCalled: boolean
}

export interface GatheringOptions<Item, Result> {
  /** Does the work for items of one key; answers in their order. */
  readonly send: (key: string, items: readonly Item[]) => Promise<readonly Result[]>
  /** Whether a failure of all may be the fault of one, and nothing of it was done. */
  readonly isOfOne: (error: unknown) => boolean
  readonly most: number
  /** Together; what is larger goes by itself. */
  readonly mostBytes?: number
  /** How many journeys of a key may be under way at once; one, unless said. */
  readonly journeys?: number
  /** Where what they do upon their answers would keep others waiting; all hear them at once, unless said. */
  readonly portions?: Portions | undefined
  /** How many items are worth a journey beside another one. */
  readonly worthwhile?: number
  /** A place for each journey, where those of all keys share what there is. */
  readonly place?: <T>(journey: () => Promise<T>) => Promise<T>
}

/** Tells so many answers in one turn of the event loop, whoever they are for, in the order in which they came: what is done upon them stays short, and others get their turn between. */
export class Portions {
  readonly #size: number
  #waiting: (() => void)[] = []
  #isCalled = false

  constructor(size: number) {
    this.#size = size
  }

  tell(answers: readonly (() => void)[]): void {
    this.#waiting.push(...answers)
    if (this.#isCalled || this.#waiting.length === 0) return
    this.#next()
  }

  #next(): void {
    const now = this.#waiting.slice(0, this.#size)
    this.#waiting = this.#waiting.slice(this.#size)
    this.#isCalled = true
    // Also when nothing is left: the turn has had its portion.
    setImmediate(() => {
      this.#isCalled = false
      if (this.#waiting.length > 0) this.#next()
    })
    for (const each of now) each()
  }
}

export class Gathering<Item, Result> {
  readonly #options: Required<Omit<GatheringOptions<Item, Result>, 'portions'>> & Pick<GatheringOptions<Item, Result>, 'portions'>
  /** Of keys under way or about to be. */
  readonly #lines = new Map<string, Line<Item, Result>>()

  constructor(options: GatheringOptions<Item, Result>) {
    this.#options = { mostBytes: Number.POSITIVE_INFINITY, journeys: 1, worthwhile: 1, place: (journey) => journey(), ...options }
  }

  /** Keys for which something waits or is under way. */
  get count(): number {
    return this.#lines.size
  }

  /** @throws what sending the item alone, or all of them, throws */
  add(key: string, item: Item, bytes = 0): Promise<Result> {
    return new Promise((resolve, reject) => {
      const line = this.#lines.get(key) ?? { waiting: [], underWay: 0, isCalled: false }
      this.#lines.set(key, line)
      line.waiting.push({ item, bytes, resolve, reject })
      this.#consider(key, line)
    })
  }

  #consider(key: string, line: Line<Item, Result>): void {
    const { journeys, worthwhile } = this.#options
    if (line.isCalled || line.waiting.length === 0 || line.underWay >= journeys || (line.underWay > 0 && line.waiting.length < worthwhile)) return
    line.isCalled = true
    setImmediate(() => void this.#travel(key, line))
  }

  async #travel(key: string, line: Line<Item, Result>): Promise<void> {
    line.isCalled = false
    line.underWay += 1
    // Taken when there is a place: more may have come meanwhile.
    const tell = await this.#options.place(() => this.#send(key, this.#take(key, line)))
    line.underWay -= 1
    if (line.underWay === 0 && line.waiting.length === 0) this.#lines.delete(key)
    else this.#consider(key, line)
    const { portions } = this.#options
    if (portions !== undefined) portions.tell(tell)
    else for (const each of tell) each()
  }

  #take(key: string, line: Line<Item, Result>): readonly Waiting<Item, Result>[] {
    const { most, mostBytes } = this.#options
    let count = 0
    for (let bytes = 0; count < Math.min(most, line.waiting.length); count++) {
      bytes += line.waiting[count]?.bytes ?? 0
      if (count > 0 && bytes > mostBytes) break
    }
    const taken = line.waiting.slice(0, count)
    line.waiting = line.waiting.slice(count)
    this.#consider(key, line)
    return taken
  }

  /** Never fails: everybody hears for himself, by what it returns. */
  async #send(key: string, together: readonly Waiting<Item, Result>[]): Promise<readonly (() => void)[]> {
    if (together.length === 0) return []
    try {
      const results = await this.#options.send(key, together.map(({ item }) => item))
      // The sender's claim about itself: as many answers as items.
      return together.map(({ resolve }, index) => () => resolve(results[index] as Result))
    } catch (error) {
      if (together.length === 1 || !this.#options.isOfOne(error)) return together.map(({ reject }) => () => reject(error))
      // Each hears as soon as his own is over.
      for (const each of together) for (const tell of await this.#send(key, [each])) tell()
      return []
    }
  }
}
