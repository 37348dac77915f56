// HCL 1 to a small tree: items with a key, labels and a value. JSON is read into the same tree, so that a
// policy means the same in either notation. Order and repetition are kept: what they mean is the reader's
// business, not the syntax's.

import { HclError, tokenize, type Token } from './tokens.ts'

export type HclValue = string | number | boolean | null | HclList | HclObject

export interface HclList {
  readonly kind: 'list'
  readonly values: readonly HclValue[]
}

export interface HclObject {
  readonly kind: 'object'
  readonly items: readonly HclItem[]
}

export interface HclItem {
  readonly key: string
  readonly labels: readonly string[]
  readonly value: HclValue
  /** 0 where the text was JSON. */
  readonly line: number
}

const maxDepth = 16
const maxLabels = 4

/** Parses a whole document. Throws HclError, and nothing else, on any text that is not of the subset. */
export const parseHcl = (text: string): HclObject => {
  const cursor: Cursor = { tokens: tokenize(text), at: 0 }
  const items = readItems(cursor, 'end', 0)
  return { kind: 'object', items }
}

interface Cursor {
  readonly tokens: readonly Token[]
  at: number
}

const peek = (cursor: Cursor): Token => cursor.tokens[cursor.at] ?? { kind: 'end', text: '', line: 0 }

const isMark = (token: Token, text: string): boolean => token.kind === 'mark' && token.text === text

const skipMark = (cursor: Cursor, text: string): boolean => {
  if (!isMark(peek(cursor), text)) return false
  cursor.at += 1
  return true
}

const readItems = (cursor: Cursor, until: 'end' | '}', depth: number): readonly HclItem[] => {
  const items: HclItem[] = []
  for (;;) {
    const token = peek(cursor)
    if (until === 'end' ? token.kind === 'end' : isMark(token, '}')) {
      cursor.at += 1
      return items
    }
    items.push(readItem(cursor, depth))
    skipMark(cursor, ',')
  }
}

const readItem = (cursor: Cursor, depth: number): HclItem => {
  const { line } = peek(cursor)
  const keys = readKeys(cursor)
  const [key, ...labels] = keys
  if (key === undefined) throw new HclError(`expected a name, found ${describe(peek(cursor))}`, line)
  if (skipMark(cursor, '=')) {
    if (labels.length > 0) throw new HclError(`${JSON.stringify(key)} has a label and also an =`, line)
    return { key, labels, value: readValue(cursor, depth + 1), line }
  }
  if (!isMark(peek(cursor), '{')) throw new HclError(`expected = or { after ${JSON.stringify(keys.at(-1))}, found ${describe(peek(cursor))}`, peek(cursor).line)
  return { key, labels, value: readValue(cursor, depth + 1), line }
}

const readKeys = (cursor: Cursor): readonly string[] => {
  const keys: string[] = []
  for (;;) {
    const token = peek(cursor)
    if (token.kind !== 'word' && token.kind !== 'string') return keys
    if (keys.length > maxLabels) throw new HclError('too many labels', token.line)
    keys.push(token.text)
    cursor.at += 1
  }
}

const readValue = (cursor: Cursor, depth: number): HclValue => {
  const token = peek(cursor)
  if (depth > maxDepth) throw new HclError(`nested deeper than ${maxDepth}`, token.line)
  cursor.at += 1
  if (token.kind === 'string') return token.text
  if (token.kind === 'number') return token.value
  if (token.kind === 'word' && (token.text === 'true' || token.text === 'false')) return token.text === 'true'
  if (isMark(token, '[')) return readList(cursor, depth)
  if (isMark(token, '{')) return { kind: 'object', items: readItems(cursor, '}', depth) }
  throw new HclError(`expected a value, found ${describe(token)}`, token.line)
}

const readList = (cursor: Cursor, depth: number): HclList => {
  const values: HclValue[] = []
  while (!skipMark(cursor, ']')) {
    values.push(readValue(cursor, depth + 1))
    const next = peek(cursor)
    if (!skipMark(cursor, ',') && !isMark(next, ']')) throw new HclError(`expected , or ] in a list, found ${describe(next)}`, next.line)
  }
  return { kind: 'list', values }
}

const describe = (token: Token): string => (token.kind === 'end' ? 'the end of the text' : JSON.stringify(token.text.slice(0, 40)))

/** The same tree from parsed JSON. Throws HclError when it is nested too deeply. */
export const hclFromJson = (value: unknown, depth = 0): HclValue => {
  if (depth > maxDepth) throw new HclError(`nested deeper than ${maxDepth}`, 0)
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return { kind: 'list', values: value.map((each) => hclFromJson(each, depth + 1)) }
  if (typeof value !== 'object') throw new HclError('not a JSON value', 0)
  return {
    kind: 'object',
    items: Object.entries(value).map(([key, each]) => ({ key, labels: [], value: hclFromJson(each, depth + 1), line: 0 })),
  }
}
