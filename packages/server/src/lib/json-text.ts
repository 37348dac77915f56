/**
 * A JSON string written from UTF-8 bytes straight into a buffer: what JSON.stringify would write for the same text, without
 * the text ever becoming a string of the engine, which nobody could wipe.
 */
import { isUtf8 } from 'node:buffer'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const HEX = Buffer.from('0123456789abcdef', 'latin1')

/** The letter after the backslash for what has a short escape (ECMA-262, QuoteJSONString); 0 for none. */
const SHORT = new Uint8Array(0x60)
SHORT[0x08] = 0x62 // b
SHORT[0x09] = 0x74 // t
SHORT[0x0a] = 0x6e // n
SHORT[0x0c] = 0x66 // f
SHORT[0x0d] = 0x72 // r
SHORT[QUOTE] = QUOTE
SHORT[BACKSLASH] = BACKSLASH

/** Length of the text between the quotes, or undefined when the bytes are not UTF-8. */
export function jsonTextLength(bytes: Uint8Array): number | undefined {
  if (!isUtf8(bytes)) return undefined
  let length = bytes.length
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number // within the bounds
    if (byte < 0x20) length += SHORT[byte] === 0 ? 5 : 1
    else if (byte === QUOTE || byte === BACKSLASH) length += 1
  }
  return length
}

/** Writes the text between the quotes and returns where it ends. The caller has made room by `jsonTextLength`. */
export function writeJsonText(bytes: Uint8Array, into: Uint8Array, start: number): number {
  let at = start
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number // within the bounds
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
      into[at++] = byte
      continue
    }
    into[at++] = BACKSLASH
    const short = SHORT[byte] as number // the table ends above the backslash
    if (short !== 0) {
      into[at++] = short
      continue
    }
    into.set([0x75, 0x30, 0x30, HEX[byte >> 4] as number, HEX[byte & 15] as number], at) // u00xx
    at += 5
  }
  return at
}
