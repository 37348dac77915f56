// One dispatch over the kinds of slot, for making one and for opening one. A new kind is a folder and a line in each of the two.

import { makeUuidV7 } from '../crypto/random.ts'
import { wipe } from '../lib/bytes.ts'
import { fail } from '../kernel/errors.ts'
import { makeSlot as makeKeyFileSlot, openSlot as openKeyFileSlot, type KeyFilePlace } from './keyfile/index.ts'
import { makeSlot as makeShamirSlot, openSlot as openShamirSlot, slotOfShare, unknownShare } from './shamir/index.ts'
import type { Cluster, Slot } from './repository.ts'
import { sealRoot, type MadeSlot, type SlotOpening, type SlotRequest } from './slot.ts'

/** A slot that is made but not stored: its key is still at hand. */
export interface NewSlot {
  readonly slotId: string
  readonly request: SlotRequest
  readonly made: MadeSlot
}

export const makeNewSlot = async (request: SlotRequest, place: KeyFilePlace): Promise<NewSlot> => {
  const slotId = makeUuidV7()
  const made = request.kind === 'shamir' ? await makeShamirSlot(request) : await makeKeyFileSlot({ ...request, slotId }, place)
  return { slotId, request, made }
}

/** The row of a slot that holds this root key. */
export const slotRow = ({ slotId, request, made }: NewSlot, rootKey: Uint8Array, cluster: Pick<Cluster, 'clusterId' | 'generation'>): Slot => {
  const { clusterId, generation } = cluster
  return {
    slotId, kind: request.kind, generation,
    sealedRoot: sealRoot(rootKey, made.slotKey, { clusterId, slotId, kind: request.kind, generation }),
    shares: made.shareHashes.length === 0 ? null : made.shareHashes.length,
    threshold: made.threshold,
    shareHashes: made.shareHashes,
    settings: {},
  }
}

/** Wipes what must not outlive a failed attempt, and takes back a file that nothing relies on. */
export const discardSlot = async ({ made }: NewSlot, options: { readonly keepFile: boolean }): Promise<void> => {
  wipe(made.slotKey)
  made.shares.forEach(wipe)
  if (!options.keepFile) await made.undo()
}

/** The slot that an opening is for, and that slot's key. Shares stay the caller's to wipe. */
export const openSlotKey = async (slots: readonly Slot[], opening: SlotOpening, place: KeyFilePlace): Promise<{ readonly slot: Slot; readonly slotKey: Buffer }> => {
  if (opening.kind === 'keyfile') return openKeyFileSlot(slots, opening.keyFile, place)
  const [first, ...rest] = opening.shares
  if (first === undefined) throw fail('invalid_request', 'seal.shares_missing', 'No shares were given.')
  const { slot } = slotOfShare(slots, first)
  for (const share of rest) {
    const other = slotOfShare(slots, share)
    if (other.slot.slotId !== slot.slotId) throw unknownShare(other.fingerprint)
  }
  return { slot, slotKey: openShamirSlot(slot, opening.shares) }
}
