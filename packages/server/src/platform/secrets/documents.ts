// .env, JSON and YAML documents: read with bounds, written so that the same reader gives back the same values.

import { stringify as stringifyYaml } from 'yaml'
import { fail } from '../../kernel/errors.ts'
import { parseJson } from '../../lib/json.ts'
import { parseYaml } from '../../lib/yaml.ts'

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
    return parseYaml(content)
  } catch {
    throw broken('it is not YAML')
  }
}

const flatten = (value: unknown): ReadonlyMap<string, string> => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw broken('it is not an object of names and values')
  return new Map(Object.entries(value).map(([name, item]) => [name, textOf(item)]))
}

const textOf = (item: unknown): string => {
  if (item === null || item === undefined) return ''
  if (typeof item === 'string') return item
  try {
    return JSON.stringify(item, exactly)
  } catch {
    throw broken('a value holds itself')
  }
}

// Integers keep their digits, however many.
const exactly = (_key: string, item: unknown): unknown => (typeof item === 'bigint' ? parseJson(String(item), { maxDepth: 1, maxBytes: MAX_BYTES, exactNumbers: true }) : item)

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=/

// The common denominator of dotenv readers: export, comments, single quotes as they are, double quotes with escapes and
// over several lines, no expansion (a value must never depend on the reader's environment). Every character is looked at a
// bounded number of times: the document is hostile.
const parseEnv = (content: string): ReadonlyMap<string, string> => {
  const out = new Map<string, string>()
  const lines = content.replace(/^\ufeff/, '').split(/\r?\n/)
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const start = line.trimStart()
    if (start === '' || start.startsWith('#')) continue
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
  const value = rest.trimStart()
  const mark = value[0]
  if (mark !== '"' && mark !== "'" && mark !== '`') return { text: withoutComment(rest).trim(), lastLine: at }
  const parts: string[] = []
  let body = value.slice(1)
  for (let line = at; ; line++) {
    const end = closing(body, mark)
    if (end !== -1) {
      if (!/^\s*(#.*)?$/.test(body.slice(end + 1))) throw broken(`line ${line + 1} goes on after the closing quote`)
      parts.push(body.slice(0, end))
      const text = parts.join('\n')
      return { text: mark === '"' ? unescape(text) : text, lastLine: line }
    }
    if (line + 1 >= lines.length) throw broken(`the quote that line ${at + 1} opens is never closed`)
    parts.push(body)
    body = lines[line + 1] ?? ''
  }
}

/** A # begins a comment where white space is before it; elsewhere it is part of the value. */
const withoutComment = (text: string): string => {
  for (let i = text.indexOf('#'); i !== -1; i = text.indexOf('#', i + 1)) {
    if (i > 0 && /\s/.test(text[i - 1] ?? '')) return text.slice(0, i)
  }
  return text
}

// An escape does not reach over the end of its line: what it would escape there is the line break itself.
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
  // Always in double quotes: a block of white space loses some of it, and a plain value may be read as another type.
  if (format === 'yaml') return stringifyYaml(Object.fromEntries(values), { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', doubleQuotedAsJSON: true })
  return [...values].map(([name, value]) => `${name}=${formatEnvValue(value)}\n`).join('')
}

const formatEnvValue = (value: string): string => {
  if (/^[A-Za-z0-9_./:@%+,=-]*$/.test(value)) return value
  return `"${value.replace(/[\\"$]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`
}
