// SQL of leases. Every question goes through an index: by name, by prefix, by due time.

import type { HmacKey } from '../../crypto/keys.ts'
import type { Database, Queryable } from '../../kernel/storage.ts'
import { macLease, type LeaseRow, type StoredLease } from './rows.ts'

const columns = ['lease_id', 'name', 'mount_id', 'kind', 'token_id', 'renewable', 'ttl_seconds', 'max_ttl_seconds', 'issued_at', 'expires_at', 'last_renewed_at', 'state', 'attempts', 'last_error', 'row_version', 'mac']
const listed = columns.join(', ')
const ofLease = columns.map((column) => `l.${column}`).join(', ')

/** Where names below a prefix end. '0' is the character after '/'. */
const below = (name: string): string => `${name} >= $2 and ($2 = '' or ${name} < left($2, -1) || '0')`

export const insertPending = async (db: Queryable, orgId: string, lease: LeaseRow, options: { readonly key: HmacKey; readonly graceSeconds: number }): Promise<void> => {
  await db.query(
    `insert into coffer.leases (org_id, lease_id, name, mount_id, kind, token_id, renewable, ttl_seconds, max_ttl_seconds, issued_at, expires_at, state, due_at, row_version, mac)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', now() + make_interval(secs => $12), $13, $14)`,
    [orgId, lease.leaseId, lease.name, lease.mountId, lease.kind, lease.tokenId ?? null, lease.renewable, lease.ttlSeconds, lease.maxTtlSeconds, new Date(lease.issuedAt), new Date(lease.expiresAt), options.graceSeconds, lease.rowVersion, macLease(options.key, lease)],
    { name: 'lease_insert' },
  )
}

/** False: the token or the mount ended meanwhile, or the queue took it for lost. Both rows are held until the transaction ends, so that neither can end unseen. */
export const activate = async (db: Queryable, orgId: string, lease: Pick<LeaseRow, 'leaseId' | 'mountId' | 'tokenId'>): Promise<boolean> => {
  if (lease.tokenId !== undefined) {
    const token = await db.query('select 1 from coffer.tokens where org_id = $1 and token_id = $2 and (expires_at is null or expires_at > now()) for key share', [orgId, lease.tokenId])
    if (token.count === 0) return false
  }
  const mount = await db.query('select 1 from coffer.mounts where org_id = $1 and mount_id = $2 and deleted_at is null for share', [orgId, lease.mountId])
  if (mount.count === 0) return false
  return (await db.query("update coffer.leases set state = 'active', due_at = expires_at where org_id = $1 and lease_id = $2 and state = 'pending'", [orgId, lease.leaseId])).count === 1
}

/** By name, whatever its state but pending. */
export const findByName = async (db: Queryable, orgId: string, name: string): Promise<StoredLease | undefined> =>
  (await db.query<StoredLease>(`select ${listed} from coffer.leases where org_id = $1 and name = $2 and state <> 'pending'`, [orgId, name], { name: 'lease_find' })).rows[0]

