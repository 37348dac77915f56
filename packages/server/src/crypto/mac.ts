/**
 * HMAC-SHA-256 (FIPS 198-1): plain, over table rows that grant or resolve something, and as the fingerprint of a value. The row layout
 * (docs/formats/row-mac.md) tags and length-prefixes everything, so two different rows never give the same bytes.
 */
import { createHmac } from 'node:crypto'
import { lengthPrefixed, u64be, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { equalTags } from './compare.ts'
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
  writer.begin()
  writer.bytes(undefined, ROW_CONTEXT)
  writer.text(undefined, table)
  writer.column(rowKey)
  writer.bytes(undefined, u64be(rowVersion))
  for (const column of columns) writer.column(column)
  const mac = Buffer.allocUnsafeSlow(1 + MAC_BYTES)
  mac[0] = ROW_FORMAT
  mac.set(hmacSha256(key, writer.written()), 1)
  return mac
}

const MAC_BYTES = 32

/** Whether `mac` is the row's; takes the same time wherever it differs. */
export function verifyRow(
  key: HmacKey, table: string, rowKey: RowKey, rowVersion: number, columns: readonly RowColumn[], mac: Uint8Array,
): boolean {
  return equalTags(macRow(key, table, rowKey, rowVersion, columns), mac)
}

/**
 * A row has some twenty columns, and a buffer for each would cost more than the hash: they are written one behind the other, each with its length
 * as u32 big-endian before it, into memory that is used again.
 */
class RowWriter {
  #into = Buffer.allocUnsafeSlow(4096)
  #at = 0

  begin(): void {
    this.#at = 0
  }

  written(): Buffer {
    return this.#into.subarray(0, this.#at)
  }

  bytes(tag: string | undefined, value: Uint8Array): void {
    const length = this.#head(tag, value.length)
    this.#into.set(value, this.#at)
    this.#at += value.length
    this.#into.writeUInt32BE(this.#at - length, length - LENGTH_BYTES)
  }

  text(tag: string | undefined, value: string): void {
    const length = this.#head(tag, 3 * value.length)
    this.#at += this.#into.write(value, this.#at, 'utf8')
    this.#into.writeUInt32BE(this.#at - length, length - LENGTH_BYTES)
  }

  column(value: RowColumn): void {
    if (value === null) this.text('0', '')
    else if (typeof value === 'string') this.text('s', wellFormed(value))
    else if (typeof value === 'boolean') this.bytes('b', value ? TRUE : FALSE)
    // A count read as number or as bigint is the same column.
    else if (typeof value === 'bigint' || Number.isSafeInteger(value)) this.text('i', BigInt(value as number).toString())
    else if (typeof value === 'number') this.bytes('f', double(value))
    else if (value instanceof Date) this.text('d', milliseconds(value))
    else if (Buffer.isBuffer(value)) this.bytes('x', value)
    else if (Array.isArray(value)) this.#list(value as readonly string[])
    else throw new TypeError('A column of this type has no canonical form')
  }

  #list(values: readonly string[]): void {
    const length = this.#head('a', 0)
    for (const each of values) this.text(undefined, wellFormed(each))
    this.#into.writeUInt32BE(this.#at - length, length - LENGTH_BYTES)
  }

  /** Room for what follows and its length. Returns where what the length counts begins. */
  #head(tag: string | undefined, most: number): number {
    const needed = this.#at + LENGTH_BYTES + 1 + most
    if (needed > this.#into.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed)
      larger.set(this.written())
      this.#into = larger
    }
    this.#at += LENGTH_BYTES
    const length = this.#at
    if (tag !== undefined) this.#at += this.#into.write(tag, this.#at, 'latin1')
    return length
  }
}

const LENGTH_BYTES = 4
const [TRUE, FALSE] = [Buffer.of(1), Buffer.of(0)]
const writer = new RowWriter()

/** Half a surrogate pair would become U+FFFD, and two different texts the same bytes. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('A text column is not well-formed Unicode')
  return text
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
