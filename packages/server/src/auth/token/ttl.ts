// How long a token lives: Vault's order of TTL, period, explicit maximum and the system's bounds, with its warnings.

import { fail } from '../../kernel/errors.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { TtlBounds } from '../../kernel/ports/tokens.ts'

export interface TtlWishes {
  /** 0: not said. */
  readonly ttlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxSeconds: number
  /** Seconds that the token has lived already. */
  readonly ageSeconds: number
}

export interface Ttl {
  readonly seconds: number
  readonly warnings: readonly string[]
}

const capped = (what: string, wanted: number, most: number): string => `${what} of "${formatDuration(wanted)}" exceeded the effective max_ttl of "${formatDuration(most)}"; ${what} value is capped accordingly`

/** @throws invalid_request when the maximum has passed already */
export const ttlOf = (wishes: TtlWishes, bounds: TtlBounds): Ttl => {
  const { periodSeconds, explicitMaxSeconds, ageSeconds } = wishes
  const warnings: string[] = []
  let seconds = wishes.ttlSeconds > 0 ? wishes.ttlSeconds : bounds.defaultSeconds
  // A period escapes the maximum of the system for as long as it is renewed, but not an explicit one.
  let most = explicitMaxSeconds > 0 ? Math.min(explicitMaxSeconds, bounds.maxSeconds) : bounds.maxSeconds
  if (periodSeconds > 0) {
    seconds = Math.min(periodSeconds, bounds.maxSeconds)
    if (seconds < periodSeconds) warnings.push(capped('period', periodSeconds, bounds.maxSeconds))
    most = explicitMaxSeconds
  }
  if (most > 0) {
    const left = most - ageSeconds
    if (left <= 0) throw fail('invalid_request', 'token.past_max_ttl', 'past the max TTL, cannot renew')
    if (seconds > left) {
      warnings.push(capped('TTL', seconds, left))
      seconds = left
    }
  }
  return { seconds, warnings }
}
