// Quotas as they are kept: few per organization, each written in one audited transaction that tells the feed.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { isUniqueViolation, type Database, type Queryable } from '../../kernel/storage.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { checkedQuota, macQuota, type QuotaRow, type QuotaType, type StoredQuota, type VersionedKey } from './rows.ts'

/** What the feed calls a change of any quota. */
export const QUOTAS_CHANGED = 'quotas'

export interface QuotaKeys {
  purpose(name: 'rows'): HmacKey
  purposeVersions(name: 'rows'): readonly VersionedKey[]
}

export interface QuotaPorts {
  readonly database: Database
  keys(orgId: string): Promise<QuotaKeys>
}

const columns = 'quota_id, type, name, mount, suffix, role, inheritable, rate, interval_seconds, block_seconds, max_leases, used, row_version, mac'
const MOST = 10_000

const select = async (db: Queryable, orgId: string, keys: readonly VersionedKey[], where: string, values: readonly string[]): Promise<readonly QuotaRow[]> => {
  const found = await db.query<StoredQuota>(`select ${columns} from coffer.quotas where org_id = $1 and ${where} order by name limit ${MOST}`, [orgId, ...values])
  return found.rows.map((row) => checkedQuota(row, keys))
}

export const list = async (ports: QuotaPorts, orgId: string, type: QuotaType): Promise<readonly QuotaRow[]> => {
  const keys = (await ports.keys(orgId)).purposeVersions('rows')
  return ports.database.transaction(orgId, (tx) => select(tx, orgId, keys, 'type = $2', [type]), { readOnly: true })
}

export const find = async (ports: QuotaPorts, orgId: string, type: QuotaType, name: string): Promise<QuotaRow | undefined> => {
  const keys = (await ports.keys(orgId)).purposeVersions('rows')
  return (await ports.database.transaction(orgId, (tx) => select(tx, orgId, keys, 'type = $2 and name = $3', [type, name]), { readOnly: true }))[0]
}

export type QuotaCommand = Omit<QuotaRow, 'quotaId' | 'used' | 'rowVersion'>

const samePlace = (name: string): Error => fail('invalid_request', 'quota.taken', `quota rule with similar properties exists under the name ${JSON.stringify(name)}`)

/** Makes or replaces by name. @throws invalid_request when another has the same place */
export const put = async (ports: QuotaPorts, _grant: Grant, call: Call, wanted: QuotaCommand): Promise<void> => {
  const { orgId } = call
  const keys = await ports.keys(orgId)
  const versions = keys.purposeVersions('rows')
  try {
    await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
      const [taken] = await select(tx, orgId, versions, 'type = $2 and mount = $3 and suffix = $4 and role = $5 and name <> $6', [wanted.type, wanted.mount, wanted.suffix, wanted.role, wanted.name])
      if (taken !== undefined) throw samePlace(taken.name)
      const [present] = await select(tx, orgId, versions, 'type = $2 and name = $3', [wanted.type, wanted.name])
      const row: QuotaRow = { ...wanted, quotaId: present?.quotaId ?? makeUuidV7(Math.trunc(call.now())), used: present?.used ?? 0, rowVersion: (present?.rowVersion ?? 0) + 1 }
      call.audit.resourceId = row.quotaId
      await tx.query(
        `insert into coffer.quotas (org_id, quota_id, type, name, mount, suffix, role, inheritable, rate, interval_seconds, block_seconds, max_leases, row_version, mac)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (org_id, quota_id) do update set mount = excluded.mount, suffix = excluded.suffix, role = excluded.role, inheritable = excluded.inheritable, rate = excluded.rate,
           interval_seconds = excluded.interval_seconds, block_seconds = excluded.block_seconds, max_leases = excluded.max_leases, row_version = excluded.row_version, mac = excluded.mac`,
        [orgId, row.quotaId, row.type, row.name, row.mount, row.suffix, row.role, row.inheritable, row.rate, row.intervalSeconds, row.blockSeconds, row.maxLeases, row.rowVersion, macQuota(keys.purpose('rows'), row)],
      )
      if (row.type === 'lease-count') await tx.query('select coffer.recount_leases($1)', [orgId])
      note(QUOTAS_CHANGED, row.quotaId)
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw fail('conflict', 'quota.conflict', 'The quota was written by somebody else at the same time. Try again.', { cause: error })
    throw error
  }
}

export const remove = async (ports: QuotaPorts, _grant: Grant, call: Call, type: QuotaType, name: string): Promise<void> => {
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    await tx.query('delete from coffer.quotas where org_id = $1 and type = $2 and name = $3', [call.orgId, type, name])
    if (type === 'lease-count') await tx.query('select coffer.recount_leases($1)', [call.orgId])
    note(QUOTAS_CHANGED, name)
  })
}

/** Organizations with a rate limit. As the jobs role, which sees no more. */
export const limitedOrganizations = async (jobs: Database): Promise<readonly string[]> =>
  (await jobs.query<{ org_id: string }>("select distinct org_id from coffer.quotas where type = 'rate-limit'")).rows.map(({ org_id }) => org_id)
