// The keys of a worker, from unseal to seal. Organizations are loaded on first use, once however many ask at the same time, and kept until the
// change feed says `keys`. The root key's bytes are wiped on arrival; `close` drops every reference.

import { setTimeout as sleep } from 'node:timers/promises'
import { SingleFlight } from '../lib/single-flight.ts'
import { systemClock, type Clock } from '../lib/clock.ts'
import { fail } from '../kernel/errors.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import { Allowance, defaultLimits, type AllowanceLimits } from './allowance.ts'
import { keyringClosed, keysGone, rootKeyOutdated, type KekName } from './failures.ts'
import { createOrganizationKeys, destroyOrganizationKeys, retireKek, rotateKek, rotatePurposeKey } from './lifecycle.ts'
import { OrgKeys, openRows, type Kek } from './org-keys.ts'
import type { Purpose } from './purposes.ts'
import { loadKeys, reserveEncryptions } from './repository.ts'
import { rewrapEntries, rewrapSecrets, type RewrapOptions, type RewrapResult } from './rewrap.ts'
import { importRootKey, type RootKey } from './root-key.ts'
import { isAged, rotateAfter } from './rotation-rule.ts'

export interface KeyringOptions {
  readonly database: Database
  readonly root: RootKey
  readonly clock?: Clock
  readonly limits?: AllowanceLimits
  /** Told when a KEK was rotated because it had encrypted enough. */
  readonly onKekRotated?: (orgId: string, kek: KekName) => void
}

export type OpenKeyringOptions = Omit<KeyringOptions, 'root'> & { readonly rootKey: Buffer; readonly generation: number }

/** Rotations that may come in the way of one reservation before it gives up. */
const maxReloads = 5
/** For the supervisor to hand the next root key over: some milliseconds after a rotation here, and when another server has rotated until this one's has looked, which it does every second. */
const rootPatienceMs = 3_000

export class Keyring {
  readonly #database: Database
  readonly #clock: Clock
  readonly #limits: AllowanceLimits
  readonly #onKekRotated: KeyringOptions['onKekRotated']
  readonly #loaded = new Map<string, OrgKeys>()
  #loads = new SingleFlight<string, OrgKeys>()
  readonly #allowances = new Map<string, Allowance>()
  readonly #reservations = new SingleFlight<string, void>()
  /** Counts invalidations, so that a load which began before one is not kept. */
  #epoch = 0
  #root: RootKey | undefined
  /** Who waits for the next root key. */
  readonly #waiting = new Set<() => void>()

  constructor(options: KeyringOptions) {
    this.#database = options.database
    this.#root = options.root
    this.#clock = options.clock ?? systemClock
    this.#limits = options.limits ?? defaultLimits
    this.#onKekRotated = options.onKekRotated
  }

  /** Takes the root key over (its bytes are wiped) and proves it by opening the organization root's keys. */
  static async open({ rootKey, generation, ...options }: OpenKeyringOptions): Promise<Keyring> {
    try {
      const { rows } = await options.database.query<{ rootOrgId: string; inForce: number }>('select root_org_id as "rootOrgId", root_generation as "inForce" from cluster')
      const [cluster] = rows
      if (cluster === undefined) throw fail('sealed', 'keyring.not_initialised', 'This database has not been initialised.')
      if (cluster.inForce > generation) throw rootKeyOutdated(generation, cluster.inForce)
      const keyring = new Keyring({ ...options, root: importRootKey(rootKey, generation) })
      await keyring.organization(cluster.rootOrgId)
      return keyring
    } finally {
      rootKey.fill(0)
    }
  }

  /** The keys if they are loaded: the synchronous way of the warm read. */
  cached(orgId: string): OrgKeys | undefined {
    return this.#loaded.get(orgId)
  }

  /**
   * The keys of an organization. With `needed`, keys that were loaded before that KEK version existed are loaded anew: a row may arrive
   * before the change feed does.
   */
  async organization(orgId: string, needed?: KekName): Promise<OrgKeys> {
    const held = this.#loaded.get(orgId)
    if (held !== undefined) {
      if (needed === undefined || held.has(needed)) return held
      this.forget(orgId)
    }
    return this.#loads.run(orgId, () => this.#load(orgId))
  }

  /** Drops one organization's keys; the next use loads them. Called for each `keys` row of the change feed. */
  forget(orgId: string): void {
    this.#epoch += 1
    this.#loaded.delete(orgId)
    this.#loads.forget(orgId)
  }

  /** Drops all organizations' keys: the feed was missed. */
  forgetAll(): void {
    this.#epoch += 1
    this.#loaded.clear()
    this.#loads = new SingleFlight()
  }

