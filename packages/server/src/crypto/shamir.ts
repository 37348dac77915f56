/**
 * Splits a key among people so that any `threshold` of them restore it and fewer learn nothing. A share is laid out as Vault lays
 * it out (docs/formats/share.md): one byte y for each byte of the secret, then one byte x, so shares move between the two.
 */
import { wipe } from '../lib/bytes.ts'
import { sha256Hex } from './digest.ts'
import { gfAdd, gfMultiply } from './hazmat/gf256.ts'
import { evaluate, weightsAtZero } from './hazmat/shamir.ts'
import { randomBytes, randomInt } from './random.ts'

export type InvalidSharesCode =
  | 'shares_too_few' | 'shares_length_differs' | 'shares_repeated' | 'share_malformed' | 'split_out_of_range'

export class InvalidShares extends Error {
  readonly code: InvalidSharesCode
  constructor(code: InvalidSharesCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Makes `shares` shares, any `threshold` of which restore the secret (2 ≤ threshold ≤ shares ≤ 255). */
export function splitSecret(secretBytes: Uint8Array, options: { readonly shares: number; readonly threshold: number }): Buffer[] {
  const { shares, threshold } = options
  if (!Number.isInteger(shares) || !Number.isInteger(threshold) || threshold < 2 || shares < threshold || shares > 255) {
    throw new InvalidShares('split_out_of_range', 'Sharing needs 2 ≤ threshold ≤ shares ≤ 255')
  }
  if (secretBytes.length === 0) throw new InvalidShares('split_out_of_range', 'There is nothing to share')
  const xs = distinctCoordinates(shares)
  const out = xs.map((x) => {
    const share = Buffer.alloc(secretBytes.length + 1)
    share[secretBytes.length] = x
    return share
  })
  secretBytes.forEach((byte, at) => {
    const coefficients = randomBytes(threshold)
    coefficients[0] = byte
    out.forEach((share, i) => {
      share[at] = evaluate(coefficients, xs[i] ?? 0)
    })
    wipe(coefficients)
  })
  return out
}

/**
 * The secret of which these are shares. With fewer shares than the threshold, or with a wrong one, the result is some other bytes: only
 * what the secret opens tells.
 */
export function combineShares(shares: readonly Uint8Array[]): Buffer {
  const [first] = shares
  if (first === undefined || shares.length < 2) throw new InvalidShares('shares_too_few', 'At least two shares are needed')
  const length = first.length - 1
  if (length < 1) throw new InvalidShares('share_malformed', 'A share is too short')
  if (shares.some((share) => share.length !== first.length)) {
    throw new InvalidShares('shares_length_differs', 'All shares must have the same length')
  }
  const xs = shares.map((share) => share[length] ?? 0)
  if (xs.includes(0)) throw new InvalidShares('share_malformed', 'A share has no coordinate')
  if (new Set(xs).size !== xs.length) throw new InvalidShares('shares_repeated', 'The same share was given twice')
  const weights = weightsAtZero(xs)
  const out = Buffer.alloc(length)
  for (let at = 0; at < length; at++) {
    let byte = 0
    shares.forEach((share, i) => {
      byte = gfAdd(byte, gfMultiply(share[at] ?? 0, weights[i] ?? 0))
    })
    out[at] = byte
  }
  return out
}

/** 8 hex digits that name a share without giving it away, so that a wrong one can be pointed out. */
export function shareFingerprint(share: Uint8Array): string {
  return sha256Hex(share).slice(0, 8)
}

/** Random and distinct, by a partial Fisher-Yates shuffle of 1..255. */
function distinctCoordinates(count: number): number[] {
  const all = Array.from({ length: 255 }, (_, i) => i + 1)
  for (let i = 0; i < count; i++) {
    const j = randomInt(i, 255)
    const swapped = all[i] ?? 0
    all[i] = all[j] ?? 0
    all[j] = swapped
  }
  return all.slice(0, count)
}
