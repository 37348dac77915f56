// Cursors of pages: opaque to callers, with a format byte, good for one kind of list only. They hold a place in an
// order, not a right: every page is authorised anew.

import { fail } from './errors.ts'

const FORMAT = 0x01

/** The cursor that continues after `at`. */
export const encodeCursor = (kind: string, at: string): string => Buffer.concat([Buffer.from([FORMAT]), Buffer.from(JSON.stringify([kind, at]))]).toString('base64url')

/** @throws invalid_request for anything that this kind of list did not make */
export const decodeCursor = (kind: string, cursor: string): string => {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes[0] === FORMAT && bytes.toString('base64url') === cursor) {
    try {
      const parsed: unknown = JSON.parse(bytes.subarray(1).toString('utf8'))
      if (Array.isArray(parsed) && parsed.length === 2 && parsed[0] === kind && typeof parsed[1] === 'string') return parsed[1]
    } catch {
      // falls through to the one answer for every broken cursor
    }
  }
  throw fail('invalid_request', 'request.bad_cursor', 'The cursor is not one that this list gave.', { field: 'after' })
}
