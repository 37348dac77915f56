// The SQL of cluster and seal_slots. Neither is tenant data, so no organization is set for it.

import type { Queryable, Transaction } from '../kernel/storage.ts'

/** Kinds of slot that this release can make and open. */
export type SlotKind = 'shamir' | 'keyfile'

export interface Cluster {
  readonly clusterId: string
  readonly clusterName: string
  readonly rootOrgId: string
  readonly generation: number
}

/** Shares as they were encrypted to people's OpenPGP keys, by fingerprint, kept when a rekey was asked to. */
export interface ShareBackup {
  readonly nonce: string
  /** Hex; one person may have been given several. */
  readonly keys: Readonly<Record<string, readonly string[]>>
}

export interface SlotSettings {
  /** The slot whose old shares this one keeps valid until its new ones are known to have reached people. */
  readonly bridge?: string
  readonly backup?: ShareBackup
}

export interface Slot {
  readonly slotId: string
  readonly kind: SlotKind
  readonly sealedRoot: Buffer
  readonly generation: number
  readonly shares: number | null
  readonly threshold: number | null
  readonly shareHashes: readonly string[]
  readonly settings: SlotSettings
}

/** A slot and its bridge are one: whoever opens either has opened both. */
export const groupOf = (slot: Pick<Slot, 'slotId' | 'settings'>): string => slot.settings.bridge ?? slot.slotId

export const readCluster = async (database: Queryable): Promise<Cluster | undefined> => {
  const { rows } = await database.query<Cluster>(
    'select cluster_id as "clusterId", cluster_name as "clusterName", root_org_id as "rootOrgId", root_generation as generation from cluster')
  return rows[0]
}

/** Slots of the kinds that we know, the oldest first. */
export const readSlots = async (database: Queryable): Promise<readonly Slot[]> => {
  const { rows } = await database.query<Slot>(
    `select slot_id as "slotId", kind, sealed_root as "sealedRoot", root_generation as generation, shares, threshold, share_hashes as "shareHashes", config as settings
     from seal_slots order by created_at, slot_id`)
  return rows
}

/** Held by whoever changes cluster or slots, until the transaction ends: one change at a time in the whole cluster. */
export const lockSeal = async (tx: Transaction): Promise<void> => {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('coffer/seal', 0))`)
}

/** False when the database has a cluster already. */
export const insertCluster = async (tx: Transaction, cluster: Cluster): Promise<boolean> => {
  const { count } = await tx.query(
    'insert into cluster (cluster_id, cluster_name, root_org_id, root_generation) values ($1, $2, $3, $4) on conflict do nothing',
    [cluster.clusterId, cluster.clusterName, cluster.rootOrgId, cluster.generation])
  return count === 1
}

export const insertSlot = async (tx: Transaction, slot: Slot): Promise<void> => {
  await tx.query(
    'insert into seal_slots (slot_id, kind, sealed_root, root_generation, shares, threshold, share_hashes, config) values ($1, $2, $3, $4, $5, $6, $7, $8)',
    [slot.slotId, slot.kind, slot.sealedRoot, slot.generation, slot.shares, slot.threshold, slot.shareHashes, { ...slot.settings }])
}

export const updateSlot = async (tx: Transaction, slot: Slot): Promise<void> => {
  await tx.query(
    'update seal_slots set sealed_root = $2, root_generation = $3, shares = $4, threshold = $5, share_hashes = $6, config = $7 where slot_id = $1',
    [slot.slotId, slot.sealedRoot, slot.generation, slot.shares, slot.threshold, slot.shareHashes, { ...slot.settings }])
}

export const deleteSlot = async (tx: Transaction, slotId: string): Promise<void> => {
  await tx.query('delete from seal_slots where slot_id = $1', [slotId])
}

/** Old shares stop opening anything. Returns how many sets of them there were. */
export const deleteBridges = async (tx: Transaction): Promise<number> => (await tx.query("delete from seal_slots where config ? 'bridge'")).count

export const setSettings = async (tx: Transaction, slotId: string, settings: SlotSettings): Promise<void> => {
  await tx.query('update seal_slots set config = $2 where slot_id = $1', [slotId, { ...settings }])
}
