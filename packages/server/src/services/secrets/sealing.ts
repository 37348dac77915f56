// Encryption of one version: a fresh DEK for each, bound to organization, secret, version and type (docs/formats/value.md).

import { openBytes, sealBytes } from '../../crypto/aead.ts'
import { valueAad } from '../../crypto/envelope.ts'
import { importAesKey, makeKeyBytes, type AesKey } from '../../crypto/keys.ts'
import { fingerprint } from '../../crypto/mac.ts'
import { fail } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import { parseUuid } from '../../lib/uuid.ts'
import type { Snapshot, ValueType, VersionRow } from '../../kernel/secret-model.ts'
import type { CachedSecret, SecretKeys } from './ports.ts'
import type { SealedVersion } from './repository.ts'

export interface SealBinding {
  readonly orgId: string
  readonly secretId: string
  readonly version: number
  readonly type: ValueType
}

/** Seals a value. The plaintext is the caller's to wipe; the DEK is wiped here. */
export const sealValue = async (keys: SecretKeys, binding: SealBinding, plaintext: Buffer): Promise<SealedVersion> => {
  const dek = makeKeyBytes()
  try {
    const wrapped = await keys.wrapDek(dek, { secretId: binding.secretId, version: binding.version })
    // The import wipes what it is given, so it gets a copy.
    const ciphertext = sealBytes(importAesKey(Buffer.from(dek)), plaintext, valueAad(binding))
    return { type: binding.type, ciphertext, ...wrapped, fingerprint: valueFingerprint(keys, binding, plaintext) }
  } finally {
    wipe(dek)
  }
}

/**
 * Equal for equal values of one secret and for nothing else: bound to the secret, or whoever may write one secret
 * could compare guesses with the fingerprint of another.
 */
export const valueFingerprint = (keys: SecretKeys, binding: Pick<SealBinding, 'orgId' | 'secretId'>, plaintext: Buffer): string => {
  const id = parseUuid(binding.secretId)
  if (id === undefined) throw new Error('secret id is not a UUID')
  const bytes = Buffer.concat([id, plaintext])
  try {
    return fingerprint(keys.purpose('fingerprint'), binding.orgId, bytes)
  } finally {
    wipe(bytes)
  }
}

/** The DEK of a stored version. @throws internal when the material is gone. */
export const unwrap = (keys: SecretKeys, secretId: string, version: VersionRow): AesKey => {
  if (version.wrappedDek === undefined) throw fail('internal', 'secret.no_material', `Version ${version.version} has no key material.`)
  return keys.unwrapDek({ secretId, version: version.version, kekId: version.kekId, kekVersion: version.kekVersion, wrapped: version.wrappedDek })
}

/** A loaded snapshot with what its selected version is opened with. */
export const withKey = (keys: SecretKeys, orgId: string, snapshot: Snapshot): CachedSecret => {
  const { secret, selected } = snapshot
  if (selected?.wrappedDek === undefined) return { snapshot, dek: undefined, aad: undefined }
  const dek = unwrap(keys, secret.secretId, selected)
  const [aad, wrappedDek, ciphertext] = inOwnMemory([valueAad({ orgId, secretId: secret.secretId, version: selected.version, type: selected.type }), selected.wrappedDek, ...(selected.ciphertext === undefined ? [] : [selected.ciphertext])])
  return { snapshot: { ...snapshot, selected: { ...selected, wrappedDek, ciphertext } }, dek, aad }
}

/** What the driver gives are pieces of Node's shared slabs; one of them, kept in a cache, keeps all 8 KiB of its slab. */
const inOwnMemory = (pieces: readonly Buffer[]): readonly Buffer[] => {
  const all = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  return pieces.map((piece) => {
    const from = at
    at += piece.copy(all, at)
    return all.subarray(from, at)
  })
}

/** Decrypts into a buffer that the caller wipes. @throws OpenFailed */
export const openValue = (dek: AesKey, aad: Buffer, ciphertext: Buffer): Buffer => openBytes(dek, ciphertext, aad)
