// Which groups a principal is in: by itself, and through groups that are members of others. The database says which rows
// there are; each membership and each step from group to group is believed only under its own MAC.

import type { GroupRow } from '../../kernel/identity.ts'
import type { Queryable } from '../../kernel/storage.ts'
import { checkedGroup, edgeOf, macMember, macOf, macParent, notAsked, requireMac, rowVersionOf, type JsonRow, type VersionedKey } from './rows.ts'

export interface Membership {
  readonly direct: readonly GroupRow[]
  readonly inherited: readonly GroupRow[]
}

/** As `coffer.token_lookup` and the statement below give it. */
export interface MembershipRows {
  readonly groups: readonly { readonly group: JsonRow; readonly member: JsonRow }[]
  readonly parents: readonly { readonly group: JsonRow; readonly edge: JsonRow }[]
}

const directGroup = ({ group, member }: MembershipRows['groups'][number], principalId: string, keys: readonly VersionedKey[]): GroupRow => {
  const read = checkedGroup(group, keys)
  const { from, to } = edgeOf(member, 'principal_id', 'group_id')
  if (from !== principalId || to !== read.groupId) throw notAsked('group membership')
  requireMac(keys, 'group membership', macOf(member), (key) => macMember(key, read.groupId, principalId, rowVersionOf(member)))
  return read
}

const parentGroup = ({ group, edge }: MembershipRows['parents'][number], keys: readonly VersionedKey[]): GroupRow => {
  const read = checkedGroup(group, keys)
  const { from, to } = edgeOf(edge, 'group_id', 'parent_id')
  if (to !== read.groupId) throw notAsked('parent group')
  requireMac(keys, 'group within a group', macOf(edge), (key) => macParent(key, from, to, rowVersionOf(edge)))
  return read
}

/** @throws internal `row.integrity` */
export const checkedMembership = ({ groups, parents }: MembershipRows, principalId: string, keys: readonly VersionedKey[]): Membership => {
  const direct = groups.map((row) => directGroup(row, principalId, keys))
  const known = new Set(direct.map(({ groupId }) => groupId))
  const inherited: GroupRow[] = []
  // Only what is reached from a group that the principal is in counts; each round goes one step further, so a ring ends it.
  for (let found = true; found;) {
    found = false
    for (const row of parents) {
      const { from, to } = edgeOf(row.edge, 'group_id', 'parent_id')
      if (!known.has(from) || known.has(to)) continue
      inherited.push(parentGroup(row, keys))
      known.add(to)
      found = true
    }
  }
  return { direct, inherited }
}

/** Every group of a principal. */
export const membershipOf = async (db: Queryable, orgId: string, principalId: string, keys: readonly VersionedKey[]): Promise<Membership> => {
  const found = await db.query<MembershipRows>(
    `select
       coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'member', to_jsonb(m)) order by g.group_id) from coffer.group_members m join coffer.groups g using (org_id, group_id)
         where m.org_id = $1 and m.principal_id = $2), '[]'::jsonb) as groups,
       coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'edge', to_jsonb(e)) order by g.group_id) from coffer.group_parents e join coffer.groups g on g.org_id = e.org_id and g.group_id = e.parent_id
         where e.org_id = $1 and e.group_id in (select group_id from coffer.groups_of($1, $2))), '[]'::jsonb) as parents`,
    [orgId, principalId])
  const rows = found.rows[0]
  return rows === undefined ? { direct: [], inherited: [] } : checkedMembership(rows, principalId, keys)
}

export const allGroups = ({ direct, inherited }: Membership): readonly GroupRow[] => [...direct, ...inherited]
