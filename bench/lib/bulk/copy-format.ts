// Rows in the binary format of COPY (PostgreSQL's documentation of COPY, "Binary Format"): a count of fields, then each with its length.

import { parseUuid } from '../../../packages/server/src/lib/uuid.ts'

export const copyHeader: Buffer = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
export const copyTrailer: Buffer = Buffer.of(0xff, 0xff)

/** Milliseconds of Unix time at 2000-01-01, where PostgreSQL counts microseconds from. */
const EPOCH_MS = 946_684_800_000

export const text = (value: string): Buffer => Buffer.from(value, 'utf8')
export const json = (value: unknown): Buffer => Buffer.from(`\x01${JSON.stringify(value)}`, 'utf8')

/** The last few: most columns that hold one say the same as in the row before. */
const recent = new Map<string, Buffer>()

export const uuid = (value: string): Buffer => {
  const known = recent.get(value)
  if (known !== undefined) return known
  const bytes = parseUuid(value)
  if (bytes === undefined) throw new Error(`${value} is not a UUID`)
  if (recent.size > 1_000) recent.clear()
  recent.set(value, bytes)
  return bytes
}

export const bigint = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

export const integer = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const time = (ms: number | undefined): Buffer | null => (ms === undefined ? null : bigint((ms - EPOCH_MS) * 1000))

export const copyRow = (fields: readonly (Buffer | null)[]): Buffer => {
  const row = Buffer.allocUnsafe(fields.reduce((sum, field) => sum + 4 + (field?.length ?? 0), 2))
  let at = row.writeInt16BE(fields.length)
  for (const field of fields) {
    at = row.writeInt32BE(field?.length ?? -1, at)
    at += field?.copy(row, at) ?? 0
  }
  return row
}
