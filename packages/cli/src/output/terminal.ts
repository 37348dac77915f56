// What commands say: results on standard output, everything else on standard error. Colours only for a terminal.

import { isatty } from 'node:tty'
import type { Environment } from '../environment.ts'
import { formatFields, formatTable, type Cell } from './table.ts'
import { plain, writeAll } from './write.ts'

export interface Terminal {
  readonly json: boolean
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean
  /** A result: the data as JSON, or what the function prints of it. */
  show(data: unknown, human: () => void): void
  line(text: string): void
  /** Exactly these bytes on standard output. */
  raw(text: string): void
  table(headings: readonly string[], rows: readonly (readonly Cell[])[]): void
  fields(fields: readonly (readonly [string, Cell])[]): void
  /** A remark on standard error. */
  note(text: string): void
  warn(text: string): void
  good(text: string): string
  bad(text: string): string
  faint(text: string): string
}

const paint = (on: boolean, code: number) => (text: string): string => (on ? `\u001B[${code}m${text}\u001B[0m` : text)

export const createTerminal = (environment: Environment, json: boolean): Terminal => {
  const isTerminal = isatty(1)
  const wantsColour = (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
  const [out, err] = [wantsColour && isTerminal, wantsColour && isatty(2)]
  const line = (text: string): void => writeAll(1, `${text}\n`)
  const note = (text: string): void => writeAll(2, `${text}\n`)
  return {
    json,
    isTerminal,
    show: (data, human) => {
      if (json) line(JSON.stringify(data, null, 2))
      else human()
    },
    line: (text) => line(plain(text)),
    raw: (text) => writeAll(1, text),
    table: (headings, rows) => {
      const [first = '', ...rest] = formatTable(headings, rows)
      line(paint(out, 1)(first))
      for (const row of rest) line(row)
    },
    fields: (fields) => {
      for (const row of formatFields(fields)) line(row)
    },
    note: (text) => note(plain(text)),
    warn: (text) => note(paint(err, 33)(plain(text))),
    good: paint(out, 32),
    bad: paint(out, 31),
    faint: paint(out, 2),
  }
}
