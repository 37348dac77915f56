// Attempts that are under way for each name, in this worker. Each may turn out wrong, so that together they are never more than may still fail.

interface Name {
  users: number
  underWay: number
  /** Rises when one ends: what was read before that may be old. */
  ended: number
  waiting: (() => void)[]
}

export class Tries {
  readonly #workers: number
  readonly #names = new Map<string, Name>()

  /** @param workers among which the attempts for a name are spread: each begins its share, and one at least */
  constructor(workers: number) {
    this.#workers = workers
  }

  /**
   * Runs the task when there is room for it.
   * @param left how many attempts may still fail, at least one; what it throws ends the wait
   */
  async run<T>(key: string, left: () => Promise<number>, task: () => Promise<T>): Promise<T> {
    const name = this.#names.get(key) ?? { users: 0, underWay: 0, ended: 0, waiting: [] }
    this.#names.set(key, name)
    name.users += 1
    try {
      await this.#turn(name, left)
      return await task().finally(() => end(name))
    } finally {
      name.users -= 1
      if (name.users === 0) this.#names.delete(key)
    }
  }

  async #turn(name: Name, left: () => Promise<number>): Promise<void> {
    // One may always begin: it looks for itself whether any is left.
    while (name.underWay > 0) {
      const { ended } = name
      const room = Math.max(1, Math.floor((await left()) / this.#workers))
      if (name.ended !== ended) continue
      if (name.underWay < room) break
      await new Promise<void>((resolve) => void name.waiting.push(resolve))
    }
    name.underWay += 1
  }
}

const end = (name: Name): void => {
  name.underWay -= 1
  name.ended += 1
  const { waiting } = name
  name.waiting = []
  for (const look of waiting) look()
}
