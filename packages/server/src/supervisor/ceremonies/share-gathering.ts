// Present shares on their way to a threshold, as proof that enough people agree. Refusals are Vault's, word for word where
// its clients read them.

import { fail } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import type { Slot } from '../../seal/repository.ts'
import { ShareCollector } from '../../seal/shamir/collector.ts'

export class ShareGathering {
  readonly #collector = new ShareCollector()

  get progress(): number {
    return this.#collector.progress
  }

  /** Takes a share over. Returns all of them, for the caller to wipe, when they are enough. */
  offer(slots: readonly Slot[], share: Buffer): readonly Buffer[] | undefined {
    try {
      const before = this.#collector.progress
      const complete = this.#collector.offer(slots, share)
      if (this.#collector.progress === before) throw fail('invalid_request', 'seal.share_repeated', 'given key has already been provided during this generation operation', { field: 'key' })
      return complete === undefined ? undefined : this.#collector.take()
    } finally {
      wipe(share)
    }
  }

  reset(): void {
    this.#collector.reset()
  }
}

/** The shares that prove a right here: of people alone, or of those who keep the recovery shares. */
export const requiredOf = (slots: readonly Slot[]): number => slots.find(({ settings }) => settings.bridge === undefined)?.threshold ?? 0

export const requireShareSlots = (slots: readonly Slot[]): readonly Slot[] => {
  if (slots.length === 0) throw fail('invalid_request', 'seal.no_shares', 'This server is opened by its key file alone, and nobody has shares to prove anything with. Add some: `coffer operator slots add --shares 5 --threshold 3`.')
  return slots
}

export const requireNonce = (given: string, wanted: string, operation: string): void => {
  if (given !== wanted) throw fail('invalid_request', 'seal.bad_nonce', `incorrect nonce supplied; nonce for this ${operation} operation is ${JSON.stringify(wanted)}`, { field: 'nonce' })
}
