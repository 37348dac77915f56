/** HKDF-SHA-256 (RFC 5869). */
import { hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export function hkdfSha256(inputKey: KeyObject, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', inputKey, salt, info, length))
}
