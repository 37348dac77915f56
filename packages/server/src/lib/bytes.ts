/**
 * Byte helpers that every stored format is built from. Numbers are big-endian, and a list of fields
 * is made unambiguous by a 32-bit length before each field.
 */

/** Overwrites the bytes. Call it as soon as key material or plaintext is no longer needed. */
export function wipe(buffer: Uint8Array): void {
  buffer.fill(0)
}

export function concat(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts)
}

/** Each field preceded by its length as u32 big-endian: two different lists never encode alike. */
export function lengthPrefixed(...fields: readonly Uint8Array[]): Buffer {
  let total = 0
  for (const field of fields) total += 4 + field.length
  const out = Buffer.allocUnsafe(total)
  let at = 0
  for (const field of fields) {
    at = out.writeUInt32BE(field.length, at)
    out.set(field, at)
    at += field.length
  }
  return out
}

/** An unsigned 64-bit number, big-endian. A number that is not exact or not in range is refused. */
export function u64be(n: number | bigint): Buffer {
  if (typeof n === 'number' && !Number.isSafeInteger(n)) throw new RangeError('u64 needs an exact integer')
  const out = Buffer.allocUnsafe(8)
  if (typeof n === 'bigint') {
    out.writeBigUInt64BE(n)
    return out
  }
  if (n < 0) throw new RangeError('u64 cannot be negative')
  out.writeUInt32BE(Math.floor(n / 0x1_0000_0000), 0)
  out.writeUInt32BE(n % 0x1_0000_0000, 4)
  return out
}

export function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

/** Bytes that are not UTF-8. Says nothing about them. */
export class NotUtf8 extends Error {
  readonly code = 'not_utf8'
  constructor() {
    super('The bytes are not valid UTF-8')
  }
}

/** Decodes UTF-8 and throws `NotUtf8` rather than replacing what is invalid. A byte order mark is kept. */
export function decodeUtf8Strict(bytes: Uint8Array): string {
  // A decoder that has thrown carries no state into its next call only when it is not streaming; one per call is safest.
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new NotUtf8()
  }
}
