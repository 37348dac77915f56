// The slot that people open: its key is split among them, and any `threshold` of them restore it. A slot with one share hands out the key itself,
// as Vault does.

import { makeKeyBytes } from '../../crypto/keys.ts'
import { combineShares, shareFingerprint, splitSecret } from '../../crypto/shamir.ts'
import { fail, type CofferError } from '../../kernel/errors.ts'
import type { Slot } from '../repository.ts'
import type { MadeSlot, ShamirRequest } from '../slot.ts'

const maxShares = 255

/** Vault's rules for the numbers, so that its clients see the refusals that they know. */
export const checkNumbers = ({ shares, threshold }: Omit<ShamirRequest, 'kind'>): void => {
  const whole = Number.isInteger(shares) && Number.isInteger(threshold)
  if (!whole || shares < 1 || shares > maxShares) throw fail('invalid_request', 'seal.bad_shares', `The number of shares is between 1 and ${maxShares}.`, { field: 'secret_shares' })
  if (threshold < 1 || threshold > shares) throw fail('invalid_request', 'seal.bad_threshold', 'The threshold is at least 1 and at most the number of shares.', { field: 'secret_threshold' })
  if (shares > 1 && threshold === 1) throw fail('invalid_request', 'seal.bad_threshold', 'With more than one share the threshold is at least 2: otherwise each share is the whole key.', { field: 'secret_threshold' })
}

/** A fresh slot key and its shares. */
export const makeSlot = async (request: ShamirRequest): Promise<MadeSlot> => {
  checkNumbers(request)
  const slotKey = makeKeyBytes()
  const shares = request.shares === 1 ? [Buffer.from(slotKey)] : splitSecret(slotKey, request)
  return { slotKey, shares, threshold: request.threshold, shareHashes: shares.map(shareFingerprint), undo: async () => undefined }
}

/** The slot that a share is of. Names a share that is of none by its fingerprint, which gives nothing of a real share away. */
export const slotOfShare = (slots: readonly Slot[], share: Buffer): { readonly slot: Slot; readonly fingerprint: string } => {
  if (share.length !== 32 && share.length !== 33) throw fail('invalid_request', 'seal.share_malformed', 'A share is 32 or 33 bytes. Check that it was copied whole.', { field: 'key' })
  const fingerprint = shareFingerprint(share)
  const slot = slots.find((each) => each.kind === 'shamir' && each.shareHashes.includes(fingerprint))
  if (slot === undefined) throw unknownShare(fingerprint)
  return { slot, fingerprint }
}

export const unknownShare = (fingerprint: string): CofferError =>
  fail('invalid_request', 'seal.share_unknown', `The share with fingerprint ${fingerprint} is none of this server's. It was not counted.`, { field: 'key' })

/** The slot key, from as many shares as the slot needs. The shares stay the caller's to wipe. */
export const openSlot = (slot: Slot, shares: readonly Buffer[]): Buffer => {
  const needed = slot.threshold ?? 0
  if (shares.length < needed) throw fail('invalid_request', 'seal.shares_missing', `${needed} shares are needed and ${shares.length} were given.`)
  const [only] = shares
  if (slot.shares === 1 && only !== undefined) return Buffer.from(only)
  try {
    return combineShares(shares)
  } catch (error) {
    throw fail('invalid_request', 'seal.shares_unusable', 'These shares cannot be combined. Start over.', { cause: error })
  }
}
