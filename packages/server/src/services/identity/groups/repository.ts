// SQL of groups, their members, the groups that they are in, their aliases, and what logins said of groups.

import type { HmacKey } from '../../../crypto/keys.ts'
import type { GroupAliasRow, GroupRow } from '../../../kernel/identity.ts'
import type { Queryable } from '../../../kernel/storage.ts'
import { isId } from '../entities/repository.ts'
import { checkedGroup, checkedGroupAlias, checkedLogin, macGroup, macGroupAlias, macLogin, macMember, macOf, macParent, requireMac, rowVersionOf, type JsonRow, type LoginRow, type VersionedKey } from '../rows.ts'

type Keys = readonly VersionedKey[]
type Values = readonly (string | number | readonly string[])[]
interface Row {
  readonly row: JsonRow
}

const groups = async (db: Queryable, where: string, values: Values, keys: Keys): Promise<readonly GroupRow[]> =>
  (await db.query<Row>(`select to_jsonb(g) as row from coffer.groups g where org_id = $1 and ${where}`, values)).rows.map(({ row }) => checkedGroup(row, keys))

export const findGroup = async (db: Queryable, orgId: string, id: string, keys: Keys): Promise<GroupRow | undefined> => (isId(id) ? (await groups(db, 'group_id = $2', [orgId, id], keys))[0] : undefined)

export const findGroups = (db: Queryable, orgId: string, ids: readonly string[], keys: Keys): Promise<readonly GroupRow[]> => groups(db, 'group_id = any($2::uuid[])', [orgId, ids], keys)

/** One that stays until the transaction ends. */
export const holdGroup = async (tx: Queryable, orgId: string, id: string, keys: Keys): Promise<GroupRow | undefined> => (await groups(tx, 'group_id = $2 for key share', [orgId, id], keys))[0]

/** In any case of its letters; spelt as asked for comes first. */
export const findGroupByName = async (db: Queryable, orgId: string, name: string, keys: Keys): Promise<GroupRow | undefined> =>
  (await groups(db, 'lower(name) = lower($2 collate "C") order by (name = $2) desc, group_id limit 1', [orgId, name], keys))[0]

export const listGroups = (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: Keys): Promise<readonly GroupRow[]> => groups(db, 'group_id > $2 order by group_id limit $3', [orgId, after, limit], keys)

export const insertGroup = async (tx: Queryable, orgId: string, row: GroupRow, key: HmacKey): Promise<void> => {
  await tx.query('insert into coffer.groups (org_id, group_id, kind, name, policies, metadata, created_at, updated_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
    orgId, row.groupId, row.kind, row.name, row.policies, row.metadata, new Date(row.createdAt), new Date(row.updatedAt), row.rowVersion, macGroup(key, row),
  ])
}

export const updateGroup = async (tx: Queryable, orgId: string, row: GroupRow, key: HmacKey): Promise<void> => {
  await tx.query('update coffer.groups set kind = $3, name = $4, policies = $5, metadata = $6, updated_at = $7, row_version = $8, mac = $9 where org_id = $1 and group_id = $2', [
    orgId, row.groupId, row.kind, row.name, row.policies, row.metadata, new Date(row.updatedAt), row.rowVersion, macGroup(key, row),
  ])
}

/** With its members, its places in other groups, its alias and its role bindings. */
export const deleteGroup = async (tx: Queryable, orgId: string, id: string): Promise<void> => {
  await tx.query('delete from coffer.groups where org_id = $1 and group_id = $2', [orgId, id])
}

export interface Edges {
  readonly members: ReadonlyMap<string, readonly string[]>
  readonly parents: ReadonlyMap<string, readonly string[]>
}

/** Members of groups, and the groups that they are in, by the groups' ids. What was put there in SQL is an integrity error. */
export const edgesOf = async (db: Queryable, orgId: string, groupIds: readonly string[], keys: Keys): Promise<Edges> => {
  const members = await db.query<Row & { readonly group_id: string; readonly other: string }>('select to_jsonb(m) as row, group_id, principal_id as other from coffer.group_members m where org_id = $1 and group_id = any($2::uuid[]) order by group_id, principal_id', [orgId, groupIds])
  for (const { row, group_id: groupId, other } of members.rows) requireMac(keys, 'group membership', macOf(row), (key) => macMember(key, groupId, other, rowVersionOf(row)))
  return { members: byGroup(members.rows), parents: byGroup(await parentRows(db, 'group_id = any($2::uuid[])', [orgId, groupIds], keys)) }
}

