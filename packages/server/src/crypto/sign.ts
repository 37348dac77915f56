/** Ed25519 signatures (RFC 8032). Keys are stored as their raw 32 bytes: the private key's seed, sealed, and the public key. */
import {
  createPrivateKey, createPublicKey, generateKeyPairSync, sign as signWith, verify as verifyWith,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { wipe } from '../lib/bytes.ts'

declare const role: unique symbol

export type SigningKey = KeyObject & { readonly [role]: 'ed25519-private' }
export type VerifyKey = KeyObject & { readonly [role]: 'ed25519-public' }

/** What precedes the 32 raw bytes in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, sections 7 and 4). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const RAW_BYTES = 32

export function makeSigningKey(): SigningKey {
  return generateKeyPairSync('ed25519').privateKey as SigningKey // the brand has no value at run time
}

/** Makes a private key of its 32-byte seed and wipes the seed. */
export function importSigningKey(seed: Buffer): SigningKey {
  if (seed.length !== RAW_BYTES) {
    wipe(seed)
    throw new RangeError('An Ed25519 seed has 32 bytes')
  }
  const der = Buffer.concat([PKCS8_HEAD, seed])
  wipe(seed)
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) as SigningKey // the brand has no value at run time
  } finally {
    wipe(der)
  }
}

/** The private key's 32-byte seed, to be sealed and then wiped. */
export function exportSigningSeed(key: SigningKey): Buffer {
  const der = key.export({ format: 'der', type: 'pkcs8' })
  const seed = Buffer.alloc(RAW_BYTES)
  der.copy(seed, 0, der.length - RAW_BYTES)
  wipe(der)
  return seed
}

/** The public half, for `verify`. */
export function verifyKeyOf(key: SigningKey): VerifyKey {
  return createPublicKey(key) as VerifyKey // the brand has no value at run time
}

/** The public key's 32 raw bytes. */
export function exportVerifyKey(key: VerifyKey): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
}

export function importVerifyKey(raw: Uint8Array): VerifyKey {
  if (raw.length !== RAW_BYTES) throw new RangeError('An Ed25519 public key has 32 bytes')
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' }) as VerifyKey // as above
}

/** 64 bytes. */
export function sign(key: SigningKey, message: Uint8Array): Buffer {
  return signWith(null, message, key)
}

/** False for any signature that is not this key's over this message, of whatever length. */
export function verify(key: VerifyKey, message: Uint8Array, signature: Uint8Array): boolean {
  return verifyWith(null, message, key, signature)
}
