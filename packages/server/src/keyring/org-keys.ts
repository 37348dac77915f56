// The opened keys of one organization. Everything but taking a KEK for encryption is synchronous, because the warm read has no
// promise in it (architecture, section 8). Key bytes never appear here, only key objects.

import { openBytes, sealBytes } from '../crypto/aead.ts'
import { dekAad, entryDekAad, type EntryBinding } from '../crypto/envelope.ts'
import { importAesKey, type AesKey, type HmacKey } from '../crypto/keys.ts'
import { verifyKeyOf, type SigningKey, type VerifyKey } from '../crypto/sign.ts'
import { wipe } from '../lib/bytes.ts'
import { fail, quote } from '../kernel/errors.ts'
import { dekOpenFailed, kekOutOfOrder, kekUnknown, keysGone, type KekName } from './failures.ts'
import { signingPurpose, type HmacPurpose } from './purposes.ts'
import type { KeyRow } from './repository.ts'
import { openHmacKey, openKek, openSigningKey, type RootKey } from './root-key.ts'

export interface Kek extends KekName {
  readonly key: AesKey
}

export interface Versioned<Key> {
  readonly version: number
  readonly key: Key
}

/** A DEK as its row stores it. */
export interface WrappedDek extends KekName {
  readonly wrapped: Buffer
}

export interface OpenedKeys {
  readonly activeKek: Kek
  /** Active and retired ones. */
  readonly keks: readonly Kek[]
  /** Versions in rising order; the last is for new things. */
  readonly purposes: ReadonlyMap<string, readonly Versioned<HmacKey>[]>
  readonly signing: readonly Versioned<SigningKey>[]
}

/** Gives a KEK for one encryption that is paid for (keyring/allowance). */
export type TakeKek = () => Kek | Promise<Kek>

const kekKey = (kekId: string, kekVersion: number): string => `${kekId}/${kekVersion}`

export class OrgKeys {
  readonly orgId: string
  readonly activeKek: Kek
  readonly #keks: ReadonlyMap<string, Kek>
  readonly #purposes: ReadonlyMap<string, readonly Versioned<HmacKey>[]>
  readonly #signing: readonly Versioned<SigningKey>[]
  readonly #takeKek: TakeKek

  constructor(orgId: string, opened: OpenedKeys, takeKek: TakeKek) {
    this.orgId = orgId
    this.activeKek = opened.activeKek
    this.#keks = new Map(opened.keks.map((kek) => [kekKey(kek.kekId, kek.kekVersion), kek]))
    this.#purposes = opened.purposes
    this.#signing = opened.signing
    this.#takeKek = takeKek
  }

  /** Whether a row under this KEK can be opened with what is loaded; if not, the keys are older than the row. */
  has({ kekId, kekVersion }: KekName): boolean {
    return this.#keks.has(kekKey(kekId, kekVersion))
  }

  /** The DEK of a secret's version. Throws `keyring.open_failed` when any of these does not belong together. */
  unwrapDek(dek: WrappedDek & { readonly secretId: string; readonly version: number }): AesKey {
    const { secretId, version, kekId, kekVersion } = dek
    return this.unwrap(dek, dekAad({ orgId: this.orgId, secretId, version, kekId, kekVersion }))
  }

  /** Wraps a DEK for a secret's version. The bytes stay the caller's to import or wipe. */
  wrapDek(dek: Uint8Array, { secretId, version }: { readonly secretId: string; readonly version: number }): Promise<WrappedDek> {
    return this.wrap(dek, (kek) => dekAad({ orgId: this.orgId, secretId, version, ...kek }))
  }

  unwrapEntryDek(dek: WrappedDek & Omit<EntryBinding, 'orgId'>): AesKey {
    const { mountId, key, entryVersion, kekId, kekVersion } = dek
    return this.unwrap(dek, entryDekAad({ orgId: this.orgId, mountId, key, entryVersion, kekId, kekVersion }))
  }

  wrapEntryDek(dek: Uint8Array, { mountId, key, entryVersion }: Omit<EntryBinding, 'orgId'>): Promise<WrappedDek> {
    return this.wrap(dek, (kek) => entryDekAad({ orgId: this.orgId, mountId, key, entryVersion, ...kek }))
  }

