/**
 * A sealed place in a list: 0x02 ‖ salt (16) ‖ iv (12) ‖ tag (16) ‖ ciphertext. The AES-256-GCM key is derived from a key of the organization and
 * the salt, which is a new one each time, so that their number is bound by no limit of seals per key (NIST SP 800-38D, 8.3). It is bound to its
 * list. The plaintext is as long for every place: how long a cursor is tells nothing either. Opening has one failure, whatever the reason.
 */
import { lengthPrefixed, utf8 } from '../../lib/bytes.ts'
import { openBytes, OpenFailed, sealBehind, SEAL_OVERHEAD } from '../aead.ts'
import { deriveKey } from '../hkdf.ts'
import { importAesKey, KEY_BYTES, type AesKey, type HmacKey } from '../keys.ts'
import { randomBytes } from '../random.ts'

/** 0x01 begins the cursors that are plain (kernel/cursor.ts). */
const FORMAT = 0x02
const INNER_FORMAT = 0x01
const SALT_BYTES = 16
const SEALED_AT = 1 + SALT_BYTES
const CONTEXT = utf8('coffer/cursor/1')
const LENGTH_BYTES = 2
/** No path is longer. */
const MOST_PLACE_BYTES = 1024
const PLAINTEXT_BYTES = LENGTH_BYTES + MOST_PLACE_BYTES
const CURSOR_BYTES = SALT_BYTES + SEAL_OVERHEAD + PLAINTEXT_BYTES

const keyOf = (key: HmacKey, salt: Uint8Array): AesKey => importAesKey(deriveKey(key, lengthPrefixed(CONTEXT, salt), KEY_BYTES))
const aadOf = (list: readonly string[]): Buffer => lengthPrefixed(CONTEXT, ...list.map(utf8))

/** `list` says which list it is of, the organization included. */
export function sealCursor(key: HmacKey, list: readonly string[], at: string): Buffer {
  const place = utf8(at)
  if (place.length > MOST_PLACE_BYTES) throw new RangeError('No list has such a long place')
  const plaintext = Buffer.alloc(PLAINTEXT_BYTES)
  plaintext.writeUInt16BE(place.length)
  plaintext.set(place, LENGTH_BYTES)
  const salt = randomBytes(SALT_BYTES)
  return sealBehind(Buffer.concat([Buffer.of(FORMAT), salt]), keyOf(key, salt), plaintext, aadOf(list))
}

/** The place that was sealed for this list. Throws `OpenFailed` for every reason alike. */
export function openCursor(key: HmacKey, list: readonly string[], blob: Buffer): string {
  if (blob.length !== CURSOR_BYTES || blob[0] !== FORMAT) throw new OpenFailed()
  // Behind the salt it is a sealed blob but for the format byte.
  const sealed = Buffer.concat([Buffer.of(INNER_FORMAT), blob.subarray(SEALED_AT)])
  const plaintext = openBytes(keyOf(key, blob.subarray(1, SEALED_AT)), sealed, aadOf(list))
  return plaintext.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + plaintext.readUInt16BE())
}
