// Adding and removing slots, and rekeying. Whoever held a removed slot's key may have kept the root key, so removing and rekeying make a new
// root key, re-wrap every organization's keys and seal it anew in each remaining slot, in one transaction. That needs each remaining slot's key: a
// copy of it kept under the root key would undo the very removal.

import { equalBytes } from '../crypto/compare.ts'
import { makeKeyBytes } from '../crypto/keys.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { wipe } from '../lib/bytes.ts'
import { fail } from '../kernel/errors.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import type { KeyFilePlace } from './keyfile/index.ts'
import type { LockedKey } from './locked-key.ts'
import { discardSlot, makeNewSlot, openSlotKey, slotRow, type NewSlot } from './open.ts'
import { deleteSlot, groupOf, insertSlot, readCluster, readSlots, updateSlot, type Cluster, type ShareBackup, type Slot } from './repository.ts'
import { openRoot, rootInUse, sealRoot, type RewrapKeys, type SlotOpening, type SlotRequest } from './slot.ts'
import { changeSeal, isOutcomeUnknown } from './transact.ts'

/** The root key that is in force, as the supervisor holds it. */
export interface HeldRoot {
  readonly rootKey: LockedKey
  readonly generation: number
}

export interface Rotated {
  /** The new root key, to be locked or wiped by the caller; every worker is to be replaced. */
  readonly rootKey: Buffer
  readonly generation: number
  /** New shares when a Shamir slot was rekeyed, else empty. To be wiped by the caller. */
  readonly shares: readonly Buffer[]
}

export interface RotationRequest {
  readonly held: HeldRoot
  readonly rewrapKeys: RewrapKeys
  /** The key of every slot that stays, and of the one that is rekeyed. Shares are wiped. */
  readonly openings: readonly SlotOpening[]
  readonly remove?: string
  /** Replaces the shares of the Shamir slot that `openings` opens. */
  readonly rekey?: NewShares
  /** More that belongs to the same transaction: its record. It may run again after a deadlock. */
  readonly within?: (tx: Transaction, cluster: Cluster) => Promise<void>
}

/** Shares that are to take the place of those in force; made beforehand, so that they can be encrypted or tried out before anything depends on them. */
export interface NewShares {
  readonly slot: NewSlot
  /**
   * Keeps the old shares valid beside the new ones, in a slot of their own, until `dropBridges`: for shares that nobody has seen yet. Without it, a
   * server that dies between commit and answer would leave a database that neither set opens.
   */
  readonly bridge?: boolean
  readonly backup?: ShareBackup
}

/** A slot that stays, with its key; `renewed` when it gets new shares. */
interface StayingSlot {
  readonly slot: Slot
  readonly slotKey: Buffer
  renewed?: NewShares
}

const requireHeld = async (tx: Transaction, held: HeldRoot): Promise<Cluster> => {
  const cluster = await readCluster(tx)
  if (cluster?.generation !== held.generation) throw fail('conflict', 'seal.root_key_outdated', 'The root key was rotated at another server meanwhile. This one takes the new one over within seconds, or seals itself where that needs shares. Try again then.')
  return cluster
}

interface Addition extends Pick<RotationRequest, 'held' | 'within'> {
  readonly request: SlotRequest
}

/** Adds a slot for the root key in force. Returns its id and, for people, its shares, which the caller wipes. */
export const addSlot = async (database: Database, { held, request, within }: Addition, place: KeyFilePlace): Promise<{ readonly slotId: string; readonly shares: readonly Buffer[] }> => {
  const slot = await makeNewSlot(request, place)
  try {
    await changeSeal(database, {
      orgId: null,
      async work(tx) {
        const cluster = await requireHeld(tx, held)
        await insertSlot(tx, held.rootKey.use((rootKey) => slotRow(slot, rootKey, cluster)))
        await within?.(tx, cluster)
      },
      landed: async (tx) => (await readSlots(tx)).some(({ slotId }) => slotId === slot.slotId),
    })
    wipe(slot.made.slotKey)
    return { slotId: slot.slotId, shares: slot.made.shares }
  } catch (error) {
    await discardSlot(slot, { keepFile: isOutcomeUnknown(error) })
    throw error
  }
}

/** Rotates the root key; with `remove` or `rekey`, also what the slots are. */
export const rotateRootKey = async (database: Database, request: RotationRequest, place: KeyFilePlace): Promise<Rotated> => {
  const newRoot = makeKeyBytes()
  const staying: StayingSlot[] = []
  try {
    await openStaying(database, request, { place, staying })
    const generation = request.held.generation + 1
    await changeSeal(database, {
      orgId: null,
      work: (tx) => rotateWithin(tx, request, { staying, newRoot, generation }),
      // Only this change can have made this generation: it holds the lock and started from the one before.
      landed: async (tx) => (await readCluster(tx))?.generation === generation && (await isOurs(tx, staying, { newRoot })),
    })
    return { rootKey: newRoot, generation, shares: request.rekey?.slot.made.shares ?? [] }
  } catch (error) {
    wipe(newRoot)
    request.rekey?.slot.made.shares.forEach(wipe)
    throw error
  } finally {
    for (const { slotKey } of staying) wipe(slotKey)
    if (request.rekey !== undefined) wipe(request.rekey.slot.made.slotKey)
    for (const opening of request.openings) if (opening.kind === 'shamir') opening.shares.forEach(wipe)
  }
}

