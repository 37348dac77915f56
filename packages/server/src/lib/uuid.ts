/** UUIDs (RFC 9562) between their 16 bytes and their text. Text is written in lower case and read in either. */

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function formatUuid(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new RangeError('A UUID has 16 bytes')
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The 16 bytes, or undefined for anything but the canonical 8-4-4-4-12 form. */
export function parseUuid(text: string): Buffer | undefined {
  if (text.length !== 36 || !SHAPE.test(text)) return undefined
  return Buffer.from(text.replaceAll('-', ''), 'hex')
}
