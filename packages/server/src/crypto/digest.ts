/** SHA-256 (FIPS 180-4) of what is not secret: never of a stored secret value, whose plain hash would be an oracle. */
import { hash } from 'node:crypto'

/** Text is hashed as UTF-8. */
export function sha256(data: Uint8Array | string): Buffer {
  return hash('sha256', data, 'buffer')
}

export function sha256Base64Url(data: Uint8Array | string): string {
  return hash('sha256', data, 'base64url')
}

export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex')
}
