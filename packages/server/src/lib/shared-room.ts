import { BoundedQueue } from './bounded-queue.ts'

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
