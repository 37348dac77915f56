/**
 * Work of one kind that goes better together. What comes while nothing is under way is sent at once, with whatever else the same turn of the
 * event loop brought; what comes meanwhile waits, and goes together. So nobody who is alone waits for others, and the busier it is the more share
 * a journey. When all fail because of one, each is sent by itself.
 */

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

interface Line<Item, Result> {
  waiting: Waiting<Item, Result>[]
}

export interface GatheringOptions<Item, Result> {
  /** Does the work for items of one key; answers in their order. */
  readonly send: (key: string, items: readonly Item[]) => Promise<readonly Result[]>
  /** Whether a failure of all may be the fault of one, and nothing of it was done. */
  readonly isOfOne: (error: unknown) => boolean
  readonly most: number
}

export class Gathering<Item, Result> {
  readonly #options: GatheringOptions<Item, Result>
  /** Of keys under way or about to be. */
  readonly #lines = new Map<string, Line<Item, Result>>()

  constructor(options: GatheringOptions<Item, Result>) {
    this.#options = options
  }

  /** @throws what sending the item alone, or all of them, throws */
  add(key: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting = { item, resolve, reject }
      const line = this.#lines.get(key)
      if (line !== undefined) return void line.waiting.push(waiting)
      const begun = { waiting: [waiting] }
      this.#lines.set(key, begun)
      setImmediate(() => void this.#drain(key, begun))
    })
  }

  async #drain(key: string, line: Line<Item, Result>): Promise<void> {
    while (line.waiting.length > 0) {
      const together = line.waiting.slice(0, this.#options.most)
      line.waiting = line.waiting.slice(this.#options.most)
      await this.#send(key, together)
    }
    this.#lines.delete(key)
  }

  async #send(key: string, together: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.send(key, together.map(({ item }) => item))
      // The sender's claim about itself: as many answers as items.
      for (const [index, { resolve }] of together.entries()) resolve(results[index] as Result)
    } catch (error) {
      if (together.length > 1 && this.#options.isOfOne(error)) await Promise.all(together.map((each) => this.#send(key, [each])))
      else for (const { reject } of together) reject(error)
    }
  }
}
