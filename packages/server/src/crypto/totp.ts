/** Codes that follow from a key and a number: HOTP (RFC 4226), and TOTP (RFC 6238), where the number is that of a stretch of time. */
import { createHmac } from 'node:crypto'

export type TotpAlgorithm = 'SHA1' | 'SHA256' | 'SHA512'

const HASHES: Readonly<Record<TotpAlgorithm, string>> = Object.freeze({ SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' })

/** RFC 4226, 5.3: dynamic truncation. */
export function deriveCode(key: Uint8Array, counter: number, { algorithm, digits }: { readonly algorithm: TotpAlgorithm; readonly digits: 6 | 8 }): string {
  const moving = Buffer.alloc(8)
  moving.writeBigUInt64BE(BigInt(counter))
  const mac = createHmac(HASHES[algorithm], key).update(moving).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits).padStart(digits, '0')
}

/** The number of the stretch of time. */
export function counterAt(milliseconds: number, periodSeconds: number): number {
  return Math.floor(milliseconds / 1000 / periodSeconds)
}
