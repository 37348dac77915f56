// The worker's own numbers: caches, lease, decisions. Declared once, read when they are asked for.

import type { Histogram, Metrics } from '../telemetry/metrics.ts'
import type { CacheRegion } from '../services/freshness/cache.ts'
import type { Freshness } from '../services/freshness/freshness.ts'

/** Hits and misses of each region, and the state of the lease. */
export const exposeFreshness = (metrics: Metrics, freshness: Freshness, regions: readonly Pick<CacheRegion<never>, 'name' | 'counters' | 'bytes' | 'count'>[]): void => {
  const hits = metrics.counter('coffer_cache_hits_total', 'Answers that a cache gave under the lease.', ['cache'])
  const misses = metrics.counter('coffer_cache_misses_total', 'Questions that went to the database.', ['cache'])
  const bytes = metrics.gauge('coffer_cache_bytes', 'Bytes that a cache holds.', ['cache'])
  const usable = metrics.gauge('coffer_lease_usable', 'Whether this worker may answer from its caches.').with()
  const suspect = metrics.gauge('coffer_clocks_disagree', 'Whether wall, monotonic and database clocks disagree by more than five seconds.').with()
  const last = new Map<string, { hits: number; misses: number }>()
  metrics.onRead(() => {
    const state = freshness.state()
    usable.set(state.leaseUsable ? 1 : 0)
    suspect.set(state.timeSuspect ? 1 : 0)
    for (const region of regions) {
      const before = last.get(region.name) ?? { hits: 0, misses: 0 }
      hits.with(region.name).inc(region.counters.hits - before.hits)
      misses.with(region.name).inc(region.counters.misses - before.misses)
      bytes.with(region.name).set(region.bytes)
      last.set(region.name, { hits: region.counters.hits, misses: region.counters.misses })
    }
  })
}

/** Reads that compiled plans answered, against those that they left to the general way. */
interface WarmCounts {
  readonly answered: number
  readonly left: number
}

export const exposeWarmReads = (metrics: Metrics, warm: { readonly counters: WarmCounts; readonly logins: WarmCounts }): void => {
  const reads = metrics.counter('coffer_warm_reads_total', 'Plain reads with a token or a login of their own: answered by a compiled plan, or left to the general way.', ['outcome'])
  const logins = metrics.counter('coffer_warm_logins_total', 'Logins to paths where logins come again: answered by a compiled plan, or left to the general way.', ['outcome'])
  for (const [counter, counts] of [[reads, warm.counters], [logins, warm.logins]] as const) {
    const last = { answered: 0, left: 0 }
    metrics.onRead(() => {
      for (const outcome of ['answered', 'left'] as const) {
        counter.with(outcome).inc(counts[outcome] - last[outcome])
        last[outcome] = counts[outcome]
      }
    })
  }
}

/** Notes how long requests took; the series of an operation and a status is looked up once. */
export const observer = (requests: ReturnType<Metrics['histogram']>): ((operation: string, status: number, seconds: number) => void) => {
  const known = new Map<string, Map<number, Histogram>>()
  return (operation, status, seconds) => {
    let of = known.get(operation)
    if (of === undefined) known.set(operation, (of = new Map()))
    let series = of.get(status)
    if (series === undefined) of.set(status, (series = requests.with(operation, String(status))))
    series.observe(seconds)
  }
}
