// The one parser of request targets and secret paths. It runs before routing, policy, cache and audit, so that
// no two of them can read the same bytes differently (architecture, section 2 "Paths"; RFC 3986, 2.1 and 3.3).

import { fail } from './errors.ts'

declare const brand: unique symbol
/** Segments that went through the parser: decoded once, NFC, no empty, dot or separator-bearing segment. */
export type PathSegments = readonly string[] & { readonly [brand]: 'PathSegments' }

export interface ParsedTarget {
  readonly segments: PathSegments
  /** A trailing slash means list. */
  readonly trailingSlash: boolean
  /** Raw query without the question mark. */
  readonly query: string
}

const MAX_TARGET_BYTES = 8 * 1024
const MAX_SEGMENT_BYTES = 255

const bad = (reason: string): Error => fail('invalid_request', 'path.invalid', `The path is not valid: ${reason}.`, { field: 'path' })

// C0 and C1 controls, and the characters that reorder or hide text: bidi controls and isolates, zero-width ones, BOM.
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/
const PLAIN = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Splits a raw request target (`/v1/secret/data/a%20b?list=true`) at the first `?` and parses its path.
 * @throws invalid_request for everything that architecture section 2 refuses.
 */
export const parseTarget = (target: string): ParsedTarget => {
  if (target.length > MAX_TARGET_BYTES) throw bad('it is longer than 8 KiB')
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  if (!rawPath.startsWith('/')) throw bad('it does not start with a slash')
  const raw = rawPath.split('/')
  raw.shift()
  const trailingSlash = raw.length > 0 && raw[raw.length - 1] === ''
  if (trailingSlash) raw.pop()
  const segments = raw.map(decodeSegment)
  return { segments: trusted(segments), trailingSlash, query: mark === -1 ? '' : target.slice(mark + 1) }
}

/**
 * Parses a path that came as text (a body field, a gRPC field): the same rules, but nothing is percent-decoded.
 * One leading slash is allowed and one trailing slash is reported.
 */
export const parsePath = (text: string, maxBytes = 512): { readonly segments: PathSegments; readonly trailingSlash: boolean } => {
  if (Buffer.byteLength(text) > maxBytes) throw bad(`it is longer than ${maxBytes} bytes`)
  const raw = (text.startsWith('/') ? text.slice(1) : text).split('/')
  const trailingSlash = raw.length > 1 && raw[raw.length - 1] === ''
  if (trailingSlash) raw.pop()
  return { segments: trusted(raw.map(checkSegment)), trailingSlash }
}

/** Joins segments to the canonical text that is stored, cached, matched and audited. @throws when it is longer than maxBytes. */
export const joinPath = (segments: readonly string[], maxBytes = 512): string => {
  const text = segments.join('/')
  if (Buffer.byteLength(text) > maxBytes) throw bad(`it is longer than ${maxBytes} bytes`)
  return text
}

/** A part of parsed segments is parsed, too. */
export const sliceSegments = (segments: PathSegments, start: number, end?: number): PathSegments => (start === 0 && end === undefined ? segments : trusted(segments.slice(start, end)))

// The brand is given in this one place: whoever holds PathSegments holds what the parser let through. Not frozen, which costs more than the parsing: nothing can write to the type.
const trusted = (segments: readonly string[]): PathSegments => segments as PathSegments

const decodeSegment = (raw: string): string => {
  if (PLAIN.test(raw)) return checkDots(raw)
  if (raw === '') throw bad('it has an empty segment')
  const bytes = Buffer.alloc(raw.length * 4)
  let length = 0
  for (let i = 0; i < raw.length; i++) {
    const char = raw.charCodeAt(i)
    if (char === 0x25) {
      const hex = raw.slice(i + 1, i + 3)
      if (!/^[0-9A-Fa-f]{2}$/.test(hex)) throw bad('it has a broken percent escape')
      bytes[length++] = Number.parseInt(hex, 16)
      i += 2
    } else if (char < 0x80) {
      bytes[length++] = char
    } else {
      // HTTP/1 targets arrive as latin1: a raw byte above 0x7f is not a URI character (RFC 3986, 2).
      throw bad('it has a character that must be percent-encoded')
    }
  }
  let text: string
  try {
    text = decoder.decode(bytes.subarray(0, length))
  } catch {
    throw bad('it is not valid UTF-8')
  }
  return checkSegment(text)
}

const checkSegment = (text: string): string => {
  if (text === '') throw bad('it has an empty segment')
  if (Buffer.byteLength(text) > MAX_SEGMENT_BYTES) throw bad('a segment is longer than 255 bytes')
  if (text.includes('/')) throw bad('a segment holds an encoded slash')
  if (FORBIDDEN.test(text)) throw bad('it has a control or invisible character')
  if (!text.isWellFormed()) throw bad('it is not valid Unicode')
  if (text.normalize('NFC') !== text) throw bad('it is not in Unicode normalization form C')
  return checkDots(text)
}

const checkDots = (text: string): string => {
  if (text === '.' || text === '..') throw bad('it has a dot segment')
  if (text.length > MAX_SEGMENT_BYTES) throw bad('a segment is longer than 255 bytes')
  return text
}

/** What an empty query says. */
export const NO_QUERY: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>)

/**
 * Parses a raw query. Each name may come once; `+` is not a space, as in paths.
 * @throws invalid_request for a bad escape or a repeated name.
 */
export const parseQuery = (query: string): Readonly<Record<string, string>> => {
  if (query === '') return NO_QUERY
  const out: Record<string, string> = Object.create(null) as Record<string, string>
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQuery(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decodeQuery(pair.slice(equals + 1))
    if (name in out) throw fail('invalid_request', 'request.repeated_parameter', 'A query parameter is given twice.', { field: name.slice(0, 64) })
    out[name] = value
  }
  return out
}

const decodeQuery = (text: string): string => {
  try {
    // A query is written as a form is: OAuth's clients, and everybody's libraries, send spaces so.
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw fail('invalid_request', 'request.bad_escape', 'The query has a broken percent escape or is not valid UTF-8.', { field: 'query' })
  }
}
