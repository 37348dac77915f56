/** Tasks of one key run one after the other, in the order in which they came; those of different keys do not wait for each other. */
export class Turns<K> {
  readonly #last = new Map<K, Promise<void>>()

  /** Keys for which something runs or waits. */
  get count(): number {
    return this.#last.size
  }

  async run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const { promise: mine, resolve: done } = Promise.withResolvers<void>()
    this.#last.set(key, mine)
    try {
      if (before !== undefined) await before
      return await task()
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
      done()
    }
  }
}
