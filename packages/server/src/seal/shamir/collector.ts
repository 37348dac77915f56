// Shares on their way to a threshold. One attempt has one nonce and one slot; a share given twice counts once, one that is of no slot is
// refused by name, and whatever ends the attempt wipes what was collected.

import { makeUuidV7 } from '../../crypto/random.ts'
import { wipe } from '../../lib/bytes.ts'
import { LockedKey } from '../locked-key.ts'
import type { Slot } from '../repository.ts'
import { openSlot, slotOfShare, unknownShare } from './index.ts'

export class ShareCollector {
  #slotId: string | undefined
  #nonce = ''
  readonly #shares = new Map<string, LockedKey>()

  /** Names the attempt; empty when none is under way. */
  get nonce(): string {
    return this.#nonce
  }

  get progress(): number {
    return this.#shares.size
  }

  /** The slot of the attempt under way. */
  get slotId(): string | undefined {
    return this.#slotId
  }

  /** Takes a share (its bytes are wiped) and returns its slot when the threshold is reached. */
  offer(slots: readonly Slot[], share: Buffer): Slot | undefined {
    try {
      this.#dropWhenChanged(slots)
      const { slot, fingerprint } = slotOfShare(slots, share)
      if (this.#slotId !== undefined && this.#slotId !== slot.slotId) throw unknownShare(fingerprint)
      if (this.#slotId === undefined) {
        this.#slotId = slot.slotId
        this.#nonce = makeUuidV7()
      }
      if (!this.#shares.has(fingerprint)) this.#shares.set(fingerprint, new LockedKey(share))
      return this.#shares.size >= (slot.threshold ?? Infinity) ? slot : undefined
    } finally {
      wipe(share)
    }
  }

  /** The slot's key out of what was collected. Ends the attempt, whatever comes of it. */
  combine(slot: Slot): Buffer {
    const shares = this.take()
    try {
      return openSlot(slot, shares)
    } finally {
      shares.forEach(wipe)
    }
  }

  /** What was collected, for whoever opens the slot with it and wipes it. Ends the attempt. */
  take(): Buffer[] {
    const shares = [...this.#shares.values()].map((share) => share.copy())
    this.reset()
    return shares
  }

  /** Forgets the attempt. */
  reset(): void {
    for (const share of this.#shares.values()) share.wipe()
    this.#shares.clear()
    this.#slotId = undefined
    this.#nonce = ''
  }

  /** A rekey elsewhere makes collected shares worthless; they would only spoil the attempt. */
  #dropWhenChanged(slots: readonly Slot[]): void {
    if (this.#slotId === undefined) return
    const hashes = slots.find((slot) => slot.slotId === this.#slotId)?.shareHashes ?? []
    if ([...this.#shares.keys()].some((fingerprint) => !hashes.includes(fingerprint))) this.reset()
  }
}