interface EdgeRow extends Row {
  readonly group_id: string
  readonly other: string
}

const parentRows = async (db: Queryable, where: string, values: Values, keys: Keys): Promise<readonly EdgeRow[]> => {
  const { rows } = await db.query<EdgeRow>(`select to_jsonb(e) as row, group_id, parent_id as other from coffer.group_parents e where org_id = $1 and ${where} order by group_id, parent_id`, values)
  for (const { row, group_id: groupId, other } of rows) requireMac(keys, 'group within a group', macOf(row), (key) => macParent(key, groupId, other, rowVersionOf(row)))
  return rows
}

const byGroup = (rows: readonly Pick<EdgeRow, 'group_id' | 'other'>[]): ReadonlyMap<string, readonly string[]> => new Map([...Map.groupBy(rows, ({ group_id }) => group_id)].map(([id, edges]) => [id, edges.map(({ other }) => other)]))

/** The groups that are members of one. */
export const memberGroupsOf = async (db: Queryable, orgId: string, groupId: string, keys: Keys): Promise<readonly string[]> => (await parentRows(db, 'parent_id = $2', [orgId, groupId], keys)).map(({ group_id: id }) => id)

/** Every group below one, itself included: what it must not become a member of. */
export const groupsBelow = async (db: Queryable, orgId: string, groupId: string): Promise<ReadonlySet<string>> => {
  const { rows } = await db.query<{ id: string }>(
    `with recursive below as (select $2::uuid as id union select e.group_id from coffer.group_parents e join below on e.parent_id = below.id where e.org_id = $1) select id from below`, [orgId, groupId])
  return new Set(rows.map(({ id }) => id))
}

/** Every group that these are in, themselves included. */
export const groupsAbove = async (db: Queryable, orgId: string, groupIds: readonly string[]): Promise<readonly string[]> => {
  const { rows } = await db.query<{ id: string }>(
    `with recursive above as (select unnest($2::uuid[]) as id union select e.parent_id from coffer.group_parents e join above on e.group_id = above.id where e.org_id = $1) select id from above`, [orgId, groupIds])
  return rows.map(({ id }) => id)
}

interface MemberKey {
  readonly groupId: string
  readonly principalId: string
}

/** A member that is one already stays. False: it was. */
export const insertMember = async (tx: Queryable, orgId: string, { groupId, principalId }: MemberKey, key: HmacKey): Promise<boolean> =>
  (await tx.query('insert into coffer.group_members (org_id, group_id, principal_id, row_version, mac) values ($1, $2, $3, 1, $4) on conflict do nothing', [orgId, groupId, principalId, macMember(key, groupId, principalId, 1)])).count === 1

/** False: it was none. */
export const deleteMember = async (tx: Queryable, orgId: string, { groupId, principalId }: MemberKey): Promise<boolean> =>
  (await tx.query('delete from coffer.group_members where org_id = $1 and group_id = $2 and principal_id = $3', [orgId, groupId, principalId])).count === 1

export const insertParent = async (tx: Queryable, orgId: string, { groupId, parentId }: { readonly groupId: string; readonly parentId: string }, key: HmacKey): Promise<void> => {
  await tx.query('insert into coffer.group_parents (org_id, group_id, parent_id, row_version, mac) values ($1, $2, $3, 1, $4)', [orgId, groupId, parentId, macParent(key, groupId, parentId, 1)])
}

export const deleteParent = async (tx: Queryable, orgId: string, { groupId, parentId }: { readonly groupId: string; readonly parentId: string }): Promise<void> => {
  await tx.query('delete from coffer.group_parents where org_id = $1 and group_id = $2 and parent_id = $3', [orgId, groupId, parentId])
}

