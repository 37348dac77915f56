// The names of entries. A name is a path of plain segments, so that a view of one mount has no way out of it and a listing by prefix never
// meets a name that means something else.

import { fail, quote, type CofferError } from '../kernel/errors.ts'

/** Well within what an index row of PostgreSQL holds. */
const maxKeyBytes = 1024

/** C0, DEL and C1, which nobody sees, and what is no character at all. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/

const badKey = (key: string): CofferError =>
  fail('invalid_request', 'barrier.bad_key', `${quote(key)} is not a name under which state can be stored: it needs segments that are not empty, "." or "..", and at most ${maxKeyBytes} bytes.`)

const isSegment = (segment: string): boolean => segment !== '' && segment !== '.' && segment !== '..'

const isPath = (path: string): boolean =>
  path.isWellFormed() && Buffer.byteLength(path) <= maxKeyBytes && !unprintable.test(path) && path.split('/').every(isSegment)

/** Refuses a name that is no entry's. */
export const checkKey = (key: string): void => {
  if (!isPath(key)) throw badKey(key)
}

/** A prefix is empty, for everything, or a path that ends in a slash. */
export const checkPrefix = (prefix: string): void => {
  if (prefix !== '' && !(prefix.endsWith('/') && isPath(prefix.slice(0, -1)))) throw badKey(prefix)
}

/** A cursor is a child that a listing gave: one segment, or a folder with its slash. */
export const checkCursor = (cursor: string): void => {
  const name = cursor.endsWith('/') ? cursor.slice(0, -1) : cursor
  if (name.includes('/') || !isPath(name)) throw fail('invalid_request', 'barrier.bad_cursor', 'The cursor is not one that a listing gave.')
}
