// .env, JSON and YAML documents: read with bounds, written so that the same reader gives back the same values.

import { parse as parseYaml, stringify as stringifyYaml } from 'yaml'
import { fail } from '../../kernel/errors.ts'
import { parseJson } from '../../lib/json.ts'

export type DocumentFormat = 'env' | 'json' | 'yaml'

const MAX_BYTES = 4 * 1024 * 1024
const broken = (what: string): Error => fail('invalid_request', 'sync.bad_document', `The document could not be read: ${what}.`, { field: 'content' })

/** Names and values, in order. Nothing of the document is repeated in an error but a line number. @throws invalid_request */
export const parseDocument = (format: DocumentFormat, content: string): ReadonlyMap<string, string> => {
  if (Buffer.byteLength(content) > MAX_BYTES) throw broken('it is larger than 4 MiB')
  return format === 'env' ? parseEnv(content) : flatten(format === 'json' ? readJson(content) : readYaml(content))
}

const readJson = (content: string): unknown => {
  try {
    return parseJson(content, { maxDepth: 64, maxBytes: MAX_BYTES, exactNumbers: true })
  } catch {
    throw broken('it is not JSON')
  }
}

const readYaml = (content: string): unknown => {
  try {
    return parseYaml(content, { maxAliasCount: 100, prettyErrors: false, logLevel: 'error' })
  } catch {
    throw broken('it is not YAML')
  }
}

const flatten = (value: unknown): ReadonlyMap<string, string> => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw broken('it is not an object of names and values')
  const out = new Map<string, string>()
  for (const [name, item] of Object.entries(value)) out.set(name, typeof item === 'string' ? item : item === null ? '' : JSON.stringify(item))
  return out
}

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*/

// The common denominator of dotenv readers: export, comments, single quotes as they are, double quotes with escapes and
// over several lines, no expansion (a value must never depend on the reader's environment).
const parseEnv = (content: string): ReadonlyMap<string, string> => {
  const out = new Map<string, string>()
  const lines = content.replace(/^\ufeff/, '').split(/\r?\n/)
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    const match = ASSIGNMENT.exec(line)
    if (match === null) throw broken(`line ${at + 1} is not an assignment`)
    const name = match[1] ?? ''
    if (out.has(name)) throw broken(`line ${at + 1} names ${JSON.stringify(name)} a second time`)
    const value = readValue(lines, at, line.slice(match[0].length))
    out.set(name, value.text)
    at = value.lastLine
  }
  return out
}

const readValue = (lines: readonly string[], at: number, rest: string): { readonly text: string; readonly lastLine: number } => {
  const quoteMark = rest[0]
  if (quoteMark !== '"' && quoteMark !== "'" && quoteMark !== '`') return { text: rest.replace(/\s+#.*$/, '').trim(), lastLine: at }
  let body = rest.slice(1)
  for (let line = at; ; line++) {
    const end = closing(body, quoteMark)
    if (end !== -1) {
      if (!/^\s*(#.*)?$/.test(body.slice(end + 1))) throw broken(`line ${line + 1} goes on after the closing quote`)
      const text = body.slice(0, end)
      return { text: quoteMark === '"' ? unescape(text) : text, lastLine: line }
    }
    if (line + 1 >= lines.length) throw broken(`the quote that line ${at + 1} opens is never closed`)
    body += `\n${lines[line + 1] ?? ''}`
  }
}

const closing = (text: string, mark: string): number => {
  for (let i = 0; i < text.length; i++) {
    if (mark === '"' && text[i] === '\\') i++
    else if (text[i] === mark) return i
  }
  return -1
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }
const unescape = (text: string): string => text.replace(/\\([nrt"\\$])/g, (_whole, letter: string) => escapes[letter] ?? letter)

/** The document of these names and values. */
export const formatDocument = (format: DocumentFormat, values: ReadonlyMap<string, string>): string => {
  if (format === 'json') return `${JSON.stringify(Object.fromEntries(values), null, 2)}\n`
  if (format === 'yaml') return stringifyYaml(Object.fromEntries(values))
  return [...values].map(([name, value]) => `${name}=${formatEnvValue(value)}\n`).join('')
}

const formatEnvValue = (value: string): string => {
  if (/^[A-Za-z0-9_./:@%+,=-]*$/.test(value)) return value
  return `"${value.replace(/[\\"$]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`
}
