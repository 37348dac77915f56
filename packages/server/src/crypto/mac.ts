/**
 * HMAC-SHA-256 (FIPS 198-1): plain, over table rows that grant or resolve something, and as the fingerprint of a value. The row layout
 * (docs/formats/row-mac.md) tags and length-prefixes everything, so two different rows never give the same bytes.
 */
import { createHmac } from 'node:crypto'
import { lengthPrefixed, u64be, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { equalBytes } from './compare.ts'
import type { HmacKey } from './keys.ts'

/** HMAC over the parts one after the other, without separators: for inputs that are unambiguous already. */
export function hmacSha256(key: HmacKey, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

export type RowColumn = string | number | bigint | boolean | Date | Buffer | null | readonly string[]
/** A row's primary key; several columns as a list. */
export type RowKey = string | readonly string[]

const ROW_FORMAT = 0x01
const ROW_CONTEXT = utf8('coffer/row/1')
const FINGERPRINT_CONTEXT = utf8('coffer/fingerprint/1')

/** 0x01 ‖ HMAC over context, table, row key, row version and the columns in their declared order: 33 bytes. */
export function macRow(key: HmacKey, table: string, rowKey: RowKey, rowVersion: number, columns: readonly RowColumn[]): Buffer {
  const fields = [ROW_CONTEXT, utf8(table), taggedColumn(rowKey), u64be(rowVersion), ...columns.map(taggedColumn)]
  const mac = hmacSha256(key, lengthPrefixed(...fields))
  return Buffer.concat([Buffer.of(ROW_FORMAT), mac])
}

/** Whether `mac` is the row's; takes the same time wherever it differs. */
export function verifyRow(
  key: HmacKey, table: string, rowKey: RowKey, rowVersion: number, columns: readonly RowColumn[], mac: Uint8Array,
): boolean {
  return equalBytes(macRow(key, table, rowKey, rowVersion, columns), mac)
}

function tagged(tag: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(tag, 'latin1'), bytes])
}

function taggedColumn(value: RowColumn): Buffer {
  if (value === null) return tagged('0', Buffer.alloc(0))
  if (typeof value === 'string') return tagged('s', wellFormed(value))
  if (typeof value === 'boolean') return tagged('b', Buffer.of(value ? 1 : 0))
  // A count read as number or as bigint is the same column.
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return tagged('i', utf8(BigInt(value as number).toString()))
  if (typeof value === 'number') return tagged('f', double(value))
  if (value instanceof Date) return tagged('d', utf8(milliseconds(value)))
  if (Buffer.isBuffer(value)) return tagged('x', value)
  if (Array.isArray(value)) return tagged('a', lengthPrefixed(...value.map(wellFormed)))
  throw new TypeError('A column of this type has no canonical form')
}

/** Half a surrogate pair would become U+FFFD, and two different texts the same bytes. */
function wellFormed(text: string): Buffer {
  if (!text.isWellFormed()) throw new TypeError('A text column is not well-formed Unicode')
  return utf8(text)
}

function double(value: number): Buffer {
  if (!Number.isFinite(value)) throw new RangeError('A column is not a finite number')
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(value)
  return bytes
}

function milliseconds(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new RangeError('A column is not a valid date')
  return String(date.getTime())
}

/**
 * 64 hex digits that are equal for equal values of one organization, and useless without its fingerprint key: a plain hash would
 * let anyone who sees it test guesses.
 */
export function fingerprint(key: HmacKey, orgId: string, bytes: Uint8Array): string {
  const org = parseUuid(orgId)
  if (org === undefined) throw new TypeError('The organization id is not a UUID')
  return hmacSha256(key, lengthPrefixed(FINGERPRINT_CONTEXT, org, bytes)).toString('hex')
}
