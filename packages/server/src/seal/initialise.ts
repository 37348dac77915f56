// The one initialisation of a database: cluster row, first slot, and whatever the caller makes with the new root key (the organization `root`, its
// keys, the root token), all in one transaction. Of two servers that try at once, one is told that it came too late.

import { makeKeyBytes } from '../crypto/keys.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { wipe } from '../lib/bytes.ts'
import { fail, type CofferError } from '../kernel/errors.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import type { KeyFilePlace } from './keyfile/index.ts'
import { discardSlot, makeNewSlot, slotRow, type NewSlot } from './open.ts'
import { insertCluster, insertSlot, readCluster } from './repository.ts'
import { rootInUse, type RootInUse, type ShamirRequest, type SlotRequest } from './slot.ts'
import { changeSeal, isOutcomeUnknown } from './transact.ts'

/** What the caller makes the organization `root` with. The transaction is confined to `rootOrgId`. */
export interface RootKeyMaterial {
  readonly root: RootInUse
  readonly clusterId: string
  readonly rootOrgId: string
}

export type InitialiseRequest<Result> = SlotRequest & {
  readonly clusterName?: string
  /** Shares beside a slot that opens by itself: another way in for people, and what they prove themselves with. */
  readonly recovery?: Omit<ShamirRequest, 'kind'>
  /** Runs inside the transaction; it may run again after a deadlock, so it has no effect outside it. */
  readonly afterRootKey: (tx: Transaction, material: RootKeyMaterial) => Promise<Result>
}

export interface Initialised<Result> {
  readonly clusterId: string
  readonly rootOrgId: string
  readonly generation: number
  /** To be locked or wiped by the caller. */
  readonly rootKey: Buffer
  /** Each share once; empty when the slot opens by itself. To be wiped by the caller. */
  readonly shares: readonly Buffer[]
  /** The same of the recovery slot. */
  readonly recoveryShares: readonly Buffer[]
  readonly result: Result
}

const alreadyInitialised = (): CofferError =>
  fail('invalid_request', 'seal.already_initialised', 'This database has been initialised already. Unseal it with the shares or the key file from that time.')

export const initialise = async <Result>(database: Database, request: InitialiseRequest<Result>, place: KeyFilePlace): Promise<Initialised<Result>> => {
  const cluster = { clusterId: makeUuidV7(), clusterName: request.clusterName ?? 'coffer', rootOrgId: makeUuidV7(), generation: 1 }
  const rootKey = makeKeyBytes()
  let slot: NewSlot | undefined
  let recovery: NewSlot | undefined
  try {
    const result = await changeSeal(database, {
      orgId: cluster.rootOrgId,
      async work(tx) {
        if (!(await insertCluster(tx, cluster))) throw alreadyInitialised()
        // Only the winner of a race gets here, so the loser leaves no key file behind.
        slot ??= await makeNewSlot(request, place)
        if (request.recovery !== undefined) recovery ??= await makeNewSlot({ kind: 'shamir', shares: request.recovery.shares, threshold: request.recovery.threshold }, place)
        await insertSlot(tx, slotRow(slot, rootKey, cluster))
        if (recovery !== undefined) await insertSlot(tx, slotRow(recovery, rootKey, cluster))
        return request.afterRootKey(tx, { root: rootInUse(Buffer.from(rootKey), cluster.generation), clusterId: cluster.clusterId, rootOrgId: cluster.rootOrgId })
      },
      landed: async (tx) => (await readCluster(tx))?.clusterId === cluster.clusterId,
    })
    if (slot === undefined) throw fail('internal', 'seal.no_slot', 'The initialisation made no slot.')
    for (const made of [slot, recovery]) if (made !== undefined) wipe(made.made.slotKey)
    const { clusterId, rootOrgId, generation } = cluster
    return { clusterId, rootOrgId, generation, rootKey, shares: slot.made.shares, recoveryShares: recovery?.made.shares ?? [], result }
  } catch (error) {
    wipe(rootKey)
    for (const made of [slot, recovery]) if (made !== undefined) await discardSlot(made, { keepFile: isOutcomeUnknown(error) })
    throw error
  }
}
