/**
 * A JSON reader for hostile input (RFC 8259). Beyond what JSON.parse does, it bounds size and depth, refuses duplicate
 * keys (two readers could disagree on which one counts), invalid UTF-8 and lone surrogates (they cannot be stored unchanged),
 * and makes objects without a prototype, so that `__proto__` and `constructor` are ordinary keys. Its errors carry a position and
 * never a piece of the content, which may be a secret.
 */
import { decodeUtf8Strict } from './bytes.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

export interface JsonLimits {
  readonly maxDepth: number
  readonly maxBytes: number
  /**
   * Keep a number that a double cannot hold (large integers, long fractions) as `JSON.rawJSON`, which JSON.stringify writes back
   * digit by digit. For stored secrets, which must come back as they were written.
   */
  readonly exactNumbers?: boolean
  /** Told at the end about how many bytes of memory the result takes besides its text: fifty times the text's at worst. What it throws is thrown. */
  readonly weigh?: (bytes: number) => void
}

// Measured, with the name of a member: `{}` and `[0]` take 180.
const VALUE_BYTES = 64
const CONTAINER_BYTES = 136

export const isObject = (value: JsonValue | undefined): value is JsonObject => value !== null && typeof value === 'object' && !Array.isArray(value)

export type JsonErrorCode = 'json_too_large' | 'json_too_deep' | 'json_syntax' | 'json_duplicate_key' | 'json_not_unicode'

export class JsonError extends Error {
  readonly code: JsonErrorCode
  /** Characters into the text; 0 when the text as a whole is refused. */
  readonly position: number

  constructor(code: JsonErrorCode, message: string, position: number) {
    super(position === 0 ? message : `${message} at position ${position}`)
    this.code = code
    this.position = position
  }
}

export function parseJson(input: Uint8Array | string, limits: JsonLimits): JsonValue {
  const size = typeof input === 'string' ? Buffer.byteLength(input, 'utf8') : input.length
  if (size > limits.maxBytes) throw new JsonError('json_too_large', 'The JSON text is too large', 0)
  const reader = new Reader(decode(input), limits)
  const value = reader.document()
  limits.weigh?.(reader.weight)
  return value
}

function decode(input: Uint8Array | string): string {
  if (typeof input !== 'string') {
    try {
      return decodeUtf8Strict(input)
    } catch {
      throw new JsonError('json_not_unicode', 'The JSON text is not valid UTF-8', 0)
    }
  }
  if (!input.isWellFormed()) throw new JsonError('json_not_unicode', 'The JSON text holds half a character', 0)
  return input
}

const WHITESPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/**
 * What a string may hold unescaped (RFC 8259, section 7). Runs and escapes are matched one by one: a single pattern for a string of
 * megabytes would exhaust the matcher's stack.
 */
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

class Reader {
  readonly #text: string
  readonly #limits: JsonLimits
  #at = 0
  #weight = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  get weight(): number {
    return this.#weight
  }

  document(): JsonValue {
    const value = this.#value(0)
    if (this.#at !== this.#text.length) throw this.#syntax('Something follows the JSON value')
    return value
  }

  #value(depth: number): JsonValue {
    this.#skip()
    this.#weight += VALUE_BYTES
    const value = this.#bareValue(depth)
    this.#skip()
    return value
  }

  #bareValue(depth: number): JsonValue {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(this.#deeper(depth))
      case '[':
        return this.#array(this.#deeper(depth))
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  #deeper(depth: number): number {
    if (depth >= this.#limits.maxDepth) throw new JsonError('json_too_deep', 'The JSON text is nested too deeply', this.#at)
    this.#at++
    this.#weight += CONTAINER_BYTES
    return depth + 1
  }

  #object(depth: number): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null)
    this.#skip()
    if (this.#take('}')) return object
    do {
      this.#skip()
      const keyAt = this.#at
      const key = this.#string()
      if (key in object) throw new JsonError('json_duplicate_key', 'A key occurs twice in one JSON object', keyAt)
      this.#skip()
      if (!this.#take(':')) throw this.#syntax('Expected a colon')
      object[key] = this.#value(depth)
    } while (this.#take(','))
    if (!this.#take('}')) throw this.#syntax('Expected a comma or a closing brace')
    return object
  }

  #array(depth: number): readonly JsonValue[] {
    const array: JsonValue[] = []
    this.#skip()
    if (this.#take(']')) return array
    do array.push(this.#value(depth))
    while (this.#take(','))
    if (!this.#take(']')) throw this.#syntax('Expected a comma or a closing bracket')
    return array
  }

  #string(): string {
    const start = this.#at
    if (!this.#take('"')) throw this.#syntax('Expected a string')
    let escaped = false
    for (;;) {
      this.#match(PLAIN_RUN)
      if (this.#take('"')) break
      if (this.#match(ESCAPE) === undefined) throw this.#syntax('A string is not closed or not escaped')
      escaped = true
    }
    const token = this.#text.slice(start, this.#at)
    if (!escaped) return token.slice(1, -1)
    const text: unknown = JSON.parse(token)
    if (typeof text !== 'string' || !text.isWellFormed()) {
      throw new JsonError('json_not_unicode', 'A string holds half a character', start)
    }
    return text
  }

  #number(): JsonValue {
    const token = this.#match(NUMBER)
    if (token === undefined || token === '') throw this.#syntax('Expected a value')
    const value = Number(token)
    if (this.#limits.exactNumbers === true && String(value) !== token) return rawNumber(token)
    if (!Number.isFinite(value)) throw this.#syntax('A number is out of range')
    return value
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#syntax('Expected a value')
    this.#at += word.length
    return value
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skip(): void {
    const code = this.#text.charCodeAt(this.#at)
    if (code > 0x20) return
    this.#match(WHITESPACE)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #syntax(message: string): JsonError {
    return new JsonError('json_syntax', message, this.#at)
  }
}

/** ECMAScript's JSON.rawJSON, which the type library does not declare yet. */
const rawNumber = (JSON as unknown as { rawJSON(text: string): JsonObject }).rawJSON
