/**
 * The sealed blob: 0x01 ‖ iv (12) ‖ tag (16) ‖ ciphertext, AES-256-GCM with a random IV (docs/formats/value.md).
 * Opening has one failure, whatever the reason, so that nobody learns by trying.
 */
import { gcmOpen, gcmSeal, IV_BYTES, TAG_BYTES } from './hazmat/aes-gcm.ts'
import type { AesKey } from './keys.ts'
import { fillNonce } from './random.ts'

const FORMAT = 0x01
const TAG_AT = 1 + IV_BYTES
const CIPHERTEXT_AT = TAG_AT + TAG_BYTES

/** How many bytes sealing adds. */
export const SEAL_OVERHEAD = CIPHERTEXT_AT

/**
 * With random 96-bit IVs a key seals at most 2^32 times (NIST SP 800-38D, 8.3). Keys rotate by half of that; the
 * keyring counts.
 */
export const MAX_SEALS_PER_KEY = 2 ** 31

export class OpenFailed extends Error {
  readonly code = 'open_failed'
  constructor() {
    super('The sealed bytes could not be opened')
  }
}

/** Encrypts and binds to `aad`. */
export function sealBytes(key: AesKey, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  return sealBehind(HEAD, key, plaintext, aad)
}

const HEAD = Buffer.of(FORMAT)

/** The same behind another beginning than this format's, for formats that hold more. */
export function sealBehind(head: Uint8Array, key: AesKey, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const at = head.length
  const blob = Buffer.allocUnsafeSlow(at + SEAL_OVERHEAD - 1 + plaintext.length)
  blob.set(head)
  fillNonce(blob, at, IV_BYTES)
  const { ciphertext, tag } = gcmSeal(key, blob.subarray(at, at + IV_BYTES), plaintext, aad)
  blob.set(tag, at + IV_BYTES)
  blob.set(ciphertext, at + IV_BYTES + TAG_BYTES)
  return blob
}

/** The plaintext in memory of its own, for the caller to wipe. Throws `OpenFailed` for every reason alike. */
export function openBytes(key: AesKey, blob: Buffer, aad: Uint8Array): Buffer {
  if (blob.length < CIPHERTEXT_AT || blob[0] !== FORMAT) throw new OpenFailed()
  const sealed = { tag: blob.subarray(TAG_AT, CIPHERTEXT_AT), ciphertext: blob.subarray(CIPHERTEXT_AT) }
  try {
    return gcmOpen(key, blob.subarray(1, TAG_AT), sealed, aad)
  } catch {
    throw new OpenFailed()
  }
}
