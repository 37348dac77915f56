// The root key in use, and what it does: wrap KEKs and purpose keys, nothing else. Every wrapped key is bound to its organization,
// name and version (crypto/envelope), so that rows exchanged in the database do not open.

import { openBytes, sealBytes } from '../crypto/aead.ts'
import { kekAad, purposeKeyAad } from '../crypto/envelope.ts'
import { importAesKey, importHmacKey, makeKeyBytes, type AesKey, type HmacKey } from '../crypto/keys.ts'
import { exportSigningSeed, importSigningKey, makeSigningKey, type SigningKey } from '../crypto/sign.ts'
import { wipe } from '../lib/bytes.ts'
import { openFailed } from './failures.ts'
import { signingPurpose, type Purpose } from './purposes.ts'

/** The root key as a key object, and how many times it has been rotated. */
export interface RootKey {
  readonly key: AesKey
  readonly generation: number
}

/** Takes the 32 bytes over and wipes them. */
export const importRootKey = (bytes: Buffer, generation: number): RootKey => ({ key: importAesKey(bytes), generation })

export interface KekPlace {
  readonly orgId: string
  readonly kekId: string
  readonly kekVersion: number
}

export interface PurposePlace {
  readonly orgId: string
  readonly purpose: string
  readonly version: number
}

const kekText = (place: KekPlace): string => `KEK ${place.kekId} version ${place.kekVersion}`
const purposeText = (place: PurposePlace): string => `The key '${place.purpose}' version ${place.version} of organization ${place.orgId}`

const open = (root: RootKey, wrapped: Buffer, aad: Buffer, what: string): Buffer => {
  try {
    return openBytes(root.key, wrapped, aad)
  } catch {
    throw openFailed(what)
  }
}

/** A fresh KEK, wrapped for its row and ready for use. */
export const makeKek = (root: RootKey, place: KekPlace): { readonly wrapped: Buffer; readonly key: AesKey } => {
  const bytes = makeKeyBytes()
  const wrapped = sealBytes(root.key, bytes, kekAad(place))
  return { wrapped, key: importAesKey(bytes) }
}

export const openKek = (root: RootKey, place: KekPlace, wrapped: Buffer): AesKey =>
  importAesKey(open(root, wrapped, kekAad(place), kekText(place)))

/** The bytes of a fresh key of this purpose: HMAC keys are random bytes, the signing key is an Ed25519 seed. */
const makePurposeBytes = (purpose: Purpose): Buffer => (purpose === signingPurpose ? exportSigningSeed(makeSigningKey()) : makeKeyBytes())

/** A fresh purpose key, wrapped for its row, and its bytes for the caller to import (which wipes them). */
export const makePurposeKey = (root: RootKey, place: PurposePlace & { readonly purpose: Purpose }): { readonly wrapped: Buffer; readonly bytes: Buffer } => {
  const bytes = makePurposeBytes(place.purpose)
  return { wrapped: sealBytes(root.key, bytes, purposeKeyAad(place)), bytes }
}

export const openHmacKey = (root: RootKey, place: PurposePlace, wrapped: Buffer): HmacKey =>
  importHmacKey(open(root, wrapped, purposeKeyAad(place), purposeText(place)))

export const openSigningKey = (root: RootKey, place: PurposePlace, wrapped: Buffer): SigningKey =>
  importSigningKey(open(root, wrapped, purposeKeyAad(place), purposeText(place)))

/** The same KEK under another root key. */
export const rewrapKek = (from: RootKey, to: RootKey, place: KekPlace, wrapped: Buffer): Buffer =>
  rewrap(from, to, wrapped, { aad: kekAad(place), what: kekText(place) })

/** The same purpose key under another root key. */
export const rewrapPurposeKey = (from: RootKey, to: RootKey, place: PurposePlace, wrapped: Buffer): Buffer =>
  rewrap(from, to, wrapped, { aad: purposeKeyAad(place), what: purposeText(place) })

const rewrap = (from: RootKey, to: RootKey, wrapped: Buffer, binding: { readonly aad: Buffer; readonly what: string }): Buffer => {
  const bytes = open(from, wrapped, binding.aad, binding.what)
  try {
    return sealBytes(to.key, bytes, binding.aad)
  } finally {
    wipe(bytes)
  }
}
