// Rate limits on the way of a request: behind Vault's door before anything else is known of it, as in Vault; behind the others
// when it says what it is about. A request counts once.

import { fail } from '../kernel/errors.ts'
import type { Taken } from '../services/quotas/bucket.ts'
import type { LimitedPlace } from '../services/quotas/book.ts'

export type { LimitedPlace }

export interface RequestLimits {
  /** Whether there is any limit at all. */
  readonly active: boolean
  /** Whether refusals are recorded. */
  readonly recordsRefusals: boolean
  /** Whether answers say what is left. */
  readonly showsHeaders: boolean
  /** Whether it would be let through; takes nothing. `also`: whether both would be, one after the other. */
  allows(place: LimitedPlace, address: string | undefined, also?: LimitedPlace): boolean
  /** Undefined: nothing limits this. */
  take(place: LimitedPlace, address: string | undefined): Taken | undefined
}

/** Where a request counts that is about a path of policies, where folders end with a slash. */
export const limitedTo = (orgId: string, apiPath: string): LimitedPlace => (apiPath.endsWith('/') ? { orgId, apiPath: apiPath.slice(0, -1), isFolder: true } : { orgId, apiPath })

/** The code of a request that was one too many. */
export const RATE_EXCEEDED = 'quota.rate_exceeded'

/** Names and values, one after the other. */
export const limitHeaders = ({ limit, remaining, resetSeconds, blocked }: Taken): readonly string[] =>
  blocked ? [] : ['x-ratelimit-limit', String(limit), 'x-ratelimit-remaining', String(remaining), 'x-ratelimit-reset', String(resetSeconds)]

/** @throws rate_limited, in Vault's words */
export const requireWithin = (limits: RequestLimits, place: LimitedPlace, address: string | undefined, tell?: (headers: readonly string[]) => void): void => {
  const taken = limits.take(place, address)
  if (taken === undefined) return
  if (limits.showsHeaders) tell?.(limitHeaders(taken))
  if (!taken.allowed) throw fail('rate_limited', RATE_EXCEEDED, `request path ${JSON.stringify(place.apiPath)}: rate limit quota exceeded`, { retryAfterSeconds: taken.retryAfterSeconds })
}
