/**
 * What each sealed blob is bound to (architecture, section 3): the additional authenticated data of values, wrapped keys and entries.
 * Every layout is a context string and then fields, each length-prefixed; ids are their 16 raw bytes and numbers u64 big-endian. A blob
 * copied to another row, version or organization does not open. Names and paths are left out, so a rename re-encrypts nothing.
 */
import { lengthPrefixed, u64be, utf8 } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'

const CONTEXT = Object.freeze({
  value: utf8('coffer/value/1'),
  dek: utf8('coffer/dek/1'),
  entry: utf8('coffer/entry/1'),
  entryDek: utf8('coffer/entry-dek/1'),
  kek: utf8('coffer/kek/1'),
  purposeKey: utf8('coffer/purpose-key/1'),
  slot: utf8('coffer/slot/1'),
})

export interface ValueBinding {
  readonly orgId: string
  readonly secretId: string
  readonly version: number
  /** The type of the secret's value, as stored: `json`, `text`, ... */
  readonly type: string
}

/** For the value of one version of a secret, under its DEK. */
export function valueAad(b: ValueBinding): Buffer {
  return lengthPrefixed(CONTEXT.value, idBytes(b.orgId), idBytes(b.secretId), u64be(b.version), utf8(b.type))
}

export interface DekBinding {
  readonly orgId: string
  readonly secretId: string
  readonly version: number
  readonly kekId: string
  readonly kekVersion: number
}

/** For the DEK of one version of a secret, under its KEK. */
export function dekAad(b: DekBinding): Buffer {
  return lengthPrefixed(
    CONTEXT.dek, idBytes(b.orgId), idBytes(b.secretId), u64be(b.version), idBytes(b.kekId), u64be(b.kekVersion),
  )
}

export interface EntryBinding {
  readonly orgId: string
  readonly mountId: string
  readonly key: string
  readonly entryVersion: number
}

/** For an engine's stored entry, under its DEK. */
export function entryAad(b: EntryBinding): Buffer {
  return lengthPrefixed(CONTEXT.entry, idBytes(b.orgId), idBytes(b.mountId), utf8(b.key), u64be(b.entryVersion))
}

export interface EntryDekBinding extends EntryBinding {
  readonly kekId: string
  readonly kekVersion: number
}

/** For the DEK of an engine's stored entry, under the organization's KEK. */
export function entryDekAad(b: EntryDekBinding): Buffer {
  return lengthPrefixed(
    CONTEXT.entryDek, idBytes(b.orgId), idBytes(b.mountId), utf8(b.key), u64be(b.entryVersion),
    idBytes(b.kekId), u64be(b.kekVersion),
  )
}

export interface KekBinding {
  readonly orgId: string
  readonly kekId: string
  readonly kekVersion: number
}

/** For an organization's KEK, under the root key. */
export function kekAad(b: KekBinding): Buffer {
  return lengthPrefixed(CONTEXT.kek, idBytes(b.orgId), idBytes(b.kekId), u64be(b.kekVersion))
}

export interface PurposeKeyBinding {
  readonly orgId: string
  /** What the key is for: `tokens`, `rows`, `fingerprint`, `audit-hmac`, ... */
  readonly purpose: string
  readonly version: number
}

/** For an organization's key of one purpose, under the root key. */
export function purposeKeyAad(b: PurposeKeyBinding): Buffer {
  return lengthPrefixed(CONTEXT.purposeKey, idBytes(b.orgId), utf8(b.purpose), u64be(b.version))
}

export interface SlotBinding {
  readonly slotId: string
  /** How the slot's key is kept: `shamir`, `keyfile`, `aws-kms`, ... */
  readonly slotType: string
  readonly rootKeyVersion: number
}

/** For the root key, under a slot's key. The root key belongs to the installation, so there is no organization. */
export function slotAad(b: SlotBinding): Buffer {
  return lengthPrefixed(CONTEXT.slot, idBytes(b.slotId), utf8(b.slotType), u64be(b.rootKeyVersion))
}

function idBytes(id: string): Buffer {
  const bytes = parseUuid(id)
  // A caller's mistake, never a user's: ids come from the database.
  if (bytes === undefined) throw new TypeError('An id in a key binding is not a UUID')
  return bytes
}
