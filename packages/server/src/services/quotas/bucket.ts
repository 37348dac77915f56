// One rate limit in one worker: how many requests each address still has in the present interval. Bounded in memory, however
// many addresses there are; what was not used lately is forgotten.

import { Recent } from '../../lib/recent.ts'

export interface RateRule {
  /** Requests in an interval. */
  readonly rate: number
  readonly intervalSeconds: number
  /** How long an address is refused once it asked too often; 0: until the interval is over. */
  readonly blockSeconds: number
}

export interface Taken {
  readonly allowed: boolean
  readonly limit: number
  readonly remaining: number
  /** Until the next interval begins. */
  readonly resetSeconds: number
  /** Until it makes sense to try again; 0 when allowed. */
  readonly retryAfterSeconds: number
  /** Refused because of an earlier request. */
  readonly blocked: boolean
}

interface Bucket {
  startedAt: number
  tick: number
  left: number
  blockedUntil: number
}

const MOST_ADDRESSES = 65_536
const up = (ms: number): number => Math.max(0, Math.ceil(ms / 1000))

export class RateLimit {
  readonly limit: number
  readonly #intervalMs: number
  readonly #blockMs: number
  readonly #buckets = new Recent<string, Bucket>(MOST_ADDRESSES)

  /** @param workers that share the rate: each lets its part through, and at least one request */
  constructor(rule: RateRule, workers: number) {
    this.limit = Math.max(1, Math.ceil(Math.round(rule.rate) / workers))
    this.#intervalMs = rule.intervalSeconds * 1000
    this.#blockMs = rule.blockSeconds * 1000
  }

  /** Whether so many requests would be let through now; it takes nothing. What is let through now is let through a moment later, too. */
  allows(address: string, now: number, requests = 1): boolean {
    const bucket = this.#buckets.get(address)
    if (bucket === undefined) return this.limit >= requests
    return bucket.blockedUntil <= now && (bucket.left >= requests || (this.limit >= requests && this.#tickAt(bucket, now) > bucket.tick))
  }

  /** @param now monotonic milliseconds */
  take(address: string, now: number): Taken {
    let bucket = this.#buckets.get(address)
    if (bucket === undefined) this.#buckets.set(address, (bucket = { startedAt: now, tick: 0, left: this.limit, blockedUntil: 0 }))
    if (bucket.blockedUntil > now) return { allowed: false, limit: this.limit, remaining: 0, resetSeconds: up(bucket.blockedUntil - now), retryAfterSeconds: up(bucket.blockedUntil - now), blocked: true }
    const tick = this.#tickAt(bucket, now)
    if (tick > bucket.tick) {
      bucket.tick = tick
      bucket.left = this.limit
    }
    const resetSeconds = up(bucket.startedAt + (bucket.tick + 1) * this.#intervalMs - now)
    const allowed = bucket.left > 0
    if (allowed) bucket.left -= 1
    else if (this.#blockMs > 0) bucket.blockedUntil = now + this.#blockMs
    const retryAfterSeconds = allowed ? 0 : this.#blockMs > 0 ? up(this.#blockMs) : resetSeconds
    return { allowed, limit: this.limit, remaining: bucket.left, resetSeconds, retryAfterSeconds, blocked: false }
  }

  #tickAt({ startedAt }: Bucket, now: number): number {
    return Math.floor((now - startedAt) / this.#intervalMs)
  }
}
