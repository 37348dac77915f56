// A slot holds the root key sealed under the slot's own random key, and each kind of slot keeps that key in its way: split among
// people, in a file. The database is not trusted with it: the sealed root key is bound to cluster, slot, kind and generation.

import { openBytes, sealBytes } from '../crypto/aead.ts'
import { slotAad } from '../crypto/envelope.ts'
import { importAesKey, type AesKey } from '../crypto/keys.ts'
import { lengthPrefixed, wipe } from '../lib/bytes.ts'
import { parseUuid } from '../lib/uuid.ts'
import { fail, type CofferError } from '../kernel/errors.ts'
import type { Transaction } from '../kernel/storage.ts'
import type { Slot, SlotKind } from './repository.ts'

/** The root key as whoever wraps under it needs it; keyring's `RootKey`. */
export interface RootInUse {
  readonly key: AesKey
  readonly generation: number
}

/**
 * Re-wraps every organization's keys from one root key to the next and raises the cluster's generation, within the transaction: keyring's
 * `rewrapUnderRoot`. Throws, and so undoes the whole rotation, when any key does not open.
 */
export type RewrapKeys = (tx: Transaction, from: RootInUse, to: RootInUse) => Promise<number>

/** The bytes are wiped. */
export const rootInUse = (bytes: Buffer, generation: number): RootInUse => ({ key: importAesKey(bytes), generation })

export interface ShamirRequest {
  readonly kind: 'shamir'
  readonly shares: number
  readonly threshold: number
}

export interface KeyFileRequest {
  readonly kind: 'keyfile'
  /** Where the file is to be made. */
  readonly keyFile: string
}

/** A slot to make. */
export type SlotRequest = ShamirRequest | KeyFileRequest

/** A slot's key, at hand: enough shares, or the file. */
export type SlotOpening =
  | { readonly kind: 'shamir'; readonly shares: readonly Buffer[] }
  | { readonly kind: 'keyfile'; readonly keyFile: string }

/** What making a slot of any kind yields. */
export interface MadeSlot {
  /** 32 bytes, to be wiped once the root key is sealed under them. */
  readonly slotKey: Buffer
  /** For people, each once; empty for slots that open by themselves. */
  readonly shares: readonly Buffer[]
  readonly threshold: number | null
  readonly shareHashes: readonly string[]
  /** Takes back what was made outside the database. */
  undo(): Promise<void>
}

/** Where a sealed root key belongs. */
export interface SlotPlace {
  readonly clusterId: string
  readonly slotId: string
  readonly kind: SlotKind
  readonly generation: number
}

const aadOf = ({ clusterId, slotId, kind, generation }: SlotPlace): Buffer => {
  const cluster = parseUuid(clusterId)
  if (cluster === undefined) throw fail('internal', 'seal.bad_cluster_id', 'The cluster id in the database is not a UUID.')
  return lengthPrefixed(cluster, slotAad({ slotId, slotType: kind, rootKeyVersion: generation }))
}

/** Neither key is wiped: a slot key may seal two generations. */
export const sealRoot = (rootKey: Uint8Array, slotKey: Buffer, place: SlotPlace): Buffer =>
  sealBytes(importAesKey(Buffer.from(slotKey)), rootKey, aadOf(place))

/** Opens a slot and wipes the slot's key. The root key's bytes are the caller's to wipe. */
export const openRoot = (slot: Slot, slotKey: Buffer, clusterId: string): Buffer => {
  const { slotId, kind, generation } = slot
  try {
    return openBytes(importAesKey(Buffer.from(slotKey)), slot.sealedRoot, aadOf({ clusterId, slotId, kind, generation }))
  } catch {
    throw slotOpenFailed(slot)
  } finally {
    wipe(slotKey)
  }
}

const slotOpenFailed = ({ slotId, kind }: Slot): CofferError =>
  fail('invalid_request', 'seal.open_failed', `The root key in slot ${slotId} (${kind}) does not open with this key: the key is another slot's, or the slot was altered.`)
