// Tables for people: columns as wide as they need, no lines, empty cells as a dash.

import { plain } from './write.ts'

export type Cell = string | number | boolean | null | undefined

const textOf = (cell: Cell): string => {
  if (cell === undefined || cell === null || cell === '') return '-'
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no'
  return plain(String(cell))
}

/** The first line is the heading. */
export const formatTable = (headings: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] => {
  const texts = rows.map((row) => headings.map((_, column) => textOf(row[column])))
  const widths = headings.map((heading, column) => Math.max(heading.length, ...texts.map((row) => row[column]?.length ?? 0)))
  return [headings, ...texts].map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

/** One value a line, with its name before it. */
export const formatFields = (fields: readonly (readonly [string, Cell])[]): readonly string[] => {
  const width = Math.max(0, ...fields.map(([name]) => name.length))
  return fields.map(([name, cell]) => `${name.padEnd(width)}  ${textOf(cell)}`)
}