/** Opens every slot that stays into `staying` (the caller wipes the keys, however this ends) and makes sure that it holds the root key in force: a slot of another key would be lost unnoticed. */
const openStaying = async (database: Database, request: RotationRequest, { place, staying }: { readonly place: KeyFilePlace; readonly staying: StayingSlot[] }): Promise<void> => {
  const { held, openings, remove, rekey } = request
  const cluster = await readCluster(database)
  const slots = await readSlots(database)
  if (cluster === undefined) throw fail('sealed', 'seal.not_initialised', 'This database has not been initialised.')
  if (remove !== undefined && !slots.some((slot) => groupOf(slot) === remove)) throw fail('not_found', 'seal.slot_missing', `There is no slot ${remove}.`)
  const remaining = slots.filter((slot) => groupOf(slot) !== remove)
  if (remaining.length === 0) throw fail('conflict', 'seal.last_slot', 'The last slot cannot be removed: nothing could open the root key afterwards. Add another one first.')
  for (const opening of openings) {
    const opened = await openSlotKey(remaining, opening, place)
    staying.push(opened)
    requireSameRoot(openRoot(opened.slot, Buffer.from(opened.slotKey), cluster.clusterId), held)
  }
  const missing = remaining.filter((each) => each.settings.bridge === undefined && !staying.some(({ slot }) => groupOf(slot) === groupOf(each)))
  if (missing.length > 0) {
    throw fail('invalid_request', 'seal.slots_not_opened', `The new root key must be sealed in every slot, and these were not opened: ${missing.map(({ slotId, kind }) => `${slotId} (${kind})`).join(', ')}.`)
  }
  if (rekey !== undefined) renewShares(staying, rekey)
}

const renewShares = (staying: readonly StayingSlot[], rekey: NewShares): void => {
  const [target, ...others] = staying.filter(({ slot }) => slot.kind === 'shamir')
  if (target === undefined || others.length > 0) throw fail('invalid_request', 'seal.nothing_to_rekey', 'A rekey needs exactly one slot of shares. Of several, remove all but one; to change a key file, add a new one and remove the old.')
  target.renewed = rekey
}

/** Wipes what was opened. @throws conflict when it is another root key than the one held */
export const requireSameRoot = (opened: Buffer, held: HeldRoot): void => {
  const same = held.rootKey.use((rootKey) => equalBytes(rootKey, opened))
  wipe(opened)
  if (!same) throw fail('conflict', 'seal.root_key_outdated', 'A slot holds another root key than this server. If it was rotated at another one a moment ago, try again shortly; else restart this server, unseal it and try again.')
}

interface Rotation {
  readonly staying: readonly StayingSlot[]
  readonly newRoot: Buffer
  readonly generation: number
}

const rotateWithin = async (tx: Transaction, { held, remove, rewrapKeys, within }: RotationRequest, { staying, newRoot, generation }: Rotation): Promise<void> => {
  const cluster = await requireHeld(tx, held)
  const expected = new Set([...staying.map(({ slot }) => groupOf(slot)), ...(remove === undefined ? [] : [remove])])
  const present = await readSlots(tx)
  if (new Set(present.map(groupOf)).size !== expected.size || present.some((slot) => !expected.has(groupOf(slot)))) throw fail('conflict', 'seal.slots_changed', 'The slots were changed meanwhile. Look at them and try again.')
  await rewrapKeys(tx, rootInUse(held.rootKey.copy(), held.generation), rootInUse(Buffer.from(newRoot), generation))
  // What is removed, and of a slot and its bridge the one that was not opened: its key is not at hand for the new root key.
  for (const { slotId } of present) if (!staying.some(({ slot }) => slot.slotId === slotId)) await deleteSlot(tx, slotId)
  for (const each of staying) await resealSlot(tx, each, { newRoot, clusterId: cluster.clusterId, generation })
  await within?.(tx, cluster)
}

const resealSlot = async (tx: Transaction, { slot, slotKey, renewed }: StayingSlot, root: { readonly newRoot: Buffer; readonly clusterId: string; readonly generation: number }): Promise<void> => {
  const { newRoot, clusterId, generation } = root
  const sealed = (slotId: string): Slot => ({ ...slot, slotId, generation, sealedRoot: sealRoot(newRoot, slotKey, { clusterId, slotId, kind: slot.kind, generation }) })
  const { bridge: _bridge, ...kept } = slot.settings
  if (renewed === undefined) return updateSlot(tx, { ...sealed(slot.slotId), settings: kept })
  const settings = { ...kept, ...(renewed.backup === undefined ? {} : { backup: renewed.backup }) }
  await updateSlot(tx, { ...slotRow({ ...renewed.slot, slotId: slot.slotId }, newRoot, { clusterId, generation }), settings })
  if (renewed.bridge === true) await insertSlot(tx, { ...sealed(makeUuidV7()), settings: { bridge: slot.slotId } })
}

/** Whether the slots in the database hold this very root key: another server may have made the same generation. */
const isOurs = async (tx: Transaction, staying: readonly StayingSlot[], { newRoot }: Pick<Rotation, 'newRoot'>): Promise<boolean> => {
  const cluster = await readCluster(tx)
  const [first] = staying
  const slot = (await readSlots(tx)).find(({ slotId }) => slotId === first?.slot.slotId)
  if (cluster === undefined || first === undefined || slot === undefined) return false
  try {
    const opened = openRoot(slot, Buffer.from(first.renewed?.slot.made.slotKey ?? first.slotKey), cluster.clusterId)
    const same = equalBytes(opened, newRoot)
    wipe(opened)
    return same
  } catch {
    return false // another key: the slot is not as we left it
  }
}
