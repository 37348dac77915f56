// How a process of ours feels: event loop utilisation and delay, memory. Registered as gauges that are read when scraped.

import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks'
import { memoryUsage, uptime } from 'node:process'
import type { Metrics } from './metrics.ts'

export interface ProcessHealth {
  /** Share of the time since the last reading in which the event loop was busy, 0 to 1. */
  utilisation(): number
  stop(): void
}

/** Declares `coffer_process_*` on the registry. */
export const observeProcess = (metrics: Metrics): ProcessHealth => {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  let last: EventLoopUtilization = performance.eventLoopUtilization()
  const utilisation = (): number => {
    const now = performance.eventLoopUtilization()
    const since = performance.eventLoopUtilization(now, last)
    last = now
    return since.utilization
  }
  const busy = metrics.gauge('coffer_process_event_loop_utilisation', 'Share of time in which the event loop was busy since the last scrape.').with()
  const lag = metrics.gauge('coffer_process_event_loop_delay_seconds', '99th percentile of the event loop delay since the last scrape.').with()
  const resident = metrics.gauge('coffer_process_resident_bytes', 'Resident memory.').with()
  const heap = metrics.gauge('coffer_process_heap_bytes', 'Heap in use.').with()
  const alive = metrics.gauge('coffer_process_uptime_seconds', 'Time since the process started.').with()
  metrics.onRead(() => {
    busy.set(utilisation())
    lag.set(delay.count === 0 ? 0 : delay.percentile(99) / 1e9)
    delay.reset()
    const memory = memoryUsage()
    resident.set(memory.rss)
    heap.set(memory.heapUsed)
    alive.set(uptime())
  })
  return { utilisation, stop: () => void delay.disable() }
}
