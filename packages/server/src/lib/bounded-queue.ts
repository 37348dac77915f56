/** Runs at most so many tasks at once and lets at most so many wait; more are refused at once rather than piled up. */

export class QueueFull extends Error {
  readonly code = 'queue_full'
  constructor() {
    super('Too many tasks are waiting')
  }
}

export class BoundedQueue {
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #full: () => Error
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @param full what is thrown when the waiting room is full */
  constructor(limits: { readonly concurrency: number; readonly maxWaiting: number }, full: () => Error = () => new QueueFull()) {
    if (!(limits.concurrency >= 1) || !(limits.maxWaiting >= 0)) throw new RangeError('A queue needs room for a task')
    this.#concurrency = limits.concurrency
    this.#maxWaiting = limits.maxWaiting
    this.#full = full
  }

  /** Runs the task in its turn. Throws when the waiting room is full. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#concurrency) this.#running++
    else await this.#turn()
    try {
      return await task()
    } finally {
      // The place passes on without being free in between, so that a newcomer cannot take it first.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) throw this.#full()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/**
 * Places, for example connections, that journeys of gathered work share with work that needs one of its own. A journey waits for nobody; the other may wait for
 * somebody's row or another server, so it leaves one place to journeys where there are two. What has a place must not wait for another one.
 */
export class SharedRoom {
  readonly #places: BoundedQueue
  readonly #alone: BoundedQueue

  constructor(places: number) {
    this.#places = new BoundedQueue({ concurrency: places, maxWaiting: Number.POSITIVE_INFINITY })
    this.#alone = new BoundedQueue({ concurrency: Math.max(1, places - 1), maxWaiting: Number.POSITIVE_INFINITY })
  }

  journey<T>(task: () => Promise<T>): Promise<T> {
    return this.#places.run(task)
  }

  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.#alone.run(() => this.#places.run(task))
  }
}
