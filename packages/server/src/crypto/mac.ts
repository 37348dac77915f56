/**
 * HMAC-SHA-256 (FIPS 198-1): plain, over table rows that grant or resolve something, and as the fingerprint of a value. The row layout
 * (docs/formats/row-mac.md) tags and length-prefixes everything, so two different rows never give the same bytes.
 */
import { createHmac } from 'node:crypto'
import { lengthPrefixed, utf8 } from '../lib/bytes.ts'
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
  const mac = Buffer.allocUnsafeSlow(1 + MAC_BYTES)
  writeMac(mac, key, [table, rowKey, rowVersion, columns])
  return mac
}

const MAC_BYTES = 32

/** Whether `mac` is the row's; takes the same time wherever it differs. */
export function verifyRow(
  key: HmacKey, table: string, rowKey: RowKey, rowVersion: number, columns: readonly RowColumn[], mac: Uint8Array,
): boolean {
  writeMac(computed, key, [table, rowKey, rowVersion, columns])
  return equalTags(computed, mac)
}

/** What a row's MAC is over. */
export type RowParts = readonly [table: string, rowKey: RowKey, rowVersion: number, columns: readonly RowColumn[]]

/** Of the row that is being checked: a list checks hundreds, and a buffer for each of their digests costs the collector as much as the hash costs us. */
const computed = Buffer.allocUnsafeSlow(1 + MAC_BYTES)

function writeMac(into: Buffer, key: HmacKey, [table, rowKey, rowVersion, columns]: RowParts): void {
  writer.begin()
  writer.text('', table)
  writer.column(rowKey)
  writer.version(rowVersion)
  for (const column of columns) writer.column(column)
  into[0] = ROW_FORMAT
  // As text of one byte a character, which has no memory outside the heap.
  into.write(createHmac('sha256', key).update(writer.written()).digest('binary'), 1, 'latin1')
}

/**
 * A row has some twenty columns, and a buffer for each would cost more than the hash: they are written one behind the other, each with its length
 * as u32 big-endian before it, into memory that is used again. Most texts are short and ASCII: those are copied here, where a call into Node
 * would cost several times as much.
 */
class RowWriter {
  #into = Buffer.allocUnsafeSlow(4096)
  #at = 0

  /** What every row begins with is there already. */
  begin(): void {
    if (this.#at === 0) this.bytes('', ROW_CONTEXT)
    this.#at = LENGTH_BYTES + ROW_CONTEXT.length
  }

  written(): Buffer {
    return this.#into.subarray(0, this.#at)
  }

  bytes(tag: string, value: Uint8Array): void {
    const length = this.#head(tag, value.length)
    this.#into.set(value, this.#at)
    this.#at += value.length
    this.#end(length)
  }

  text(tag: string, value: string): void {
    const length = this.#head(tag, 3 * value.length)
    const into = this.#into
    let at = this.#at
    if (value.length <= SHORT) {
      for (let index = 0; index < value.length; index++) {
        const code = value.charCodeAt(index)
        if (code > 0x7f) return this.#long(length, value)
        into[at++] = code
      }
      this.#at = at
      return this.#end(length)
    }
    return this.#long(length, value)
  }

  #long(length: number, value: string): void {
    this.#at += this.#into.write(value, this.#at, 'utf8')
    this.#end(length)
  }

  version(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('A row version is an exact number from 0')
    const length = this.#head('', 8)
    this.#u32(this.#at, Math.floor(value / 0x1_0000_0000))
    this.#u32(this.#at + 4, value % 0x1_0000_0000)
    this.#at += 8
    this.#end(length)
  }

  column(value: RowColumn): void {
    if (value === null) this.text('0', '')
    else if (typeof value === 'string') this.text('s', wellFormed(value))
    else if (typeof value === 'boolean') this.bytes('b', value ? TRUE : FALSE)
    // A count read as number or as bigint is the same column.
    else if (typeof value === 'bigint' || Number.isSafeInteger(value)) this.text('i', String(value as number))
    else if (typeof value === 'number') this.bytes('f', double(value))
    else if (value instanceof Date) this.text('d', milliseconds(value))
    else if (Buffer.isBuffer(value)) this.bytes('x', value)
    else if (Array.isArray(value)) this.#list(value as readonly string[])
    else throw new TypeError('A column of this type has no canonical form')
  }

  #list(values: readonly string[]): void {
    const length = this.#head('a', 0)
    for (const each of values) this.text('', wellFormed(each))
    this.#end(length)
  }

  /** Room for what follows and its length. Returns where what the length counts begins. */
  #head(tag: string, most: number): number {
    const needed = this.#at + LENGTH_BYTES + 1 + most
    if (needed > this.#into.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed)
      larger.set(this.written())
      this.#into = larger
    }
    this.#at += LENGTH_BYTES
    const length = this.#at
    if (tag !== '') this.#into[this.#at++] = tag.charCodeAt(0)
    return length
  }

  #end(length: number): void {
    this.#u32(length - LENGTH_BYTES, this.#at - length)
  }

  #u32(at: number, value: number): void {
    const into = this.#into
    into[at] = value >>> 24
    into[at + 1] = (value >>> 16) & 0xff
    into[at + 2] = (value >>> 8) & 0xff
    into[at + 3] = value & 0xff
  }
}

const LENGTH_BYTES = 4
const SHORT = 64
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
