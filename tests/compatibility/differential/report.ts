// Differences as text.

import type { Outcome } from './run.ts'

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

export const describeOutcome = ({ area, step, differences }: Outcome): string =>
  [`${area}: ${step}`, ...differences.map(({ at, coffer, vault }) => `    ${at}\n      coffer ${shown(coffer)}\n      vault  ${shown(vault)}`)].join('\n')
