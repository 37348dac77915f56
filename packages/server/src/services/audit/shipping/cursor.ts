// How far a sink has come in a stream: a small file beside the segments. It is written after the sink has confirmed, so
// losing it repeats deliveries and never skips one; therefore it is renamed into place and not flushed.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Position } from '../spool/reader.ts'

export interface Cursor extends Position {
  /** The last frame delivered; -1 when none was. */
  readonly seq: number
}

const pathOf = (directory: string, sink: string): string => join(directory, `cursor-${sink}.json`)

export const startOfStream: Cursor = Object.freeze({ segment: 0, offset: 0, seq: -1 })

export const readCursor = async (directory: string, sink: string): Promise<Cursor> => {
  try {
    const value: unknown = JSON.parse(await readFile(pathOf(directory, sink), 'utf8'))
    return isCursor(value) ? value : startOfStream
  } catch {
    // Missing, or cut off by a power loss: from the start, which is harmless.
    return startOfStream
  }
}

export const writeCursor = async (directory: string, sink: string, cursor: Cursor): Promise<void> => {
  const path = pathOf(directory, sink)
  await writeFile(`${path}.${process.pid}.new`, JSON.stringify({ format: 1, ...cursor }), { mode: 0o600 })
  await rename(`${path}.${process.pid}.new`, path)
}

const isCursor = (value: unknown): value is Cursor =>
  typeof value === 'object' && value !== null && 'format' in value && value.format === 1 && 'segment' in value && Number.isSafeInteger(value.segment) &&
  'offset' in value && Number.isSafeInteger(value.offset) && 'seq' in value && Number.isSafeInteger(value.seq)