  /** Opens a DEK that is bound to `aad`. */
  unwrap({ wrapped, kekId, kekVersion }: WrappedDek, aad: Uint8Array): AesKey {
    return importAesKey(this.unwrapBytes({ wrapped, kekId, kekVersion }, aad))
  }

  /** The same as bytes, for wrapping them anew. The caller wipes them. */
  unwrapBytes({ wrapped, kekId, kekVersion }: WrappedDek, aad: Uint8Array): Buffer {
    const kek = this.#keks.get(kekKey(kekId, kekVersion))
    if (kek === undefined) throw kekUnknown({ kekId, kekVersion })
    try {
      return openBytes(kek.key, wrapped, aad)
    } catch {
      throw dekOpenFailed({ kekId, kekVersion })
    }
  }

  /** Wraps a DEK under the active KEK, bound to what `aadOf` makes of that KEK's name. */
  async wrap(dek: Uint8Array, aadOf: (kek: KekName) => Uint8Array): Promise<WrappedDek> {
    const { kekId, kekVersion, key } = await this.#takeKek()
    return { wrapped: sealBytes(key, dek, aadOf({ kekId, kekVersion })), kekId, kekVersion }
  }

  /** The key for new things of this purpose. */
  purpose(name: HmacPurpose): HmacKey {
    const newest = this.#purposes.get(name)?.at(-1)
    if (newest === undefined) throw noPurpose(name)
    return newest.key
  }

  /** Every version that still verifies, the newest first. */
  purposeVersions(name: HmacPurpose): readonly Versioned<HmacKey>[] {
    return (this.#purposes.get(name) ?? []).toReversed()
  }

  /** The Ed25519 key of audit checkpoints; only the organization `root` has one. */
  signingKey(): Versioned<SigningKey> {
    const newest = this.#signing.at(-1)
    if (newest === undefined) throw noPurpose(signingPurpose)
    return newest
  }

  /** The public halves of every version, the newest first. */
  verifyKeys(): readonly Versioned<VerifyKey>[] {
    return this.#signing.toReversed().map(({ version, key }) => ({ version, key: verifyKeyOf(key) }))
  }
}

const noPurpose = (name: string): Error => fail('internal', 'keyring.no_purpose', `This organization has no key for ${quote(name)}.`)

/** Opens every row that was loaded. One that does not open fails the whole: half a keyring would misjudge what it cannot verify. */
export const openRows = (root: RootKey, orgId: string, rows: readonly KeyRow[]): OpenedKeys => {
  const keks: Kek[] = []
  const purposes = new Map<string, Versioned<HmacKey>[]>()
  const signing: Versioned<SigningKey>[] = []
  let activeKek: Kek | undefined
  for (const { kind, name, version, wrapped, state } of rows) {
    if (wrapped === null || state === 'destroyed') continue
    if (kind === 'kek') {
      const kek = { kekId: name, kekVersion: version, key: openKek(root, { orgId, kekId: name, kekVersion: version }, wrapped) }
      keks.push(kek)
      if (state === 'active') activeKek = kek // rows come in rising order: the newest active one wins
    } else if (name === signingPurpose) {
      signing.push({ version, key: openSigningKey(root, { orgId, purpose: name, version }, wrapped) })
    } else {
      const versions = purposes.get(name) ?? []
      versions.push({ version, key: openHmacKey(root, { orgId, purpose: name, version }, wrapped) })
      purposes.set(name, versions)
    }
  }
  if (activeKek === undefined) throw keysGone()
  requireNewest(activeKek, keks)
  return { activeKek, keks, purposes, signing }
}

/** The state of a row is not sealed: somebody who marks an older KEK active again must not get new keys wrapped under it. */
const requireNewest = (active: Kek, keks: readonly Kek[]): void => {
  const younger = keks.find((kek) => kek.kekVersion > active.kekVersion || kek.kekId !== active.kekId)
  if (younger !== undefined) throw kekOutOfOrder(active)
}

/** Wipes the bytes once a function is done with them, also when it fails. */
export const wiping = <Result>(bytes: Buffer, use: (bytes: Buffer) => Result): Result => {
  try {
    return use(bytes)
  } finally {
    wipe(bytes)
  }
}
