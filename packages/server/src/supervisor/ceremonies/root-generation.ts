// A new root token for whoever can show a threshold of shares. What is proved here is the right to one; the asking worker
// makes it, with its record in the same transaction.

import { makeUuidV4 } from '../../crypto/random.ts'
import { fail } from '../../kernel/errors.ts'
import type { RootAnswer, RootCover, RootStatus } from '../../kernel/ports/ceremonies.ts'
import { wipe } from '../../lib/bytes.ts'
import type { Slot } from '../../seal/repository.ts'
import { requiredOf, requireNonce, requireShareSlots, ShareGathering } from './share-gathering.ts'

/** Shares to what they prove; throws when they open nothing. */
export type Prove = (shares: readonly Buffer[]) => Promise<void>

export class RootGeneration {
  readonly #gathering = new ShareGathering()
  #under: { readonly nonce: string; readonly cover: RootCover } | undefined

  status(slots: readonly Slot[]): RootStatus {
    const cover = this.#under?.cover
    return {
      started: this.#under !== undefined, nonce: this.#under?.nonce ?? '', progress: this.#gathering.progress, required: requiredOf(slots),
      fingerprint: cover !== undefined && 'recipient' in cover ? cover.recipient.fingerprint : '',
    }
  }

  start(slots: readonly Slot[], cover: RootCover): RootStatus {
    requireShareSlots(slots)
    if (this.#under !== undefined) throw fail('invalid_request', 'root.in_progress', 'root generation already in progress')
    this.#under = { nonce: makeUuidV4(), cover }
    return this.status(slots)
  }

  async give(slots: readonly Slot[], { nonce, share, prove }: { readonly nonce: string; readonly share: Buffer; readonly prove: Prove }): Promise<RootAnswer> {
    try {
      if (this.#under === undefined) throw fail('invalid_request', 'root.not_started', 'no root generation in progress')
      requireNonce(nonce, this.#under.nonce, 'root generation')
      const enough = this.#gathering.offer(slots, share)
      if (enough === undefined) return { status: this.status(slots), cover: undefined }
      try {
        await prove(enough)
      } finally {
        enough.forEach(wipe)
      }
      const { cover } = this.#under
      const status = { ...this.status(slots), progress: requiredOf(slots) }
      this.reset()
      return { status, cover }
    } finally {
      wipe(share)
    }
  }

  reset(): void {
    this.#gathering.reset()
    this.#under = undefined
  }
}
