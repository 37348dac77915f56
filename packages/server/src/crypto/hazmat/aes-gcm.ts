/**
 * AES-256-GCM (NIST SP 800-38D) with a 96-bit IV and a 128-bit tag, nothing shorter. The caller guarantees that an IV never
 * repeats under a key. Only `aead.ts` wraps this in a format.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const IV_BYTES = 12
export const TAG_BYTES = 16

/** Node refuses other tag lengths only when told the length (an attacker could truncate the tag otherwise). */
const OPTIONS = Object.freeze({ authTagLength: TAG_BYTES })

export interface GcmSealed {
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

export function gcmSeal(key: KeyObject, iv: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): GcmSealed {
  const cipher = createCipheriv('aes-256-gcm', key, iv, OPTIONS)
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plaintext)
  // GCM is a stream mode: final() yields no bytes, only the tag.
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** Throws OpenSSL's error when the tag does not match; what had been decrypted by then is wiped. */
export function gcmOpen(key: KeyObject, iv: Uint8Array, sealed: { ciphertext: Uint8Array; tag: Uint8Array }, aad: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, OPTIONS)
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.tag)
  const plaintext = decipher.update(sealed.ciphertext)
  try {
    decipher.final()
  } catch (cause) {
    plaintext.fill(0)
    throw cause
  }
  return plaintext
}
