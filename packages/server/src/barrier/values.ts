// What an entry holds: JSON, bounded, as UTF-8 bytes that exist only between here and the cipher.

import { fail } from '../kernel/errors.ts'
import { parseJson, type JsonValue } from '../lib/json.ts'
import { utf8, wipe } from '../lib/bytes.ts'

/** 1 MiB, as the largest secret. Engines that keep more split it over several entries. */
export const maxEntryBytes = 2 ** 20
const maxDepth = 64

const tooLarge = () => fail('invalid_request', 'barrier.entry_too_large', `One entry holds at most ${maxEntryBytes} bytes of JSON.`)
const notJson = (cause?: unknown) => fail('internal', 'barrier.not_json', 'What was to be stored is not JSON, or is nested too deeply.', { cause })

/** The bytes to seal, to be wiped afterwards. What would not come back as it went in is refused here and not at the next read. */
export const encodeValue = (value: JsonValue): Buffer => {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    throw notJson() // the cause could quote a key of the value
  }
  if (text === undefined) throw notJson()
  if (text.length > maxEntryBytes) throw tooLarge()
  const bytes = utf8(text)
  try {
    if (bytes.length > maxEntryBytes) throw tooLarge()
    parse(bytes)
  } catch (error) {
    wipe(bytes)
    throw error
  }
  return bytes
}

/** The value, and the bytes wiped. */
export const decodeValue = (bytes: Buffer): JsonValue => {
  try {
    return parse(bytes)
  } finally {
    wipe(bytes)
  }
}

const parse = (bytes: Buffer): JsonValue => {
  try {
    return parseJson(bytes, { maxDepth, maxBytes: maxEntryBytes })
  } catch (error) {
    throw notJson(error)
  }
}
