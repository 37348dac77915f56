/**
 * Keys that sign JSON Web Tokens (RFC 7515, RFC 8037), by `jose` over the runtime's own algorithms. Their private halves pass through here
 * as PKCS #8 bytes and are wiped; what is published of a key is its JWK (RFC 7517).
 */
import { createPrivateKey, generateKeyPair, hash, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { CompactSign } from 'jose'
import { wipe } from '../../lib/bytes.ts'

export const signingAlgorithms = Object.freeze(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const)
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

export const isSigningAlgorithm = (text: string): text is SigningAlgorithm => signingAlgorithms.some((each) => each === text)

export type PublicJwk = Readonly<Record<string, string>>

export interface MadeKey {
  /** Whoever holds it wipes it. */
  readonly pkcs8: Buffer
  readonly publicJwk: PublicJwk
}

// NIST SP 800-57 part 1, table 2: 2048 bits of RSA are what a signature needs that is verified within days.
const RSA_BITS = 2048
const CURVES: Readonly<Record<string, string>> = Object.freeze({ ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' })
const generate = promisify(generateKeyPair)

const makePair = (algorithm: SigningAlgorithm): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> => {
  if (algorithm === 'EdDSA') return generate('ed25519')
  const namedCurve = CURVES[algorithm]
  return namedCurve === undefined ? generate('rsa', { modulusLength: RSA_BITS }) : generate('ec', { namedCurve })
}

export const makeSigningKey = async (algorithm: SigningAlgorithm): Promise<MadeKey> => {
  const { publicKey, privateKey } = await makePair(algorithm)
  const members = Object.entries(publicKey.export({ format: 'jwk' })).filter((member): member is [string, string] => typeof member[1] === 'string')
  return { pkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }), publicJwk: Object.fromEntries(members) }
}

/** Signs a payload under a key that is named in the header, and wipes the key's bytes. */
export const signJws = async (payload: Uint8Array, { pkcs8, kid, algorithm }: { readonly pkcs8: Buffer; readonly kid: string; readonly algorithm: SigningAlgorithm }): Promise<string> => {
  try {
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    return await new CompactSign(payload).setProtectedHeader({ alg: algorithm, kid }).sign(key)
  } finally {
    wipe(pkcs8)
  }
}

const HASHES: Readonly<Record<SigningAlgorithm, string>> = Object.freeze({ RS256: 'sha256', ES256: 'sha256', RS384: 'sha384', ES384: 'sha384', RS512: 'sha512', ES512: 'sha512', EdDSA: 'sha512' })

/** `at_hash` and `c_hash`: the left half of the text's hash under the hash of the algorithm (OpenID Connect Core, 3.3.2.11). */
export const halfHash = (algorithm: SigningAlgorithm, text: string): string => {
  const digest = hash(HASHES[algorithm], text, 'buffer')
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
