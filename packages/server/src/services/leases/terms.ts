// How long a lease lives: Vault's rules of wishes, role, mount and system, with its words. Pure.

import type { LeaseTerms } from '../../kernel/ports/lease.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { LeaseLimits } from './ports.ts'

export interface Life {
  readonly seconds: number
  readonly warnings: readonly string[]
}

const lesser = (wanted: number, most: number): number => (wanted > 0 ? Math.min(wanted, most) : most)

/** Undefined: the maximum has passed already. */
export const lifeOf = (wish: { readonly incrementSeconds: number; readonly ageSeconds: number }, terms: LeaseTerms, limits: LeaseLimits): Life | undefined => {
  const most = lesser(terms.maxTtlSeconds, limits.maxTtlSeconds)
  const wanted = wish.incrementSeconds > 0 ? wish.incrementSeconds : terms.ttlSeconds > 0 ? terms.ttlSeconds : limits.defaultTtlSeconds
  const left = most - wish.ageSeconds
  if (left <= 0) return undefined
  if (wanted <= left) return { seconds: wanted, warnings: [] }
  return { seconds: left, warnings: [`TTL of ${JSON.stringify(formatDuration(wanted))} exceeded the effective max_ttl of ${JSON.stringify(formatDuration(left))}; TTL value is capped accordingly`] }
}
