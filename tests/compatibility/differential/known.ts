// Where Coffer is known to answer otherwise than Vault, each with its reason. Rendered into docs/reference/vault-differences.md.
// A difference that no longer exists fails the test, so that this list says what is.

import type { Difference } from './compare.ts'
import { everywhere } from './known/everywhere.ts'
import { ofAreas } from './known/areas.ts'
import type { Outcome } from './run.ts'

export const known: readonly Known[] = [...everywhere, ...ofAreas]

export interface Known {
  /** Of which area; absent: of any. */
  readonly area?: string
  /** Of which steps, by a pattern on their names; absent: of any. */
  readonly step?: RegExp
  /** Where in the answer: a pattern on `status`, `headers.x`, `body.data.y`. */
  readonly at: RegExp
  /** Which values; absent: any. */
  readonly when?: (difference: Difference, outcome: Outcome) => boolean
  /** What a client sees, for the documentation. */
  readonly what: string
  readonly reason: string
}

const covers = (entry: Known, outcome: Outcome, difference: Difference): boolean =>
  (entry.area === undefined || entry.area === outcome.area) && (entry.step === undefined || entry.step.test(outcome.step)) && entry.at.test(difference.at) && (entry.when === undefined || entry.when(difference, outcome))

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
