// `?help=1` on any path: what can be asked of it, as text for a terminal and as OpenAPI.

import { snakeCase, type AnyField, type Fields } from '../../kernel/fields.ts'
import type { Operation } from '../../kernel/operation.ts'
import type { Described } from './routing.ts'
import { vaultDocument } from './openapi.ts'

export interface Help {
  readonly help: string
  readonly see_also: null
  readonly openapi: unknown
}

/** What Vault's clients call them, where their names differ from JSON Schema's. */
const typeOf = (field: AnyField): string => {
  const { type, format } = field.schema
  if (format === 'seconds') return 'duration (sec)'
  return { integer: 'int', boolean: 'bool', array: 'slice', object: 'map' }[String(type)] ?? 'string'
}

const VERB: Readonly<Record<Operation['method'], string>> = { GET: 'read', LIST: 'list', POST: 'write', PUT: 'write', PATCH: 'patch', DELETE: 'delete' }

const shownPath = ({ path }: Operation): string => path.replace(/^\/v1\//, '').replace(/^\//, '').replaceAll(/:([A-Za-z]+)\+?/g, '<$1>')

const fieldsOf = (operations: readonly Operation[]): Fields => {
  const all = operations.flatMap(({ input }) => Object.entries(input)).filter(([name]) => name !== 'presented' && name !== 'document')
  return Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const ofPath = (path: string, operations: readonly Operation[]): string => {
  const [first] = operations
  if (first === undefined) return ''
  const parameters = Object.entries(fieldsOf(operations)).map(([name, field]) => `    ${snakeCase(name)} (${typeOf(field)})\n\n        ${field.describe}\n`)
  const verbs = operations.map((operation) => `    ${VERB[operation.method]}: ${operation.summary}${operation.description === undefined ? '' : `. ${operation.description}`}\n`)
  return `Request:        ${path}\nMatching Route: ${shownPath(first)}\n\n${first.summary}\n${parameters.length === 0 ? '' : `\n## PARAMETERS\n\n${parameters.join('\n')}`}\n## DESCRIPTION\n\n${verbs.join('')}`
}

const ofMount = (path: string, operations: readonly Operation[]): string => {
  const byPath = Map.groupBy(operations.toSorted((a, b) => (a.path < b.path ? -1 : 1)), shownPath)
  const paths = [...byPath].map(([shown, same]) => `    ${shown}\n${same.map(({ method, summary }) => `        ${VERB[method]}: ${summary}\n`).join('')}`)
  return `## DESCRIPTION\n\nWhat can be asked below ${path}/.\n\n## PATHS\n\n${paths.join('\n')}`
}

export const helpOf = ({ path, mount, operations }: Described, version: string): Help => {
  const distinct = new Set(operations.map(shownPath)).size
  return {
    help: distinct > 1 ? ofMount(path, operations) : ofPath(path, operations),
    see_also: null,
    openapi: vaultDocument([{ prefix: '', tag: mount?.type ?? 'system', parameter: undefined, operations }], version),
  }
}
