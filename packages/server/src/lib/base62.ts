/**
 * Base62 over [0-9A-Za-z] in that (ASCII) order: the bytes are one big-endian number, written in the fixed
 * width that their count needs. So n bytes always give the same number of characters, leading zeros
 * survive, encodings of equal length sort as the bytes do, and each has exactly one encoding.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BITS_PER_CHARACTER = Math.log2(62)
const DIGITS_PER_LIMB = 5
/** 62^5 times two bytes still fits in 53 bits, so plain numbers do the arithmetic. */
const LIMB = 62 ** DIGITS_PER_LIMB

const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0))
const VALUES = new Map([...ALPHABET].map((character, value) => [character.charCodeAt(0), value]))

/** How many characters `bytes` bytes take. */
export function base62Length(bytes: number): number {
  return Math.ceil((bytes * 8) / BITS_PER_CHARACTER)
}

export function encodeBase62(bytes: Uint8Array): string {
  const length = base62Length(bytes.length)
  const limbs: number[] = []
  for (let count = Math.ceil(length / DIGITS_PER_LIMB); count > 0; count--) limbs.push(0)
  // Two bytes at a time; of an odd count the first comes alone, which it may, for nothing stands before it.
  for (let at = bytes.length % 2 === 0 ? 0 : -1; at < bytes.length; at += 2) {
    let carry = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    for (let i = 0; i < limbs.length; i++) {
      const sum = (limbs[i] ?? 0) * 65_536 + carry
      carry = Math.floor(sum / LIMB)
      limbs[i] = sum - carry * LIMB
    }
  }
  // Into bytes from the last to the first: joined one by one, the characters would be as many strings.
  const text = Buffer.allocUnsafe(length)
  let place = length
  for (let index = 0; index < limbs.length; index++) {
    let limb = limbs[index] ?? 0
    for (let digit = 0; digit < DIGITS_PER_LIMB && place > 0; digit++) {
      const rest = Math.floor(limb / 62)
      text[--place] = CODES[limb - rest * 62] ?? 0
      limb = rest
    }
  }
  return text.toString('latin1')
}

/** The bytes, or undefined when the text is not the encoding of any. */
export function decodeBase62(text: string): Buffer | undefined {
  const size = Math.floor((text.length * BITS_PER_CHARACTER) / 8)
  if (base62Length(size) !== text.length) return undefined
  const out = Buffer.alloc(size)
  for (let at = 0; at < text.length; at++) {
    const value = VALUES.get(text.charCodeAt(at))
    if (value === undefined) return undefined
    let carry = value
    for (let i = size - 1; i >= 0; i--) {
      carry += (out[i] ?? 0) * 62
      out[i] = carry & 0xff
      carry >>>= 8
    }
    // More than the bytes hold: the same width, but a number too large.
    if (carry !== 0) return undefined
  }
  return out
}

/** CRC-32 (ISO 3309, as in zlib). It finds typing errors; it protects nothing. */
export function crc32(data: string | Uint8Array): number {
  return zlibCrc32(data)
}
