/** Keys derived from a key: HKDF-SHA-256 (RFC 5869) with a label that names the use. */
import { utf8 } from '../lib/bytes.ts'
import { hkdfSha256 } from './hazmat/hkdf.ts'
import type { HmacKey } from './keys.ts'

/**
 * `length` bytes for the use that `info` names, 32 at least to serve as a key. The salt is empty: the input is uniformly random, which
 * is where RFC 5869, 3.1 lets it be left out.
 */
export function deriveKey(key: HmacKey, info: Uint8Array | string, length: number): Buffer {
  const label = typeof info === 'string' ? utf8(info) : info
  if (label.length === 0) throw new TypeError('A derived key needs a label')
  return hkdfSha256(key, Buffer.alloc(0), label, length)
}
