/**
 * How tokens look (docs/formats/token.md): `hvs.` or `hvr.` + 43 base62 characters of 32 random bytes + 6 of a CRC-32, `hvb.` + base64url of a
 * sealed blob; then `.` and the organization's short id unless that is root. The prefixes are Vault's, because clients match on them. The CRC
 * lets a scanner tell a token from noise; the short id routes the look-up and is never trusted.
 */
import { base62Length, crc32, encodeBase62 } from '../lib/base62.ts'
import { makeBase62 } from './random.ts'

export type TokenKind = 'service' | 'batch' | 'recovery'

export interface TokenShape {
  readonly kind: TokenKind
  readonly orgShortId?: string
}

const RANDOM_BYTES = 32
const ACCESSOR_BYTES = 18
const CRC_LENGTH = base62Length(4)
const BODY_LENGTH = base62Length(RANDOM_BYTES) + CRC_LENGTH
/** Of a token of the organization root. */
export const serviceTokenLength: number = 'hvs.'.length + BODY_LENGTH
const SHORT_ID = /^[0-9A-Za-z]{1,22}$/
const SHAPE = /^hv([srb])\.([0-9A-Za-z_-]{1,8192})(?:\.([0-9A-Za-z]{1,22}))?$/

export function makeServiceToken(orgShortId?: string): string {
  return makeRandomToken('hvs.', orgShortId)
}

export function makeRecoveryToken(): string {
  return makeRandomToken('hvr.', undefined)
}

/** A batch token carries itself: the blob is sealed and needs no checksum. */
export function formatBatchToken(sealed: Buffer, orgShortId?: string): string {
  return `hvb.${sealed.toString('base64url')}${suffix(orgShortId)}`
}

/** What names a token without being one; ends with the organization's short id as the token does. */
export function makeAccessor(orgShortId?: string): string {
  return makeBase62(ACCESSOR_BYTES) + suffix(orgShortId)
}

/**
 * What the text says about itself, or undefined when it is not one of our shapes. A token may still be any string at all, such as one given
 * to `--dev-root-token-id`: then it belongs to the organization root.
 */
export function parseTokenShape(text: string): TokenShape | undefined {
  const match = SHAPE.exec(text)
  if (match === null) return undefined
  const [, letter, body = '', orgShortId] = match
  if (letter === 'b') return shape('batch', orgShortId)
  if (body.length !== BODY_LENGTH) return undefined
  const random = body.slice(0, -CRC_LENGTH)
  if (body.slice(-CRC_LENGTH) !== checksum(`hv${letter ?? ''}.`, random, suffix(orgShortId))) return undefined
  return shape(letter === 's' ? 'service' : 'recovery', orgShortId)
}

/** The sealed blob of a batch token, or undefined when the text is not one. */
export function batchTokenBytes(text: string): Buffer | undefined {
  const match = SHAPE.exec(text)
  if (match === null || match[1] !== 'b') return undefined
  const body = match[2] ?? ''
  const bytes = Buffer.from(body, 'base64url')
  // One text for one blob: Node ignores stray low bits in the last character.
  return bytes.toString('base64url') === body ? bytes : undefined
}

/** The organization's short id at the end of an accessor or lease id, or undefined for root. */
export function orgShortIdOf(text: string): string | undefined {
  const dot = text.lastIndexOf('.')
  const end = dot === -1 ? '' : text.slice(dot + 1)
  return SHORT_ID.test(end) ? end : undefined
}

function makeRandomToken(prefix: string, orgShortId: string | undefined): string {
  const random = makeBase62(RANDOM_BYTES)
  const end = suffix(orgShortId)
  return prefix + random + checksum(prefix, random, end) + end
}

/** Over the whole text but itself, so that a token cut from one organization and pasted to another does not pass either. */
function checksum(prefix: string, random: string, end: string): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(crc32(prefix + random + end))
  return encodeBase62(bytes)
}

function suffix(orgShortId: string | undefined): string {
  if (orgShortId === undefined) return ''
  if (!SHORT_ID.test(orgShortId)) throw new TypeError('An organization short id is 1 to 22 letters and digits')
  return `.${orgShortId}`
}

function shape(kind: TokenKind, orgShortId: string | undefined): TokenShape {
  return orgShortId === undefined ? { kind } : { kind, orgShortId }
}
