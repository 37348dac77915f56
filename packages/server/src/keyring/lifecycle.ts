// Making, rotating, retiring and destroying an organization's keys, each inside a transaction of the caller's. Every change is announced
// in the change feed, so that workers load the keys anew.

import { importHmacKey, type HmacKey } from '../crypto/keys.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { importSigningKey, type SigningKey } from '../crypto/sign.ts'
import { fail } from '../kernel/errors.ts'
import type { Transaction } from '../kernel/storage.ts'
import { defaultLimits, retirementGraceSeconds } from './allowance.ts'
import { keysGone, type KekName } from './failures.ts'
import { OrgKeys, type Kek, type OpenedKeys, type Versioned } from './org-keys.ts'
import { purposesOf, signingPurpose, type Purpose } from './purposes.ts'
import { announceKeys, insertKek, insertPurposeKey, lockActiveKek, lockPurpose, requireGeneration, retireActiveKeks, retirePurpose } from './repository.ts'
import { makeKek, makePurposeKey, type RootKey } from './root-key.ts'

/**
 * Gives a new organization KEK version 1 and a key for each purpose. `platform` is true for the organization `root` alone.
 * The keys that come back work inside the transaction at once, for the rows that the same transaction writes.
 */
export const createOrganizationKeys = async (tx: Transaction, root: RootKey, orgId: string, options: { readonly platform?: boolean } = {}): Promise<OrgKeys> => {
  await requireGeneration(tx, root)
  const kek = await addKek(tx, root, { orgId, kekId: makeUuidV7(), kekVersion: 1 }, defaultLimits.block)
  const purposes = new Map<string, Versioned<HmacKey>[]>()
  const signing: Versioned<SigningKey>[] = []
  for (const purpose of purposesOf(options.platform === true)) {
    const bytes = await addPurposeKey(tx, root, { orgId, purpose, version: 1 })
    if (purpose === signingPurpose) signing.push({ version: 1, key: importSigningKey(bytes) })
    else purposes.set(purpose, [{ version: 1, key: importHmacKey(bytes) }])
  }
  await announceKeys(tx, orgId)
  const opened: OpenedKeys = { activeKek: kek, keks: [kek], purposes, signing }
  return new OrgKeys(orgId, opened, firstBlock(kek))
}

/** The block that the KEK's row was inserted with; a transaction that creates an organization never gets near its end. */
const firstBlock = (kek: Kek): (() => Kek) => {
  let left = defaultLimits.block
  return () => {
    left -= 1
    if (left < 0) throw fail('internal', 'keyring.first_block_spent', 'Load the organization\'s keys after its creation has committed.')
    return kek
  }
}

const addKek = async (tx: Transaction, root: RootKey, place: KekName & { readonly orgId: string }, reserved: number): Promise<Kek> => {
  const { wrapped, key } = makeKek(root, place)
  const { kekId, kekVersion } = place
  await insertKek(tx, place.orgId, { kekId, version: kekVersion, wrapped, generation: root.generation, reserved })
  return { kekId, kekVersion, key }
}

const addPurposeKey = async (tx: Transaction, root: RootKey, place: { readonly orgId: string; readonly purpose: Purpose; readonly version: number }): Promise<Buffer> => {
  const { wrapped, bytes } = makePurposeKey(root, place)
  await insertPurposeKey(tx, place.orgId, { purpose: place.purpose, version: place.version, wrapped, generation: root.generation })
  return bytes
}

/**
 * Makes the next KEK version and retires the active one, which goes on decrypting until a re-wrap has emptied it and `retireKek` destroys it.
 * With `onlyAbove`, does nothing unless the active KEK has reserved more encryptions than that: for rotations that several workers want at once.
 */
export const rotateKek = async (tx: Transaction, root: RootKey, orgId: string, options: { readonly onlyAbove?: number } = {}): Promise<KekName | undefined> => {
  await requireGeneration(tx, root)
  const active = await lockActiveKek(tx, orgId)
  if (active === undefined) throw keysGone()
  if (options.onlyAbove !== undefined && active.reserved <= options.onlyAbove) return undefined
  await retireActiveKeks(tx, orgId)
  const next = { orgId, kekId: active.kekId, kekVersion: active.version + 1 }
  await addKek(tx, root, next, 0)
  await announceKeys(tx, orgId)
  return { kekId: next.kekId, kekVersion: next.kekVersion }
}

/** Makes the next version of one purpose's key. Older ones go on verifying. Returns the new version's number. */
export const rotatePurposeKey = async (tx: Transaction, root: RootKey, orgId: string, purpose: Purpose): Promise<number> => {
  await requireGeneration(tx, root)
  const newest = await lockPurpose(tx, orgId, purpose)
  if (newest === 0) throw keysGone()
  await retirePurpose(tx, orgId, purpose)
  const bytes = await addPurposeKey(tx, root, { orgId, purpose, version: newest + 1 })
  bytes.fill(0)
  await announceKeys(tx, orgId)
  return newest + 1
}

/**
 * Destroys a retired KEK version under which nothing is wrapped any more. Refused with `conflict` while anything is, or within an hour of its
 * retirement, in which a worker may still be committing a key wrapped under it.
 */
export const retireKek = async (tx: Transaction, orgId: string, kek: KekName): Promise<void> => {
  const { rows } = await tx.query<{ state: string; rested: boolean; used: boolean }>(
    `select state, coalesce(retired_at <= now() - make_interval(secs => $4), false) as rested,
       exists (select from secret_versions v where v.org_id = $1 and v.kek_id = $2 and v.kek_version = $3 and v.wrapped_dek is not null)
       or exists (select from entries e where e.org_id = $1 and e.kek_id = $2 and e.kek_version = $3) as used
     from keks where org_id = $1 and kek_id = $2 and version = $3 for update`,
    [orgId, kek.kekId, kek.kekVersion, retirementGraceSeconds])
  const [row] = rows
  if (row === undefined) throw fail('not_found', 'keyring.kek_missing', `There is no KEK ${kek.kekId} version ${kek.kekVersion}.`)
  if (row.state === 'destroyed') return
  if (row.state === 'active') throw fail('conflict', 'keyring.kek_active', 'The active KEK cannot be destroyed. Rotate it first.')
  if (row.used) throw fail('conflict', 'keyring.kek_in_use', 'Keys are still wrapped under this KEK version. Re-wrap them first.')
  if (!row.rested) throw fail('conflict', 'keyring.kek_recent', `A KEK version can be destroyed ${retirementGraceSeconds / 60} minutes after its retirement.`)
  await tx.query(`update keks set wrapped = null, state = 'destroyed' where org_id = $1 and kek_id = $2 and version = $3`, [orgId, kek.kekId, kek.kekVersion])
  await announceKeys(tx, orgId)
}

/**
 * Destroys every key of an organization: crypto-shredding. Live data is unreadable once this commits and workers have dropped their copies; backups
 * taken before stay readable with the root key of their time. Returns how many keys were destroyed.
 */
export const destroyOrganizationKeys = async (tx: Transaction, orgId: string): Promise<number> => {
  const keks = await tx.query(`update keks set wrapped = null, state = 'destroyed', retired_at = coalesce(retired_at, now()) where org_id = $1 and wrapped is not null`, [orgId])
  const purposes = await tx.query(`update purpose_keys set wrapped = null, state = 'destroyed' where org_id = $1 and wrapped is not null`, [orgId])
  await announceKeys(tx, orgId)
  return keks.count + purposes.count
}
