/**
 * The sealed blob of a batch token (docs/formats/token.md): 0x01 ‖ salt (16) ‖ iv (12) ‖ tag (16) ‖ ciphertext. The AES-256-GCM key is
 * derived from the organization's token key and the salt. A process takes a new salt for every million tokens, so that their number is bound
 * by no limit of seals per key (NIST SP 800-38D, 8.3), and the derivation costs nothing for each. Opening has one failure, whatever the reason.
 */
import { lengthPrefixed, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { openBytes, OpenFailed, sealBehind, SEAL_OVERHEAD } from './aead.ts'
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

/** Far below MAX_SEALS_PER_KEY of aead.ts. */
const SEALS_PER_SALT = 2 ** 20
const OPENERS_PER_KEY = 64

interface Sealer {
  /** Format and salt. */
  readonly head: Buffer
  readonly key: AesKey
  readonly orgId: string
  readonly aad: Buffer
  left: number
}

// By the key itself: what was derived from it goes when it goes.
const sealers = new WeakMap<HmacKey, Sealer>()
const openers = new WeakMap<HmacKey, Map<string, AesKey>>()

function sealerOf(key: HmacKey, orgId: string): Sealer {
  const known = sealers.get(key)
  if (known !== undefined && known.left > 0 && known.orgId === orgId) return known
  const salt = randomBytes(SALT_BYTES)
  const made = { head: Buffer.concat([Buffer.of(FORMAT), salt]), key: keyOf(key, salt), orgId, aad: aadOf(orgId), left: SEALS_PER_SALT }
  sealers.set(key, made)
  return made
}

export function sealBatchToken(key: HmacKey, orgId: string, plaintext: Uint8Array): Buffer {
  const sealer = sealerOf(key, orgId)
  sealer.left -= 1
  // The inner blob's own format byte goes: the outer one says which layout this is.
  return sealBehind(sealer.head, sealer.key, plaintext, sealer.aad)
}

/** What was sealed for this organization. Throws `OpenFailed` for every reason alike. */
export function openBatchToken(key: HmacKey, orgId: string, blob: Buffer): Buffer {
  if (blob.length < SALT_BYTES + SEAL_OVERHEAD || blob[0] !== FORMAT) throw new OpenFailed()
  const salt = blob.subarray(1, SEALED_AT)
  const name = salt.toString('latin1')
  const known = openers.get(key) ?? new Map<string, AesKey>()
  const opener = known.get(name) ?? keyOf(key, salt)
  const opened = openBytes(opener, Buffer.concat([Buffer.of(FORMAT), blob.subarray(SEALED_AT)]), aadOf(orgId))
  // Only what opened is remembered: salts that somebody made up push none out.
  if (!known.has(name)) {
    const [oldest] = known.keys()
    if (known.size >= OPENERS_PER_KEY && oldest !== undefined) known.delete(oldest)
    openers.set(key, known.set(name, opener))
  }
  return opened
}
