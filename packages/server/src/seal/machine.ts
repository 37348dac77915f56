// The seal's state machine, run by the supervisor alone: uninitialised → sealed → (shares, or a key file) → a root key for the caller. It keeps shares
// only while an attempt is under way and the root key never; the caller locks it (locked-key) and hands it to workers.

import { wipe } from '../lib/bytes.ts'
import { fail, type CofferError } from '../kernel/errors.ts'
import type { SealStatus } from '../kernel/ports/seal-control.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import { initialise, type Initialised, type InitialiseRequest } from './initialise.ts'
import { openSlot as openKeyFileSlot, type KeyFilePlace } from './keyfile/index.ts'
import { makeNewSlot, openSlotKey, type NewSlot } from './open.ts'
import { deleteBridges, readCluster, readSlots, setSettings, type Cluster, type ShareBackup, type Slot, type SlotKind } from './repository.ts'
import { addSlot, requireSameRoot, rotateRootKey, type HeldRoot, type Rotated, type RotationRequest } from './rotation.ts'
import { ShareCollector } from './shamir/collector.ts'
import { openRoot, type RewrapKeys, type ShamirRequest, type SlotOpening, type SlotRequest } from './slot.ts'
import { changeSeal } from './transact.ts'

/** All of a seal status that the database and the attempt under way tell; the supervisor knows the rest. */
export type SealFacts = Omit<SealStatus, 'sealed' | 'version'>

/** A root key that was opened. */
export interface OpenedRoot {
  /** To be locked or wiped by the caller. */
  readonly rootKey: Buffer
  readonly generation: number
  readonly clusterId: string
  /** By shares that a rekey has replaced, whose successors nobody is known to have. */
  readonly byOldShares?: boolean
}

export interface SealMachineOptions {
  readonly database: Database
  /** Keyring's `rewrapUnderRoot`. */
  readonly rewrapKeys: RewrapKeys
  /** Where no key file may lie. */
  readonly dataDirectory?: string
  /** The kind of slot that an uninitialised server reports. */
  readonly kind?: SlotKind
}

export interface SlotFacts {
  readonly slotId: string
  readonly kind: string
  readonly shares: number | null
  readonly threshold: number | null
  readonly generation: number
  /** Old shares that stay valid until new ones are known to have reached people. */
  readonly isBridge: boolean
}

const notInitialised = (): CofferError => fail('invalid_request', 'seal.not_initialised', 'This server has not been initialised.')