  /** Takes the root key that follows the one in use (its bytes are wiped). Keys that are loaded go on working: theirs are the same. */
  replaceRoot(rootKey: Buffer, generation: number): void {
    if (generation > this.#requireRoot().generation) this.#root = importRootKey(rootKey, generation)
    rootKey.fill(0)
    this.#wake()
  }

  /** Seals: no key can be had from here any more. */
  close(): void {
    this.#root = undefined
    this.#wake()
    this.forgetAll()
    this.#allowances.clear()
  }

  createOrganizationKeys(tx: Transaction, orgId: string): Promise<OrgKeys> {
    return createOrganizationKeys(tx, this.#requireRoot(), orgId)
  }

  /** Call `forget` once the transaction has committed; the change feed tells the other workers. The same for the next three. */
  rotateKek(tx: Transaction, orgId: string): Promise<KekName | undefined> {
    return rotateKek(tx, this.#requireRoot(), orgId)
  }

  /** Rotates when the organization's rule says that the KEK is too old; of several workers that see it one does. */
  async rotateAged(orgId: string): Promise<void> {
    const next = await this.#database.transaction(orgId, async (tx) => ((await isAged(tx, orgId)) ? rotateKek(tx, this.#requireRoot(), orgId) : undefined))
    this.forget(orgId)
    if (next !== undefined) this.#onKekRotated?.(orgId, next)
  }

  rotatePurposeKey(tx: Transaction, orgId: string, purpose: Purpose): Promise<number> {
    return rotatePurposeKey(tx, this.#requireRoot(), orgId, purpose)
  }

  retireKek(tx: Transaction, orgId: string, kek: KekName): Promise<void> {
    return retireKek(tx, orgId, kek)
  }

  destroyOrganizationKeys(tx: Transaction, orgId: string): Promise<number> {
    return destroyOrganizationKeys(tx, orgId)
  }

  /** Brings secrets' DEKs under the active KEK, batch by batch. Interrupted at any point, the next call goes on. */
  rewrapSecrets(orgId: string, options: RewrapOptions = {}): Promise<RewrapResult> {
    return rewrapSecrets(this.#rewrapPort(orgId), options)
  }

  /** The same for engines' entries. */
  rewrapEntries(orgId: string, options: RewrapOptions = {}): Promise<RewrapResult> {
    return rewrapEntries(this.#rewrapPort(orgId), options)
  }

  #rewrapPort(orgId: string): Parameters<typeof rewrapSecrets>[0] {
    return { database: this.#database, orgId, keys: () => this.organization(orgId), takeKek: (count) => this.#takeKek(orgId, count) }
  }

  async #load(orgId: string): Promise<OrgKeys> {
    const epoch = this.#epoch
    const rows = await this.#database.transaction(orgId, (tx) => loadKeys(tx, orgId), { readOnly: true })
    if (rows.length === 0) throw keysGone()
    const root = await this.#rootOf(Math.max(...rows.map((row) => (row.wrapped === null ? 0 : row.root_generation))))
    const stranger = rows.find((row) => row.wrapped !== null && row.root_generation !== root.generation)
    if (stranger !== undefined) throw rootKeyOutdated(root.generation, stranger.root_generation)
    const keys = new OrgKeys(orgId, openRows(root, orgId, rows), () => this.#takeKek(orgId, 1))
    this.#requireRoot() // sealed meanwhile
    if (epoch === this.#epoch) this.#loaded.set(orgId, keys)
    return keys
  }

  async #takeKek(orgId: string, count: number): Promise<Kek> {
    for (let reloads = 0; reloads <= maxReloads; ) {
      const { activeKek } = await this.organization(orgId)
      if (this.#allowance(orgId).take(activeKek, count)) return activeKek
      await this.#reservations.run(orgId, () => this.#reserve(orgId, activeKek, count))
      if (this.#loaded.get(orgId)?.activeKek !== activeKek) reloads += 1
    }
    throw fail('unavailable', 'keyring.kek_contended', 'The organization\'s KEK is being rotated. Try again shortly.')
  }

  #allowance(orgId: string): Allowance {
    const known = this.#allowances.get(orgId)
    if (known !== undefined) return known
    const allowance = new Allowance(this.#clock)
    this.#allowances.set(orgId, allowance)
    return allowance
  }

  /** Takes a block under the KEK; when it has none left to give or is retired, sees to it that a younger one is loaded. */
  async #reserve(orgId: string, kek: Kek, atLeast: number): Promise<void> {
    const count = Math.max(this.#limits.block, atLeast)
    const askedAt = this.#clock.monotonic()
    const { kekId, kekVersion } = kek
    const { reserved, limit } = await this.#database.transaction(orgId, async (tx) => {
      const most = await rotateAfter(tx, orgId, this.#limits.rotateAfter)
      return { limit: most, reserved: await reserveEncryptions(tx, orgId, { kekId, kekVersion, count, limit: most }) }
    })
    if (reserved) {
      this.#allowance(orgId).enter(kek, count, askedAt)
      return
    }
    const onlyAbove = limit - count
    const next = await this.#database.transaction(orgId, (tx) => rotateKek(tx, this.#requireRoot(), orgId, { onlyAbove }))
    this.forget(orgId)
    if (next !== undefined) this.#onKekRotated?.(orgId, next)
  }

  /** The root key, or the one that is about to follow it: after a rotation the rows are here some milliseconds before the key. */
  async #rootOf(generation: number): Promise<RootKey> {
    if (this.#requireRoot().generation >= generation) return this.#requireRoot()
    const followed = new Promise<void>((resolve) => this.#waiting.add(resolve))
    const patience = new AbortController()
    await Promise.race([followed, sleep(rootPatienceMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined)])
    patience.abort()
    return this.#requireRoot()
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #requireRoot(): RootKey {
    if (this.#root === undefined) throw keyringClosed()
    return this.#root
  }
}
