/**
 * The sealed blob of a batch token (docs/formats/token.md): format ‖ salt (16) ‖ iv (12) ‖ tag (16) ‖ ciphertext. The AES-256-GCM key is
 * derived from the organization's token key and the salt. A process takes a new salt for every million tokens, so that their number is bound
 * by no limit of seals per key (NIST SP 800-38D, 8.3), and the derivation costs nothing for each. Opening has one failure, whatever the reason.
 */
import { lengthPrefixed, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { openBytes, OpenFailed, sealBehind, SEAL_OVERHEAD } from './aead.ts'
import { importAesKey, KEY_BYTES, type AesKey, type HmacKey } from './keys.ts'
import { deriveKey } from './hkdf.ts'
import { randomBytes } from './random.ts'

const SALT_BYTES = 16
const SEALED_AT = 1 + SALT_BYTES
/** Of the sealed blob within (docs/formats/value.md), which stands for itself no more: the outer byte says which layout this is. */
const INNER_FORMAT = Buffer.of(0x01)

/** The format byte. What they seal differs, not how. */
export type BatchFormat = 1 | 2

interface Layout {
  readonly format: BatchFormat
  readonly context: Buffer
  // By the key itself: what was derived from it goes when it goes.
  readonly sealers: WeakMap<HmacKey, Sealer>
  readonly openers: WeakMap<HmacKey, Map<string, AesKey>>
}

const layoutOf = (format: BatchFormat): Layout => ({ format, context: utf8(`coffer/batch-token/${format}`), sealers: new WeakMap(), openers: new WeakMap() })
const layouts: Readonly<Record<BatchFormat, Layout>> = { 1: layoutOf(1), 2: layoutOf(2) }

const keyOf = ({ context }: Layout, key: HmacKey, salt: Uint8Array): AesKey => importAesKey(deriveKey(key, lengthPrefixed(context, salt), KEY_BYTES))

function aadOf({ context }: Layout, orgId: string): Buffer {
  const org = parseUuid(orgId)
  if (org === undefined) throw new TypeError('The organization id is not a UUID')
  return lengthPrefixed(context, org)
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

function sealerOf(layout: Layout, key: HmacKey, orgId: string): Sealer {
  const known = layout.sealers.get(key)
  if (known !== undefined && known.left > 0 && known.orgId === orgId) return known
  const salt = randomBytes(SALT_BYTES)
  const made = { head: Buffer.concat([Buffer.of(layout.format), salt]), key: keyOf(layout, key, salt), orgId, aad: aadOf(layout, orgId), left: SEALS_PER_SALT }
  layout.sealers.set(key, made)
  return made
}

export function sealBatchToken(key: HmacKey, orgId: string, plaintext: Uint8Array, format: BatchFormat): Buffer {
  const sealer = sealerOf(layouts[format], key, orgId)
  sealer.left -= 1
  return sealBehind(sealer.head, sealer.key, plaintext, sealer.aad)
}

/** What was sealed for this organization. Throws `OpenFailed` for every reason alike. */
export function openBatchToken(key: HmacKey, orgId: string, blob: Buffer): Buffer {
  const layout = blob[0] === 1 || blob[0] === 2 ? layouts[blob[0]] : undefined
  if (layout === undefined || blob.length < SALT_BYTES + SEAL_OVERHEAD) throw new OpenFailed()
  const salt = blob.subarray(1, SEALED_AT)
  const name = salt.toString('latin1')
  const known = layout.openers.get(key) ?? new Map<string, AesKey>()
  const opener = known.get(name) ?? keyOf(layout, key, salt)
  const opened = openBytes(opener, Buffer.concat([INNER_FORMAT, blob.subarray(SEALED_AT)]), aadOf(layout, orgId))
  // Only what opened is remembered: salts that somebody made up push none out.
  if (!known.has(name)) {
    const [oldest] = known.keys()
    if (known.size >= OPENERS_PER_KEY && oldest !== undefined) known.delete(oldest)
    layout.openers.set(key, known.set(name, opener))
  }
  return opened
}
