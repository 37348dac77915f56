// The contracts of the organization's key-encryption keys on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'keys'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const

export const rotate = operation({
  id: 'keys.rotate', method: 'POST', path: '/api/v1/keys/rotate', tag, access: 'policy', audit: 'key.rotate', work: 'write',
  summary: 'Make a new key-encryption key version; stored secrets stay readable and are re-wrapped in the background',
  input: { rewrap: f.bool('Re-wrap the keys of existing versions now').default(false) },
  output: { kekVersion: f.int('Version of the active key', { min: 1, max: 1_000_000_000 }), rewrapped: f.int('Versions that were re-wrapped', { min: 0, max: Number.MAX_SAFE_INTEGER }) }, errors: common,
})
