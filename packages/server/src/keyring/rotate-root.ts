// Re-wraps every organization's keys under a new root key, all in the caller's one transaction: either everything opens under the new
// key or everything still opens under the old one. The slots' copies of the root key are seal/rotation's part of the same transaction.

import type { Transaction } from '../kernel/storage.ts'
import { rootKeyOutdated } from './failures.ts'
import { loadKeys } from './repository.ts'
import { rewrapKek, rewrapPurposeKey, type RootKey } from './root-key.ts'

/**
 * Holds the cluster row, so that nobody wraps under the old key meanwhile, re-wraps and raises the generation. Moves the transaction's
 * organization along as it goes and leaves none set. Returns how many keys were re-wrapped.
 */
export const rewrapUnderRoot = async (tx: Transaction, from: RootKey, to: RootKey): Promise<number> => {
  const { rows: [cluster] } = await tx.query<{ root_generation: number }>('select root_generation from cluster for update')
  if (cluster?.root_generation !== from.generation) throw rootKeyOutdated(from.generation, cluster?.root_generation ?? 0)
  const { rows: organizations } = await tx.query<{ org_id: string }>('select org_id from organizations order by org_id')
  let count = 0
  for (const { org_id: orgId } of organizations) count += await rewrapOrganization(tx, orgId, { from, to })
  await tx.query(`select set_config('coffer.org', '', true)`)
  await tx.query('update cluster set root_generation = $1', [to.generation])
  return count
}

const rewrapOrganization = async (tx: Transaction, orgId: string, { from, to }: { readonly from: RootKey; readonly to: RootKey }): Promise<number> => {
  await tx.query(`select set_config('coffer.org', $1, true)`, [orgId])
  const rows = (await loadKeys(tx, orgId)).flatMap(({ wrapped, ...row }) => (wrapped === null ? [] : [{ ...row, wrapped }]))
  const keks = rows.filter((row) => row.kind === 'kek')
  const purposes = rows.filter((row) => row.kind === 'purpose')
  const newKeks = keks.map((row) => rewrapKek(from, to, { orgId, kekId: row.name, kekVersion: row.version }, row.wrapped))
  const newPurposes = purposes.map((row) => rewrapPurposeKey(from, to, { orgId, purpose: row.name, version: row.version }, row.wrapped))
  await tx.query(
    `update keks k set wrapped = n.wrapped, root_generation = $2 from unnest($3::uuid[], $4::integer[], $5::bytea[]) as n(kek_id, version, wrapped)
     where k.org_id = $1 and k.kek_id = n.kek_id and k.version = n.version`,
    [orgId, to.generation, keks.map((row) => row.name), keks.map((row) => row.version), newKeks])
  await tx.query(
    `update purpose_keys p set wrapped = n.wrapped, root_generation = $2 from unnest($3::text[], $4::integer[], $5::bytea[]) as n(purpose, version, wrapped)
     where p.org_id = $1 and p.purpose = n.purpose and p.version = n.version`,
    [orgId, to.generation, purposes.map((row) => row.name), purposes.map((row) => row.version), newPurposes])
  await tx.query(`insert into changes (org_id, kind, key) values ($1::uuid, 'keys', $1::text)`, [orgId])
  return rows.length
}
