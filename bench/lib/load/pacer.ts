// Says when requests of an open loop are due, to some tens of microseconds: timers of an event loop are a millisecond apart, which would be most of the latency
// of a read. In a thread of its own, because it sleeps.

import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

interface Pace {
  /** By `now`. */
  readonly from: number
  readonly everyMs: number
  readonly count: number
}

/** Milliseconds, the same in all threads; `performance.now` counts from each thread's start. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** How long the thread may take to start. */
const START_MS = 300

/** Calls `due` whenever something is due, a moment later, with how many have been so far. Returns when the first is, as `performance.now()` tells it. */
export const startPacer = (pace: Omit<Pace, 'from'>, due: (soFar: number) => void): number => {
  const first = performance.now() + START_MS
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...pace, from: now() + START_MS } satisfies Pace })
  worker.on('message', (soFar: number) => due(Math.min(soFar, pace.count)))
  return first
}

if (!isMainThread && parentPort !== null) {
  const { from, everyMs, count } = workerData as Pace // made above
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let next = 0; next < count; ) {
    const late = now() - (from + next * everyMs)
    if (late < 0) Atomics.wait(never, 0, 0, -late)
    else {
      next += Math.floor(late / everyMs) + 1
      parentPort.postMessage(next)
    }
  }
}
