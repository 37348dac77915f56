// X-Vault-Wrap-TTL: the answer of any path goes into a token of one use, and the caller gets that token.

import { fail } from '../../kernel/errors.ts'
import { InvalidDuration, parseDuration } from '../../lib/duration.ts'
import type { Envelope } from './envelope.ts'

/** Seconds; undefined: the answer goes out as it is. @throws invalid_request */
export const parseWrapTtl = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined
  if (header.startsWith('-')) throw fail('invalid_request', 'wrapping.bad_ttl', 'error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative', { field: 'X-Vault-Wrap-TTL' })
  try {
    const seconds = parseDuration(header)
    return seconds === 0 ? undefined : seconds
  } catch (error) {
    if (error instanceof InvalidDuration) throw fail('invalid_request', 'wrapping.bad_ttl', `error parsing X-Vault-Wrap-TTL header: time: invalid duration ${JSON.stringify(header.slice(0, 64))}`, { field: 'X-Vault-Wrap-TTL', cause: error })
    throw error
  }
}

/** Unwrapping gives what was wrapped, and looking tells of the token itself. */
const UNWRAPPABLE = /^system\.(unwrap|rewrap|lookupWrapping|lookupOwnWrapping)$/

export const canWrap = (operationId: string, envelope: Envelope | undefined): envelope is Envelope => envelope !== undefined && !UNWRAPPABLE.test(operationId) && (envelope.data !== null || envelope.auth !== null)

/** The accessor of a token that the answer hands out. */
export const accessorIn = ({ auth }: Envelope): string => (auth !== null && typeof auth === 'object' && 'accessor' in auth && typeof auth.accessor === 'string' ? auth.accessor : '')

export const wrappedEnvelope = (envelope: Envelope, info: unknown): Envelope => ({ ...envelope, request_id: '', lease_id: '', renewable: false, lease_duration: 0, data: null, auth: null, warnings: null, wrap_info: info, mount_type: '' })
