// Cuts HCL 1 text into tokens: identifiers, strings, numbers, punctuation. The subset that policies use:
// no heredocs and no `${}` interpolation, both refused by name. Linear in the text, which is bounded.

export type Token =
  | { readonly kind: 'word' | 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly line: number }
  | { readonly kind: 'mark'; readonly text: '{' | '}' | '[' | ']' | '=' | ','; readonly line: number }
  | { readonly kind: 'end'; readonly text: ''; readonly line: number }

/** Thrown by the HCL parser. `line` counts from 1. */
export class HclError extends Error {
  readonly code = 'hcl_syntax'
  readonly line: number
  constructor(message: string, line: number) {
    super(`line ${line}: ${message}`)
    this.name = 'HclError'
    this.line = line
  }
}

export const maxHclBytes = 256 * 1024
const maxTokens = 60_000

const space = /[ \t\r\n]+/y
const word = /[A-Za-z_][A-Za-z0-9_.-]*/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])/y
const lineComment = /(?:#|\/\/)[^\n]*/y
// Everything that may stand in a string as it is: no quote, backslash, control character or lone surrogate is special-cased later.
const plain = /[^"\\\u0000-\u001f\u007f]+/y
const shortEscapes = new Map([['n', '\n'], ['r', '\r'], ['t', '\t'], ['"', '"'], ['\\', '\\']])

export const tokenize = (text: string): readonly Token[] => {
  if (text.length > maxHclBytes) throw new HclError(`the text is longer than ${maxHclBytes} characters`, 1)
  const tokens: Token[] = []
  const state = { text, at: 0, line: 1 }
  for (;;) {
    skipBlank(state)
    if (tokens.length >= maxTokens) throw new HclError(`more than ${maxTokens} tokens`, state.line)
    if (state.at >= text.length) {
      tokens.push({ kind: 'end', text: '', line: state.line })
      return tokens
    }
    tokens.push(nextToken(state))
  }
}

interface Cursor {
  readonly text: string
  at: number
  line: number
}

const take = (cursor: Cursor, pattern: RegExp): string | undefined => {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0]
  if (found !== undefined) cursor.at += found.length
  return found
}

const skipBlank = (cursor: Cursor): void => {
  for (;;) {
    const blank = take(cursor, space)
    if (blank !== undefined) {
      cursor.line += countLines(blank)
    } else if (cursor.text.startsWith('/*', cursor.at)) {
      const end = cursor.text.indexOf('*/', cursor.at + 2)
      if (end < 0) throw new HclError('a comment that began with /* is not closed', cursor.line)
      cursor.line += countLines(cursor.text.slice(cursor.at, end))
      cursor.at = end + 2
    } else if (take(cursor, lineComment) === undefined) {
      return
    }
  }
}

const countLines = (text: string): number => {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1
  return lines
}

const nextToken = (cursor: Cursor): Token => {
  const { line } = cursor
  const first = cursor.text.charAt(cursor.at)
  switch (first) {
    case '{': case '}': case '[': case ']': case '=': case ',':
      cursor.at += 1
      return { kind: 'mark', text: first, line }
    case '"':
      return { kind: 'string', text: readString(cursor), line }
    default: {
      const name = take(cursor, word)
      if (name !== undefined) return { kind: 'word', text: name, line }
      const digits = take(cursor, number)
      if (digits !== undefined) return { kind: 'number', text: digits, value: finite(digits, line), line }
      if (cursor.text.startsWith('<<', cursor.at)) throw new HclError('heredocs are not supported; write a quoted string', line)
      throw new HclError(`unexpected character ${JSON.stringify(first)}`, line)
    }
  }
}

const finite = (digits: string, line: number): number => {
  const value = Number(digits)
  if (!Number.isFinite(value)) throw new HclError('the number is too large', line)
  return value
}

const readString = (cursor: Cursor): string => {
  const { line } = cursor
  cursor.at += 1
  let value = ''
  for (;;) {
    value += take(cursor, plain) ?? ''
    const stop = cursor.text.charAt(cursor.at)
    cursor.at += 1
    if (stop === '"') break
    if (stop !== '\\') throw new HclError(stop === '' || stop === '\n' ? 'a string is not closed' : 'a control character in a string', line)
    value += readEscape(cursor, line)
  }
  if (value.includes('${')) throw new HclError('interpolation with ${ is not supported; identity templates are written {{ }}', line)
  if (!value.isWellFormed()) throw new HclError('a string is not valid Unicode', line)
  return value
}

const codePoint = /u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}/y

const readEscape = (cursor: Cursor, line: number): string => {
  const short = shortEscapes.get(cursor.text.charAt(cursor.at))
  if (short !== undefined) {
    cursor.at += 1
    return short
  }
  const long = take(cursor, codePoint)
  const value = long === undefined ? Number.NaN : Number.parseInt(long.slice(1), 16)
  if (!(value <= 0x10ffff)) throw new HclError('an unknown escape in a string', line)
  return long?.startsWith('u') === true ? String.fromCharCode(value) : String.fromCodePoint(value)
}
