// Key pairs made before the transaction that stores them: making one takes up to a second of RSA, and locks are not held for that. What is
// left over, and the bytes of what was stored, are wiped.

import { makeSigningKey, type PublicJwk, type SigningAlgorithm } from '../../../crypto/jose/signing.ts'
import { makeUuidV4 } from '../../../crypto/random.ts'
import { wipe } from '../../../lib/bytes.ts'

export interface Pair {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly pkcs8: Buffer
  readonly jwk: PublicJwk
}

/** Gives one of the pairs after the other. */
export type Take = (algorithm: SigningAlgorithm) => Promise<Pair>

const makePair = async (algorithm: SigningAlgorithm): Promise<Pair> => {
  const { pkcs8, publicJwk } = await makeSigningKey(algorithm)
  const kid = makeUuidV4()
  return { kid, algorithm, pkcs8, jwk: { use: 'sig', kid, alg: algorithm, ...publicJwk } }
}

/** Runs `work` with so many pairs; it may start over, as transactions do, with `taking` anew. More than were foreseen are made then. */
export const withPairs = async <T>(algorithm: SigningAlgorithm, count: number, work: (taking: () => Take) => Promise<T>): Promise<T> => {
  const made = await Promise.all(Array.from({ length: count }, () => makePair(algorithm)))
  try {
    return await work(() => {
      let at = 0
      return async (wanted) => {
        const ready = made[at++]
        if (ready?.algorithm === wanted) return ready
        const pair = await makePair(wanted)
        made.push(pair)
        return pair
      }
    })
  } finally {
    for (const { pkcs8 } of made) wipe(pkcs8)
  }
}