export class SealMachine {
  readonly #database: Database
  readonly #rewrapKeys: RewrapKeys
  readonly #place: KeyFilePlace
  readonly #kind: SlotKind
  readonly #collector = new ShareCollector()
  /** Shares are judged one after the other, so that two at once cannot both complete an attempt. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: SealMachineOptions) {
    this.#database = options.database
    this.#rewrapKeys = options.rewrapKeys
    this.#place = { dataDirectory: options.dataDirectory }
    this.#kind = options.kind ?? 'shamir'
  }

  async status(): Promise<SealFacts> {
    const cluster = await readCluster(this.#database)
    if (cluster === undefined) return { initialized: false, type: this.#kind, recoverySeal: this.#kind !== 'shamir', shares: 0, threshold: 0, progress: 0, nonce: '' }
    return this.#facts(cluster, await readSlots(this.#database))
  }

  /** The generation of the root key in force; 0 when there is none. */
  async generation(): Promise<number> {
    return (await readCluster(this.#database))?.generation ?? 0
  }

  async slots(): Promise<readonly SlotFacts[]> {
    return (await readSlots(this.#database)).map(({ slotId, kind, shares, threshold, generation, settings }) => ({ slotId, kind, shares, threshold, generation, isBridge: settings.bridge !== undefined }))
  }

  /** Refuses a database that is initialised (`seal.already_initialised`), also when another server is faster. */
  initialise<Result>(request: InitialiseRequest<Result>): Promise<Initialised<Result>> {
    return initialise(this.#database, request, this.#place)
  }

  /**
   * Takes one share, whose bytes are wiped. With the last one that is needed comes the root key. A share that belongs to no slot is refused by its
   * fingerprint and not counted; one given before is not counted again.
   */
  submitShare(share: Buffer): Promise<{ readonly facts: SealFacts; readonly opened?: OpenedRoot }> {
    return this.#inTurn(async () => {
      try {
        const { cluster, slots } = await this.#load()
        const complete = this.#collector.offer(slots, share)
        const opened = complete === undefined ? {} : { opened: { ...this.#opened(complete, this.#collector.combine(complete), cluster), byOldShares: complete.settings.bridge !== undefined } }
        // Whoever gives new shares has them.
        if (complete !== undefined && complete.settings.bridge === undefined) await this.dropBridges(slots)
        return { facts: this.#facts(cluster, slots), ...opened }
      } finally {
        wipe(share)
      }
    })
  }

  /** Drops the shares given so far. */
  async resetUnseal(): Promise<SealFacts> {
    await this.#inTurn(async () => this.#collector.reset())
    return this.status()
  }

  /** Opens the root key with a key file. */
  async openKeyFile(keyFile: string): Promise<OpenedRoot> {
    const { cluster, slots } = await this.#load()
    const { slot, slotKey } = await openKeyFileSlot(slots, keyFile, this.#place)
    return this.#opened(slot, slotKey, cluster)
  }

  /** The id of the slot that a key file is of. */
  async slotOfKeyFile(keyFile: string): Promise<string> {
    const { slot, slotKey } = await openKeyFileSlot((await this.#load()).slots, keyFile, this.#place)
    wipe(slotKey)
    return slot.slotId
  }

  /** One more way to open the root key in force. The shares, if any, are the caller's to hand out and wipe. */
  addSlot(held: HeldRoot, request: SlotRequest, within?: RotationRequest['within']): Promise<{ readonly slotId: string; readonly shares: readonly Buffer[] }> {
    return addSlot(this.#database, { held, request, ...(within === undefined ? {} : { within }) }, this.#place)
  }

  /** Removes a slot and rotates the root key, which its key had opened. `openings` open every other slot. */
  removeSlot(held: HeldRoot, slotId: string, openings: readonly SlotOpening[]): Promise<Rotated> {
    return this.rotate(held, openings, { remove: slotId })
  }

  /** New shares for the Shamir slot, and a new root key. `openings` open every slot, this one with its present shares. */
  async rekey(held: HeldRoot, to: Omit<ShamirRequest, 'kind'>, openings: readonly SlotOpening[]): Promise<Rotated> {
    return this.rotate(held, openings, { rekey: { slot: await this.makeShares(to) } })
  }

  /** Shares that open nothing yet, for `rotate`. */
  makeShares(request: Omit<ShamirRequest, 'kind'>): Promise<NewSlot> {
    return makeNewSlot({ kind: 'shamir', ...request }, this.#place)
  }

  /** A new root key in the same slots, or in what `change` makes of them. */
  rotate(held: HeldRoot, openings: readonly SlotOpening[], change: Pick<RotationRequest, 'rekey' | 'remove' | 'within'> = {}): Promise<Rotated> {
    return rotateRootKey(this.#database, { held, rewrapKeys: this.#rewrapKeys, openings, ...change }, this.#place)
  }

  /** Whether these keys open the root key that is held. @throws invalid_request, conflict */
  async prove(held: HeldRoot, openings: readonly SlotOpening[]): Promise<void> {
    const { cluster, slots } = await this.#load()
    for (const opening of openings) {
      try {
        const { slot, slotKey } = await openSlotKey(slots, opening, this.#place)
        requireSameRoot(openRoot(slot, slotKey, cluster.clusterId), held)
      } finally {
        if (opening.kind === 'shamir') opening.shares.forEach(wipe)
      }
    }
  }

  /** The slots whose shares people prove themselves with; more than one only while old shares are bridged, or of several groups of people. */
  async shareSlots(): Promise<readonly Slot[]> {
    return (await this.#load()).slots.filter(({ kind }) => kind === 'shamir')
  }

  /** Ends the validity of shares that were replaced, now that the new ones have arrived. */
  async dropBridges(known?: readonly Slot[]): Promise<void> {
    if (known !== undefined && !known.some(({ settings }) => settings.bridge !== undefined)) return
    await this.#change((tx) => deleteBridges(tx))
  }

  /** The encrypted copies of shares that the last rekey with a backup left. */
  async backup(): Promise<ShareBackup | undefined> {
    return (await this.shareSlots()).find(({ settings }) => settings.backup !== undefined)?.settings.backup
  }

  async deleteBackup(): Promise<void> {
    for (const { slotId, settings: { backup, ...kept } } of await this.shareSlots()) {
      if (backup !== undefined) await this.#change((tx) => setSettings(tx, slotId, kept))
    }
  }

  /** A change that may be made twice, so that an unknown outcome is no question. */
  async #change(work: (tx: Transaction) => Promise<unknown>): Promise<void> {
    await changeSeal(this.#database, { orgId: null, work, landed: async () => true })
  }

  async #load(): Promise<{ readonly cluster: Cluster; readonly slots: readonly Slot[] }> {
    const cluster = await readCluster(this.#database)
    if (cluster === undefined) throw notInitialised()
    return { cluster, slots: await readSlots(this.#database) }
  }

  #opened(slot: Slot, slotKey: Buffer, { clusterId, generation }: Cluster): OpenedRoot {
    if (slot.generation !== generation) {
      wipe(slotKey)
      throw fail('internal', 'seal.slot_stale', `Slot ${slot.slotId} holds generation ${slot.generation} of the root key and generation ${generation} is in force: the row is from another time.`)
    }
    return { rootKey: openRoot(slot, slotKey, clusterId), generation, clusterId }
  }

  /** A person wants to know of the slot that people open; of several, the one under way. */
  #facts(cluster: Cluster, slots: readonly Slot[]): SealFacts {
    const standing = slots.filter(({ settings }) => settings.bridge === undefined)
    const slot = slots.find(({ slotId }) => slotId === this.#collector.slotId) ?? standing.find(({ kind }) => kind === 'shamir') ?? standing[0]
    // Shares beside a slot that opens by itself are what Vault calls recovery keys, except that these do open the seal.
    const own = standing.find(({ kind }) => kind === this.#kind) ?? slot
    return {
      initialized: true, type: own?.kind ?? this.#kind, recoverySeal: own !== undefined && own.kind !== 'shamir', shares: slot?.shares ?? 0, threshold: slot?.threshold ?? 0,
      progress: this.#collector.progress, nonce: this.#collector.nonce, clusterName: cluster.clusterName, clusterId: cluster.clusterId,
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined) // a refusal is its caller's; the next one still gets its turn
    return result
  }
}
