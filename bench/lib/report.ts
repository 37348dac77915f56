// Figures with their runs, as JSON for machines and as a table for people.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chart } from './chart.ts'
import { median, type Figure } from './figures.ts'
import { resultsDirectory } from './places.ts'
import type { Machine } from './machine.ts'

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
  const picture = chart(figures)
  if (picture !== undefined) writeFileSync(join(resultsDirectory, 'latest.svg'), picture)
  return text
}
