/**
 * The sealed blob of a batch token (docs/formats/token.md): 0x01 ‖ salt (16) ‖ iv (12) ‖ tag (16) ‖ ciphertext. Each blob has an
 * AES-256-GCM key of its own, derived from the organization's token key and the salt, so that the number of tokens is bound by no
 * limit of seals per key (NIST SP 800-38D, 8.3). Opening has one failure, whatever the reason.
 */
import { lengthPrefixed, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { openBytes, OpenFailed, sealBytes, SEAL_OVERHEAD } from './aead.ts'
import { importAesKey, KEY_BYTES, type AesKey, type HmacKey } from './keys.ts'
import { deriveKey } from './hkdf.ts'
import { randomBytes } from './random.ts'

const FORMAT = 0x01
const SALT_BYTES = 16
const SEALED_AT = 1 + SALT_BYTES
const CONTEXT = utf8('coffer/batch-token/1')

const keyOf = (key: HmacKey, salt: Uint8Array): AesKey => importAesKey(deriveKey(key, lengthPrefixed(CONTEXT, salt), KEY_BYTES))

function aadOf(orgId: string): Buffer {
  const org = parseUuid(orgId)
  if (org === undefined) throw new TypeError('The organization id is not a UUID')
  return lengthPrefixed(CONTEXT, org)
}

export function sealBatchToken(key: HmacKey, orgId: string, plaintext: Uint8Array): Buffer {
  const salt = randomBytes(SALT_BYTES)
  // The inner blob's own format byte goes: the outer one says which layout this is.
  return Buffer.concat([Buffer.of(FORMAT), salt, sealBytes(keyOf(key, salt), plaintext, aadOf(orgId)).subarray(1)])
}

/** What was sealed for this organization. Throws `OpenFailed` for every reason alike. */
export function openBatchToken(key: HmacKey, orgId: string, blob: Buffer): Buffer {
  if (blob.length < SALT_BYTES + SEAL_OVERHEAD || blob[0] !== FORMAT) throw new OpenFailed()
  return openBytes(keyOf(key, blob.subarray(1, SEALED_AT)), Buffer.concat([Buffer.of(FORMAT), blob.subarray(SEALED_AT)]), aadOf(orgId))
}