/** Names directly below a prefix, of tokens' leases and engines', in order. One statement of its own. */
export const children = async (db: Queryable, orgId: string, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly string[]> =>
  (await db.query<{ name: string }>('select name from coffer.lease_children($1, $2, $3, $4)', [orgId, prefix, page.after, page.limit])).rows.map(({ name }) => name)

export const listBelow = async (db: Queryable, orgId: string, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly StoredLease[]> =>
  (await db.query<StoredLease>(`select ${listed} from coffer.leases where org_id = $1 and ${below('name')} and name > $3 and state <> 'pending' order by name limit $4`, [orgId, prefix, page.after, page.limit])).rows

/** Writes a new end; false: it is not what it was any more. */
export const extend = async (db: Queryable, orgId: string, lease: LeaseRow, key: HmacKey): Promise<boolean> =>
  (await db.query(
    "update coffer.leases set expires_at = $3, due_at = $3, last_renewed_at = $4, ttl_seconds = $5, max_ttl_seconds = $6, row_version = $7, mac = $8 where org_id = $1 and lease_id = $2 and state = 'active' and row_version = $7 - 1",
    [orgId, lease.leaseId, new Date(lease.expiresAt), lease.lastRenewedAt === undefined ? null : new Date(lease.lastRenewedAt), lease.ttlSeconds, lease.maxTtlSeconds, lease.rowVersion, macLease(key, lease)],
  )).count === 1

/** Makes leases due now; the queue does the rest. One that somebody is revoking already stays his. Returns how many. */
export const makeDue = async (db: Queryable, orgId: string, by: { readonly name: string } | { readonly prefix: string }): Promise<number> => {
  const [where, value] = 'name' in by ? ['name = $2', by.name] : [below('name'), by.prefix]
  return (await db.query(
    `update coffer.leases set state = 'revoking', due_at = now() where org_id = $1 and ${where} and state <> 'pending' and not (claim is not null and due_at > now())`,
    [orgId, value],
  )).count
}

/** Which of the due to claim: any, or those below a name. */
export type Due = 'due' | { readonly name: string } | { readonly prefix: string }

export interface Claim {
  readonly id: string
  readonly seconds: number
  readonly limit: number
}

/**
 * Takes leases for somebody to revoke. For as long as the claim holds nobody else takes them; when it has run out (its holder was killed), anybody
 * may. Expired ones included: a claim says that they are not used any more.
 */
export const claim = async (db: Queryable, orgId: string, which: Due, { id, seconds, limit }: Claim): Promise<readonly StoredLease[]> => {
  const [where, value] = which === 'due' ? ["$2 = ''", ''] : 'name' in which ? ["name = $2 and state <> 'pending'", which.name] : [`${below('name')} and state <> 'pending'`, which.prefix]
  const free = which === 'due' ? 'due_at <= now()' : '(claim is null or due_at <= now())'
  const claimed = await db.query<StoredLease>(
    `update coffer.leases l set claim = $3, due_at = now() + make_interval(secs => $4), attempts = l.attempts + 1, state = case when l.state = 'irrevocable' then l.state else 'revoking' end
     from (select lease_id from coffer.leases where org_id = $1 and ${where} and ${free} order by due_at limit $5 for update skip locked) due
     where l.org_id = $1 and l.lease_id = due.lease_id returning ${ofLease}`,
    [orgId, value, id, seconds, limit],
  )
  return claimed.rows
}

/** Whether somebody is at it. */
export const isClaimed = async (db: Queryable, orgId: string, which: { readonly name: string } | { readonly prefix: string }): Promise<boolean> => {
  const [where, value] = 'name' in which ? ['name = $2', which.name] : [below('name'), which.prefix]
  return (await db.query(`select 1 from coffer.leases where org_id = $1 and ${where} and claim is not null and due_at > now() limit 1`, [orgId, value])).count > 0
}

/** After a revocation. False: the claim had run out and somebody else has it. */
export const remove = async (db: Queryable, orgId: string, leaseId: string, claimId: string): Promise<boolean> =>
  (await db.query('delete from coffer.leases where org_id = $1 and lease_id = $2 and claim = $3', [orgId, leaseId, claimId])).count === 1

export interface Failure {
  readonly error: string
  readonly retrySeconds: number
  readonly irrevocable: boolean
}

export const noteFailure = async (db: Queryable, orgId: string, leaseId: string, { claimId, error, retrySeconds, irrevocable }: Failure & { readonly claimId: string }): Promise<void> => {
  await db.query(
    "update coffer.leases set claim = null, due_at = now() + make_interval(secs => $4), last_error = $5, state = case when $6 then 'irrevocable' else state end where org_id = $1 and lease_id = $2 and claim = $3",
    [orgId, leaseId, claimId, retrySeconds, error, irrevocable],
  )
}

export const irrevocable = async (db: Queryable, orgId: string, limit: number): Promise<readonly StoredLease[]> =>
  (await db.query<StoredLease>(`select ${listed} from coffer.leases where org_id = $1 and state = 'irrevocable' order by expires_at, name limit $2`, [orgId, limit])).rows

export const countIrrevocable = async (db: Queryable, orgId: string): Promise<readonly { readonly mountId: string; readonly count: number }[]> =>
  (await db.query<{ mount_id: string; count: number }>("select mount_id, count(*)::bigint as count from coffer.leases where org_id = $1 and state = 'irrevocable' group by mount_id", [orgId])).rows.map(({ mount_id, count }) => ({ mountId: mount_id, count }))

/** Leases whose token is gone although nobody told them. Returns how many. */
export const endOrphans = async (db: Queryable, orgId: string): Promise<number> =>
  (await db.query(
    `update coffer.leases l set state = 'revoking', due_at = now() where l.org_id = $1 and l.state = 'active' and l.token_id is not null
     and not exists (select 1 from coffer.tokens t where t.org_id = l.org_id and t.token_id = l.token_id)`,
    [orgId],
  )).count

/** Organizations with something due. As the jobs role, which sees no more. */
export const organizationsDue = async (jobs: Database, limit: number): Promise<readonly string[]> =>
  (await jobs.query<{ org_id: string }>('select distinct org_id from (select org_id from coffer.leases where due_at <= now() order by due_at limit $1) due', [limit])).rows.map(({ org_id }) => org_id)

/** One that its maker gives up: whatever its state, unless the queue has it. */
export const claimPending = async (db: Queryable, orgId: string, leaseId: string, { id, seconds }: Pick<Claim, 'id' | 'seconds'>): Promise<readonly StoredLease[]> =>
  (await db.query<StoredLease>(
    `update coffer.leases set claim = $3, due_at = now() + make_interval(secs => $4), attempts = attempts + 1, state = 'revoking' where org_id = $1 and lease_id = $2 and claim is null returning ${listed}`,
    [orgId, leaseId, id, seconds],
  )).rows
