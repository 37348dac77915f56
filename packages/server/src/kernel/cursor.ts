// Cursors of pages: opaque to callers, with a format byte, good for one kind of list only. They hold a place in an
// order, not a right: every page is authorised anew. The plain ones can be read, so they are for lists that show all
// that they read; where rows are left out because the caller may not see them, a place may be one of those: `Cursors`.

import { fail } from './errors.ts'
import { parseUuid } from '../lib/uuid.ts'

const FORMAT = 0x01
export const badCursor = (): Error => fail('invalid_request', 'request.bad_cursor', 'The cursor is not one that this list gave.', { field: 'after' })
// A cursor is not authenticated: what the database does not take as text must not get to it.
const isText = (at: string): boolean => at.isWellFormed() && !at.includes('\0')

/** The cursor that continues after `at`. */
export const encodeCursor = (kind: string, at: string): string => Buffer.concat([Buffer.from([FORMAT]), Buffer.from(JSON.stringify([kind, at]))]).toString('base64url')

/** @throws invalid_request for anything that this kind of list did not make */
export const decodeCursor = (kind: string, cursor: string): string => {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes[0] === FORMAT && bytes.toString('base64url') === cursor) {
    try {
      const parsed: unknown = JSON.parse(bytes.subarray(1).toString('utf8'))
      if (Array.isArray(parsed) && parsed.length === 2 && parsed[0] === kind && typeof parsed[1] === 'string' && isText(parsed[1])) return parsed[1]
    } catch {
      // falls through to the one answer for every broken cursor
    }
  }
  throw badCursor()
}

/** For lists whose place is a number. @throws invalid_request */
export const decodeCursorNumber = (kind: string, cursor: string): number => {
  const at = decodeCursor(kind, cursor)
  if (!/^[0-9]{1,15}$/.test(at)) throw badCursor()
  return Number(at)
}

/** For lists whose place is a stored id. @throws invalid_request */
export const decodeCursorUuid = (kind: string, cursor: string): string => {
  const at = decodeCursor(kind, cursor)
  if (parseUuid(at) === undefined) throw badCursor()
  return at
}

/** Cursors that nobody can read or make, for lists that leave rows out. `list` is all that says which list it is: in another one, whose rows the caller makes, a place would tell where it is by what comes behind it. */
export interface Cursors {
  seal(orgId: string, list: readonly string[], at: string): Promise<string>
  /** @throws invalid_request for anything that was not made for this list of this organization */
  open(orgId: string, list: readonly string[], cursor: string): Promise<string>
}
