// Where Coffer is known to answer otherwise than Vault, each with its reason. Rendered into docs/reference/vault-differences.md.
// A difference that no longer exists fails the test, so that this list says what is.

import type { Difference } from './compare.ts'
import type { Outcome } from './run.ts'

export interface Known {
  /** Of which area; absent: of any. */
  readonly area?: string
  /** Of which steps, by a pattern on their names; absent: of any. */
  readonly step?: RegExp
  /** Where in the answer: a pattern on `status`, `headers.x`, `body.data.y`. */
  readonly at: RegExp
  /** What a client sees, for the documentation. */
  readonly what: string
  readonly reason: string
}

export const known: readonly Known[] = [
  { area: 'leases', step: /renew #4$/, at: /^body\.errors\.0$/, what: 'An increment that is no duration is refused in other words', reason: 'Wrong fields are named in the same words everywhere; the status is the same.' },
  { area: 'quotas', step: /one too many/, at: /^headers\.retry-after$/, what: 'A refused request always says when to come back', reason: 'Vault says so only when response headers are turned on; clients wait in vain without it.' },
  { area: 'quotas', step: /quotas\/config$/, at: /^body\.data\.absolute_rate_limit_exempt_paths$/, what: 'A list that was never written is empty instead of null', reason: 'A list is a list.' },
]

const covers = (entry: Known, { area, step }: Outcome, { at }: Difference): boolean => (entry.area === undefined || entry.area === area) && (entry.step === undefined || entry.step.test(step)) && entry.at.test(at)

export interface Judged {
  /** Differences that no entry explains. */
  readonly unexplained: readonly Outcome[]
  /** Entries that explain nothing any more. */
  readonly outlived: readonly Known[]
}

export const judge = (outcomes: readonly Outcome[], entries: readonly Known[]): Judged => {
  const used = new Set<Known>()
  const unexplained = outcomes.flatMap((outcome) => {
    const rest = outcome.differences.filter((difference) => {
      const covering = entries.filter((entry) => covers(entry, outcome, difference))
      for (const entry of covering) used.add(entry)
      return covering.length === 0
    })
    return rest.length === 0 ? [] : [{ ...outcome, differences: rest }]
  })
  return { unexplained, outlived: entries.filter((entry) => !used.has(entry)) }
}
