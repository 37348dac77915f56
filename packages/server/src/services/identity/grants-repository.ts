// SQL of principals, groups, role bindings and policies.

import type { HmacKey } from '../../crypto/keys.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { BindingRow, GroupRow, PolicyKind, PolicyRow, PrincipalKind, PrincipalRow } from '../../kernel/identity.ts'
import { allGroups, membershipOf } from './memberships.ts'
import { checkedBinding, checkedPrincipal, macBinding, macOf, macPolicy, macPrincipal, readPolicy, requireMac, type JsonRow, type VersionedKey } from './rows.ts'

/** False: there is one of this kind and name already, perhaps since a moment. */
export const insertPrincipal = async (db: Queryable, orgId: string, row: PrincipalRow, key: HmacKey): Promise<boolean> => {
  const made = await db.query('insert into coffer.principals (org_id, principal_id, kind, name, display_name, policies, disabled, metadata, created_at, updated_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11) on conflict (org_id, kind, name) do nothing', [
    orgId, row.principalId, row.kind, row.name, row.displayName, row.policies, row.disabled, row.metadata, new Date(row.createdAt), row.rowVersion, macPrincipal(key, row),
  ])
  return made.count === 1
}

export const findPrincipal = async (db: Queryable, orgId: string, kind: PrincipalKind, name: string, keys: readonly VersionedKey[]): Promise<PrincipalRow | undefined> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.principals p where org_id = $1 and kind = $2 and name = $3', [orgId, kind, name])
  const row = found.rows[0]?.row
  return row === undefined ? undefined : checkedPrincipal(row, keys)
}

export const findPrincipalById = async (db: Queryable, orgId: string, principalId: string, keys: readonly VersionedKey[]): Promise<PrincipalRow | undefined> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.principals p where org_id = $1 and principal_id = $2', [orgId, principalId])
  const row = found.rows[0]?.row
  return row === undefined ? undefined : checkedPrincipal(row, keys)
}

/** Role bindings of a principal and of groups. */
export const bindingsOf = async (db: Queryable, orgId: string, { principalId, groupIds }: { readonly principalId?: string; readonly groupIds: readonly string[] }, keys: readonly VersionedKey[]): Promise<readonly BindingRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(b) as row from coffer.role_bindings b where org_id = $1 and (principal_id = $2 or group_id = any($3::uuid[]))', [orgId, principalId ?? null, groupIds])
  return found.rows.map(({ row }) => checkedBinding(row, keys))
}

/** Everything that a principal is granted besides its own policies: its groups, and the bindings of both. */
export const grantsOf = async (db: Queryable, orgId: string, principalId: string, keys: readonly VersionedKey[]): Promise<{ readonly groups: readonly GroupRow[]; readonly bindings: readonly BindingRow[] }> => {
  const groups = allGroups(await membershipOf(db, orgId, principalId, keys))
  return { groups, bindings: await bindingsOf(db, orgId, { principalId, groupIds: groups.map(({ groupId }) => groupId) }, keys) }
}

export const listPrincipals = async (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: readonly VersionedKey[]): Promise<readonly PrincipalRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.principals p where org_id = $1 and principal_id > $2 order by principal_id limit $3', [orgId, after, limit])
  return found.rows.map(({ row }) => checkedPrincipal(row, keys))
}

export const insertBinding = async (db: Queryable, orgId: string, row: BindingRow, key: HmacKey): Promise<void> => {
  await db.query('insert into coffer.role_bindings (org_id, binding_id, principal_id, group_id, role, mount_id, environment, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    orgId, row.bindingId, row.principalId ?? null, row.groupId ?? null, row.role, row.mountId ?? null, row.environment ?? null, row.rowVersion, macBinding(key, row),
  ])
}

export const listBindings = async (db: Queryable, orgId: string, principalId: string | undefined, limit: number, keys: readonly VersionedKey[]): Promise<readonly BindingRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(b) as row from coffer.role_bindings b where org_id = $1 and ($2::uuid is null or principal_id = $2) order by binding_id limit $3', [orgId, principalId ?? null, limit])
  return found.rows.map(({ row }) => checkedBinding(row, keys))
}

export const findBinding = async (db: Queryable, orgId: string, bindingId: string, keys: readonly VersionedKey[]): Promise<BindingRow | undefined> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(b) as row from coffer.role_bindings b where org_id = $1 and binding_id = $2', [orgId, bindingId])
  const row = found.rows[0]?.row
  return row === undefined ? undefined : checkedBinding(row, keys)
}

export const deleteBinding = async (db: Queryable, orgId: string, bindingId: string): Promise<boolean> =>
  (await db.query('delete from coffer.role_bindings where org_id = $1 and binding_id = $2', [orgId, bindingId])).count === 1

/** Every policy of an organization. */
export const loadPolicies = async (db: Queryable, orgId: string, keys: readonly VersionedKey[]): Promise<readonly PolicyRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.policies p where org_id = $1 order by kind, name', [orgId])
  return found.rows.map(({ row }) => checkedPolicy(row, keys))
}

/** One policy, locked until the transaction ends. */
export const lockPolicy = async (db: Queryable, orgId: string, { kind, name }: Pick<PolicyRow, 'kind' | 'name'>, keys: readonly VersionedKey[]): Promise<PolicyRow | undefined> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.policies p where org_id = $1 and kind = $2 and name = $3 for update', [orgId, kind, name])
  const row = found.rows[0]?.row
  return row === undefined ? undefined : checkedPolicy(row, keys)
}

const checkedPolicy = (row: JsonRow, keys: readonly VersionedKey[]): PolicyRow => {
  const policy = readPolicy(row)
  requireMac(keys, 'policy', macOf(row), (k) => macPolicy(k, policy))
  return policy
}

/** Inserts or replaces by name; the row version counts on. */
export const putPolicy = async (db: Queryable, orgId: string, policy: PolicyRow, key: HmacKey): Promise<void> => {
  await db.query(
    `insert into coffer.policies (org_id, policy_id, kind, name, body, created_at, updated_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (org_id, policy_id) do update set body = excluded.body, updated_at = excluded.updated_at, row_version = excluded.row_version, mac = excluded.mac`,
    [orgId, policy.policyId, policy.kind, policy.name, policy.body, new Date(policy.createdAt), new Date(policy.updatedAt), policy.rowVersion, macPolicy(key, policy)],
  )
}

export const deletePolicy = async (db: Queryable, orgId: string, kind: PolicyKind, name: string): Promise<boolean> =>
  (await db.query('delete from coffer.policies where org_id = $1 and kind = $2 and name = $3', [orgId, kind, name])).count === 1

/** Deletes the role bindings of an environment and the tokens locked to it. Returns the tokens' ids. */
export const releaseEnvironment = async (tx: Queryable, orgId: string, { mountId, slug }: { readonly mountId: string; readonly slug: string }): Promise<readonly string[]> => {
  await tx.query('delete from coffer.role_bindings where org_id = $1 and mount_id = $2 and environment = $3', [orgId, mountId, slug])
  const gone = await tx.query<{ token_id: string }>('delete from coffer.tokens where org_id = $1 and lock_mount_id = $2 and lock_environment = $3 returning token_id', [orgId, mountId, slug])
  return gone.rows.map(({ token_id }) => token_id)
}
