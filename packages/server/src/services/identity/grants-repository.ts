// SQL of principals, groups, role bindings and policies.

import type { HmacKey } from '../../crypto/keys.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { BindingRow, PolicyKind, PolicyRow, PrincipalKind, PrincipalRow } from '../../kernel/identity.ts'
import { macBinding, macOf, macPolicy, macPrincipal, readBinding, readPolicy, readPrincipal, requireMac, type JsonRow, type VersionedKey } from './rows.ts'

export const insertPrincipal = async (db: Queryable, orgId: string, row: PrincipalRow, key: HmacKey): Promise<void> => {
  await db.query('insert into coffer.principals (org_id, principal_id, kind, name, display_name, policies, disabled, metadata, created_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', [
    orgId, row.principalId, row.kind, row.name, row.displayName, row.policies, row.disabled, row.metadata, new Date(row.createdAt), row.rowVersion, macPrincipal(key, row),
  ])
}

export const findPrincipal = async (db: Queryable, orgId: string, kind: PrincipalKind, name: string, keys: readonly VersionedKey[]): Promise<PrincipalRow | undefined> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.principals p where org_id = $1 and kind = $2 and name = $3', [orgId, kind, name])
  const row = found.rows[0]?.row
  if (row === undefined) return undefined
  const principal = readPrincipal(row)
  requireMac(keys, 'principal', macOf(row), (k) => macPrincipal(k, principal))
  return principal
}

export const listPrincipals = async (db: Queryable, orgId: string, after: string, limit: number): Promise<readonly PrincipalRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.principals p where org_id = $1 and principal_id > $2 order by principal_id limit $3', [orgId, after, limit])
  return found.rows.map(({ row }) => readPrincipal(row))
}

export const insertBinding = async (db: Queryable, orgId: string, row: BindingRow, key: HmacKey): Promise<void> => {
  await db.query('insert into coffer.role_bindings (org_id, binding_id, principal_id, group_id, role, mount_id, environment, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    orgId, row.bindingId, row.principalId ?? null, row.groupId ?? null, row.role, row.mountId ?? null, row.environment ?? null, row.rowVersion, macBinding(key, row),
  ])
}

export const listBindings = async (db: Queryable, orgId: string, principalId: string | undefined, limit: number, keys: readonly VersionedKey[]): Promise<readonly BindingRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(b) as row from coffer.role_bindings b where org_id = $1 and ($2::uuid is null or principal_id = $2) order by binding_id limit $3', [orgId, principalId ?? null, limit])
  return found.rows.map(({ row }) => {
    const binding = readBinding(row)
    requireMac(keys, 'role binding', macOf(row), (k) => macBinding(k, binding))
    return binding
  })
}

export const deleteBinding = async (db: Queryable, orgId: string, bindingId: string): Promise<boolean> =>
  (await db.query('delete from coffer.role_bindings where org_id = $1 and binding_id = $2', [orgId, bindingId])).count === 1

/** All policies of a kind, or those named. */
export const loadPolicies = async (db: Queryable, orgId: string, kind: PolicyKind | undefined, keys: readonly VersionedKey[]): Promise<readonly PolicyRow[]> => {
  const found = await db.query<{ row: JsonRow }>('select to_jsonb(p) as row from coffer.policies p where org_id = $1 and ($2::text is null or kind = $2) order by kind, name', [orgId, kind ?? null])
  return found.rows.map(({ row }) => {
    const policy = readPolicy(row)
    requireMac(keys, 'policy', macOf(row), (k) => macPolicy(k, policy))
    return policy
  })
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
