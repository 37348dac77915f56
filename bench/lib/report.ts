// Figures with their runs, as JSON for machines and as a table for people.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resultsDirectory } from './places.ts'
import type { Machine } from './machine.ts'

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly runs: readonly number[]
  readonly note?: string
}

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

export const round = (value: number): string => (!Number.isFinite(value) ? '–' : value >= 100 ? Math.round(value).toLocaleString('en-US') : value >= 10 ? value.toFixed(1) : value.toFixed(2))

const row = ({ name, unit, runs, note }: Figure): string => `| ${name} | ${round(median(runs))} | ${round(Math.min(...runs))} to ${round(Math.max(...runs))} | ${unit} | ${note ?? ''} |`

export const table = (machine: Machine, figures: readonly Figure[]): string =>
  [
    `Measured ${machine.at.slice(0, 16).replace('T', ' ')} UTC on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}, Coffer ${machine.coffer}; one-minute load before the run ${machine.load}.`,
    'The server (supervisor and worker) has one core, the load generator and the database the others. Medians of several runs, with the lowest and the highest.',
    '',
    '| what | median | from – to | unit | |',
    '|---|--:|---|---|---|',
    ...figures.map(row),
    '',
  ].join('\n')

export const save = (machine: Machine, figures: readonly Figure[]): string => {
  mkdirSync(resultsDirectory, { recursive: true })
  writeFileSync(join(resultsDirectory, `${machine.at.slice(0, 19).replaceAll(':', '')}.json`), `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
  const text = table(machine, figures)
  writeFileSync(join(resultsDirectory, 'latest.md'), text)
  return text
}
