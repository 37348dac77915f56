// Writes that carry an idempotency key: a retry gets the answer of the write, another request under the same key a conflict.

import { equalBytes } from '../../../crypto/compare.ts'
import { hmacSha256 } from '../../../crypto/mac.ts'
import { fail } from '../../../kernel/errors.ts'
import type { PutCommand, SecretAccess, Written } from '../../../kernel/secrets.ts'
import { wipe } from '../../../lib/bytes.ts'
import type { SecretKeys } from '../ports.ts'
import type { SeenIdempotent } from '../repository.ts'

export const mismatch = (): Error => fail('conflict', 'idempotency.mismatch', 'This idempotency key was used for another request.', { field: 'Idempotency-Key' })

export const replay = (access: SecretAccess, command: PutCommand, seen: SeenIdempotent, requestMac: Buffer): Written => {
  if (command.pending) access.authorise('rotate', 'update', 'create')
  else access.authorise('update', 'create')
  if (!equalBytes(seen.requestMac, requestMac)) throw mismatch()
  // Only we write this column, with the write itself; a database that was tampered with can at worst lie about a version number.
  const written = seen.answer as unknown as Written
  Object.assign(access.call.audit, { version: written.version, resourceId: written.secretId, metadata: { ...access.call.audit.metadata, repeated: true } })
  return written
}

export interface IdempotencyMacs {
  readonly keyMac: Buffer
  readonly requestMac: Buffer
}

/** How long a retry with the same key gets the same answer is set in secret_apply: ten minutes. */
export const idempotency = (keys: SecretKeys, access: SecretAccess, command: PutCommand): IdempotencyMacs | undefined => {
  const { call, address } = access
  if (call.idempotencyKey === undefined) return undefined
  const key = keys.purpose('idempotency')
  const value = Buffer.from(command.value)
  try {
    return {
      keyMac: hmacSha256(key, JSON.stringify([call.caller?.principalId ?? call.caller?.tokenId ?? '', call.idempotencyKey])),
      requestMac: hmacSha256(key, JSON.stringify([address, command.type, command.metadata, command.expiresAt, command.ttlSeconds, command.expectedCurrent, command.pending]), '\n', value),
    }
  } finally {
    wipe(value)
  }
}
