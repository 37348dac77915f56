// SQL of entities (principals, as Vault's door calls them) and of their aliases.

import type { HmacKey } from '../../../crypto/keys.ts'
import type { AliasRow, PrincipalRow } from '../../../kernel/identity.ts'
import type { Queryable } from '../../../kernel/storage.ts'
import { parseUuid } from '../../../lib/uuid.ts'
import { checkedAlias, checkedPrincipal, macAlias, macPrincipal, type JsonRow, type VersionedKey } from '../rows.ts'

type Keys = readonly VersionedKey[]
interface Row {
  readonly row: JsonRow
}

/** Ids are opaque to clients: what is none is the id of nothing. */
export const isId = (id: string): boolean => parseUuid(id) !== undefined

const principals = async (db: Queryable, where: string, values: readonly (string | number | readonly string[])[], keys: Keys): Promise<readonly PrincipalRow[]> =>
  (await db.query<Row>(`select to_jsonb(p) as row from coffer.principals p where org_id = $1 and ${where}`, values)).rows.map(({ row }) => checkedPrincipal(row, keys))

/** With a lock until the transaction ends. */
export const lockEntity = async (tx: Queryable, orgId: string, id: string, keys: Keys): Promise<PrincipalRow | undefined> =>
  isId(id) ? (await principals(tx, 'principal_id = $2 for update', [orgId, id], keys))[0] : undefined

export const findEntity = async (db: Queryable, orgId: string, id: string, keys: Keys): Promise<PrincipalRow | undefined> => (isId(id) ? (await principals(db, 'principal_id = $2', [orgId, id], keys))[0] : undefined)

/**
 * As Vault does, in any case of its letters; spelt as asked for comes first. Principals of several kinds may share a name, which entities
 * do not: people come before workloads and service accounts.
 */
export const findEntityByName = async (db: Queryable, orgId: string, name: string, keys: Keys): Promise<PrincipalRow | undefined> =>
  (await principals(db, "lower(name) = lower($2 collate \"C\") order by (name = $2) desc, array_position(array['user', 'workload', 'service_account'], kind), principal_id limit 1", [orgId, name], keys))[0]

export const listEntities = (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: Keys): Promise<readonly PrincipalRow[]> =>
  principals(db, 'principal_id > $2 order by principal_id limit $3', [orgId, after, limit], keys)

/** Which of these ids there are. */
export const existingEntities = async (db: Queryable, orgId: string, ids: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set((await db.query<{ id: string }>('select principal_id as id from coffer.principals where org_id = $1 and principal_id = any($2::uuid[])', [orgId, ids])).rows.map(({ id }) => id))

export const updatePrincipal = async (tx: Queryable, orgId: string, row: PrincipalRow, key: HmacKey): Promise<void> => {
  await tx.query('update coffer.principals set name = $3, display_name = $4, policies = $5, disabled = $6, metadata = $7, merged_ids = $8, updated_at = $9, row_version = $10, mac = $11 where org_id = $1 and principal_id = $2', [
    orgId, row.principalId, row.name, row.displayName, row.policies, row.disabled, row.metadata, row.mergedIds, new Date(row.updatedAt), row.rowVersion, macPrincipal(key, row),
  ])
}

/** With its aliases, memberships and role bindings. Its tokens must be gone. */
export const deletePrincipal = async (tx: Queryable, orgId: string, id: string): Promise<void> => {
  await tx.query('delete from coffer.principals where org_id = $1 and principal_id = $2', [orgId, id])
}

/** Deletes the tokens of a principal and whatever was made from them. Returns their ids. */
export const revokeTokensOf = async (tx: Queryable, orgId: string, principalId: string): Promise<readonly string[]> => {
  const gone = await tx.query<{ token_id: string }>(
    `with recursive tree as (
       select token_id from coffer.tokens where org_id = $1 and principal_id = $2
       union select t.token_id from coffer.tokens t join tree on t.parent_id = tree.token_id where t.org_id = $1)
     delete from coffer.tokens where org_id = $1 and token_id in (select token_id from tree) returning token_id`,
    [orgId, principalId])
  return gone.rows.map((row) => row.token_id)
}

const aliases = async (db: Queryable, where: string, values: readonly (string | number | readonly string[])[], keys: Keys): Promise<readonly AliasRow[]> =>
  (await db.query<Row>(`select to_jsonb(a) as row from coffer.principal_aliases a where org_id = $1 and ${where}`, values)).rows.map(({ row }) => checkedAlias(row, keys))

export const findAlias = async (db: Queryable, orgId: string, id: string, keys: Keys): Promise<AliasRow | undefined> => (isId(id) ? (await aliases(db, 'alias_id = $2', [orgId, id], keys))[0] : undefined)

export const findAliasByName = async (db: Queryable, orgId: string, { mountId, name }: { readonly mountId: string; readonly name: string }, keys: Keys): Promise<AliasRow | undefined> =>
  (await aliases(db, 'mount_id = $2 and name = $3', [orgId, mountId, name], keys))[0]

export const aliasesOf = (db: Queryable, orgId: string, principalIds: readonly string[], keys: Keys): Promise<readonly AliasRow[]> => aliases(db, 'principal_id = any($2::uuid[]) order by alias_id', [orgId, principalIds], keys)

export const listAliases = (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: Keys): Promise<readonly AliasRow[]> => aliases(db, 'alias_id > $2 order by alias_id limit $3', [orgId, after, limit], keys)

export const insertAlias = async (tx: Queryable, orgId: string, row: AliasRow, key: HmacKey): Promise<void> => {
  await tx.query('insert into coffer.principal_aliases (org_id, alias_id, mount_id, name, principal_id, metadata, custom_metadata, merged_from, created_at, updated_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
    orgId, row.aliasId, row.mountId, row.name, row.principalId, row.metadata, row.customMetadata, row.mergedFrom, new Date(row.createdAt), new Date(row.updatedAt), row.rowVersion, macAlias(key, row),
  ])
}

/** False: the row is no longer the version before. */
export const updateAlias = async (tx: Queryable, orgId: string, row: AliasRow, key: HmacKey): Promise<boolean> => {
  const updated = await tx.query('update coffer.principal_aliases set mount_id = $3, name = $4, principal_id = $5, metadata = $6, custom_metadata = $7, merged_from = $8, updated_at = $9, row_version = $10, mac = $11 where org_id = $1 and alias_id = $2 and row_version = $10 - 1', [
    orgId, row.aliasId, row.mountId, row.name, row.principalId, row.metadata, row.customMetadata, row.mergedFrom, new Date(row.updatedAt), row.rowVersion, macAlias(key, row),
  ])
  return updated.count === 1
}

export const deleteAlias = async (tx: Queryable, orgId: string, id: string): Promise<void> => {
  await tx.query('delete from coffer.principal_aliases where org_id = $1 and alias_id = $2', [orgId, id])
}
