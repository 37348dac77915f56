// A share as people type it: hexadecimal or base64, as Vault takes both.

import { fail } from '../errors.ts'

const longest = 1024
const sizes: ReadonlySet<number> = new Set([32, 33])

/** @throws invalid_request naming the field, never its value */
export const parseShare = (text: unknown): Buffer => {
  if (typeof text !== 'string' || text.length === 0) throw fail('invalid_request', 'seal.bad_share', "'key' must be specified in request body as JSON", { field: 'key' })
  if (text.length > longest) throw malformed()
  if (/^([0-9a-f]{2})+$/i.test(text)) {
    const bytes = Buffer.from(text, 'hex')
    // Base64 that happens to be hexadecimal, too, is of another length.
    if (sizes.has(bytes.length)) return bytes
  }
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) throw malformed()
  return bytes
}

const malformed = (): Error => fail('invalid_request', 'seal.bad_share', "'key' must be a valid hex or base64 string", { field: 'key' })
