// What clients were told: the answers that a server gave before it was killed, and what may be true of those it owed.

import type { Answer } from '../../support/http.ts'

export interface Ledger {
  /** Request ids of every answer that said "done", with what was done. */
  readonly acknowledged: Map<string, string>
  /** Answers by status, and `cut` for those that never came. */
  readonly outcomes: Map<string, number>
  /** Promises that were seen broken. */
  readonly broken: string[]
  note(action: string, answer: Answer): void
  cut(): void
  readonly total: number
}

export const makeLedger = (): Ledger => {
  const outcomes = new Map<string, number>()
  const count = (name: string): void => void outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
  const ledger = {
    acknowledged: new Map<string, string>(),
    outcomes,
    broken: [] as string[],
    note(action: string, answer: Answer) {
      count(String(answer.status))
      if (answer.status >= 200 && answer.status < 300) ledger.acknowledged.set(answer.requestId, action)
    },
    cut: () => count('cut'),
    get total() {
      return ledger.acknowledged.size
    },
  }
  return ledger
}