const groupAliases = async (db: Queryable, where: string, values: Values, keys: Keys): Promise<readonly GroupAliasRow[]> =>
  (await db.query<Row>(`select to_jsonb(a) as row from coffer.group_aliases a where org_id = $1 and ${where}`, values)).rows.map(({ row }) => checkedGroupAlias(row, keys))

export const findGroupAlias = async (db: Queryable, orgId: string, id: string, keys: Keys): Promise<GroupAliasRow | undefined> => (isId(id) ? (await groupAliases(db, 'alias_id = $2', [orgId, id], keys))[0] : undefined)

export const findGroupAliasByName = async (db: Queryable, orgId: string, { mountId, name }: { readonly mountId: string; readonly name: string }, keys: Keys): Promise<GroupAliasRow | undefined> =>
  (await groupAliases(db, 'mount_id = $2 and name = $3', [orgId, mountId, name], keys))[0]

export const groupAliasesNamed = (db: Queryable, orgId: string, mountId: string, names: readonly string[], keys: Keys): Promise<readonly GroupAliasRow[]> => groupAliases(db, 'mount_id = $2 and name = any($3::text[])', [orgId, mountId, names], keys)

export const groupAliasesOf = (db: Queryable, orgId: string, groupIds: readonly string[], keys: Keys): Promise<readonly GroupAliasRow[]> => groupAliases(db, 'group_id = any($2::uuid[])', [orgId, groupIds], keys)

export const listGroupAliases = (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: Keys): Promise<readonly GroupAliasRow[]> => groupAliases(db, 'alias_id > $2 order by alias_id limit $3', [orgId, after, limit], keys)

/** The mounts that a group has an alias at. */
export const fillingMounts = async (db: Queryable, orgId: string): Promise<ReadonlySet<string>> =>
  new Set((await db.query<{ mount_id: string }>('select distinct mount_id from coffer.group_aliases where org_id = $1', [orgId])).rows.map(({ mount_id: id }) => id))

/** Whom an issuer had put into a group, when it does not speak for it any more. */
export const clearMembers = async (tx: Queryable, orgId: string, groupId: string): Promise<void> => {
  await tx.query('delete from coffer.group_members where org_id = $1 and group_id = $2', [orgId, groupId])
}

/** Inserts or replaces by id. */
export const putGroupAlias = async (tx: Queryable, orgId: string, row: GroupAliasRow, key: HmacKey): Promise<void> => {
  await tx.query(
    `insert into coffer.group_aliases (org_id, alias_id, mount_id, name, group_id, created_at, updated_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (org_id, alias_id) do update set mount_id = excluded.mount_id, name = excluded.name, group_id = excluded.group_id, updated_at = excluded.updated_at, row_version = excluded.row_version, mac = excluded.mac`,
    [orgId, row.aliasId, row.mountId, row.name, row.groupId, new Date(row.createdAt), new Date(row.updatedAt), row.rowVersion, macGroupAlias(key, row)])
}

export const deleteGroupAlias = async (tx: Queryable, orgId: string, by: { readonly aliasId: string } | { readonly groupId: string }): Promise<void> => {
  const [column, id] = 'aliasId' in by ? ['alias_id', by.aliasId] : ['group_id', by.groupId]
  await tx.query(`delete from coffer.group_aliases where org_id = $1 and ${column} = $2`, [orgId, id])
}

export const insertLogin = async (tx: Queryable, orgId: string, row: LoginRow, key: HmacKey): Promise<void> => {
  await tx.query('insert into coffer.token_logins (org_id, token_id, mount_id, groups, row_version, mac) values ($1, $2, $3, $4, $5, $6)', [orgId, row.tokenId, row.mountId, row.groups, row.rowVersion, macLogin(key, row)])
}

export const findLogin = async (db: Queryable, orgId: string, tokenId: string, keys: Keys): Promise<LoginRow | undefined> => {
  const row = (await db.query<Row>('select to_jsonb(l) as row from coffer.token_logins l where org_id = $1 and token_id = $2', [orgId, tokenId])).rows[0]?.row
  return row === undefined ? undefined : checkedLogin(row, keys)
}
