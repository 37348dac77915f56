// Groups: what their members have besides what they have themselves. Members of an internal group are set here, also by way
// of other groups; those of an external one by what logins say.

import type { Call, Grant } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { GroupKind, GroupRow } from '../../../kernel/identity.ts'
import { makeUuidV7 } from '../../../crypto/random.ts'
import type { GroupFacts, GroupsPort, GroupWishes, IdentitySelector } from '../../../kernel/ports/identity.ts'
import type { Queryable } from '../../../kernel/storage.ts'
import { bad, changing, checkMetadata, checkName, cleanIdentityPolicies, everyPage, makeName, mountIdOf, type Change, type DirectoryPorts } from '../change.ts'
import { existingEntities, isId } from '../entities/repository.ts'
import { GRANTS_CHANGED } from '../grants.ts'
import { noteHolder } from '../holders.ts'
import type { VersionedKey } from '../rows.ts'
import { groupName, nobody, requireEnd, requireTurn, standingInGroup, type Standing } from '../standing.ts'
import * as repository from './repository.ts'

interface Seeking {
  readonly ports: DirectoryPorts
  readonly call: Call
  readonly db: Queryable
  readonly keys: readonly VersionedKey[]
}

const find = async (seeking: Seeking, by: IdentitySelector): Promise<GroupRow | undefined> => {
  const { call: { orgId }, db, keys } = seeking
  if ('id' in by) return repository.findGroup(db, orgId, by.id, keys)
  if ('name' in by) return repository.findGroupByName(db, orgId, by.name, keys)
  const mountId = 'aliasId' in by ? undefined : await mountIdOf(seeking, by.accessor)
  const alias = 'aliasId' in by ? await repository.findGroupAlias(db, orgId, by.aliasId, keys) : mountId === undefined ? undefined : await repository.findGroupAliasByName(db, orgId, { mountId, name: by.aliasName }, keys)
  return alias === undefined ? undefined : repository.findGroup(db, orgId, alias.groupId, keys)
}

const factsOf = async ({ call: { orgId }, db, keys }: Seeking, found: readonly GroupRow[]): Promise<readonly Omit<GroupFacts, 'memberGroupIds'>[]> => {
  const ids = found.map(({ groupId }) => groupId)
  const edges = await repository.edgesOf(db, orgId, ids, keys)
  const aliases = new Map((await repository.groupAliasesOf(db, orgId, ids, keys)).map((alias) => [alias.groupId, alias]))
  return found.map((group) => ({ group, memberEntityIds: edges.members.get(group.groupId) ?? [], parentGroupIds: edges.parents.get(group.groupId) ?? [], alias: aliases.get(group.groupId) }))
}

const kindOf = (existing: GroupRow | undefined, wanted: string | undefined): GroupKind => {
  if (existing !== undefined && wanted !== undefined && wanted !== existing.kind) throw bad('group_type', 'group type cannot be changed', 'type')
  const kind = existing?.kind ?? (wanted === undefined || wanted === '' ? 'internal' : wanted)
  if (kind !== 'internal' && kind !== 'external') throw bad('group_type', `invalid group type ${JSON.stringify(kind.slice(0, 64))}`, 'type')
  return kind
}

export const newGroup = (kind: GroupKind, at: number): GroupRow => ({ groupId: makeUuidV7(at), kind, name: makeName('group'), policies: [], metadata: {}, createdAt: at, updatedAt: at, rowVersion: 0 })

const wished = (before: GroupRow, { name = '', policies, metadata }: GroupWishes, at: number): GroupRow => ({
  ...before,
  name: name === '' ? before.name : checkName(name, 'name'),
  policies: policies === undefined ? before.policies : cleanIdentityPolicies(policies),
  metadata: metadata === undefined ? before.metadata : checkMetadata('group', metadata),
  updatedAt: at,
  rowVersion: before.rowVersion + 1,
})

/** @throws invalid_request in Vault's words: for a text that is no id, the same as for an id of nobody */
const requireEntities = async ({ call: { orgId }, tx }: Change, ids: readonly string[]): Promise<readonly string[]> => {
  const wanted = [...new Set(ids)]
  const there = await existingEntities(tx, orgId, wanted.filter(isId))
  const missing = wanted.find((id) => !there.has(id))
  if (missing !== undefined) throw bad('member_entity', `invalid entity ID ${JSON.stringify(missing.slice(0, 64))}`, 'member_entity_ids')
  return wanted
}

const setMembers = async (change: Change, group: GroupRow, ids: readonly string[]): Promise<void> => {
  const { call: { orgId }, tx, keys } = change
  const wanted = new Set(await requireEntities(change, ids))
  const current = (await repository.edgesOf(tx, orgId, [group.groupId], keys.purposeVersions('rows'))).members.get(group.groupId) ?? []
  const [gone, fresh] = [current.filter((id) => !wanted.has(id)), [...wanted].filter((id) => !current.includes(id))]
  if (gone.length + fresh.length > 0) await requireMayFill(change, group.groupId)
  for (const principalId of gone) await repository.deleteMember(tx, orgId, { groupId: group.groupId, principalId })
  for (const principalId of fresh) await repository.insertMember(tx, orgId, { groupId: group.groupId, principalId }, keys.purpose('rows'))
}

/** Whoever enters or leaves. */
const requireMayFill = async (change: Change, groupId: string): Promise<void> => requireTurn(change, nobody, await standingInGroup(change, groupId))

const setMemberGroups = async (change: Change, group: GroupRow, ids: readonly string[]): Promise<void> => {
  const { call: { orgId }, tx, keys } = change
  const versions = keys.purposeVersions('rows')
  const wanted = [...new Set(ids)]
  const current = await repository.memberGroupsOf(tx, orgId, group.groupId, versions)
  const [gone, fresh] = [current.filter((id) => !wanted.includes(id)), wanted.filter((id) => !current.includes(id))]
  if (gone.length + fresh.length > 0) await requireMayFill(change, group.groupId)
  for (const groupId of gone) await repository.deleteParent(tx, orgId, { groupId, parentId: group.groupId })
  for (const groupId of fresh) {
    if ((await repository.findGroup(tx, orgId, groupId, versions)) === undefined) throw bad('member_group', `invalid member group ID ${JSON.stringify(groupId.slice(0, 64))}`, 'member_group_ids')
    if (groupId === group.groupId) throw bad('member_group', `member group ID ${JSON.stringify(groupId)} is same as the ID of the group`, 'member_group_ids')
    if ((await repository.groupsBelow(tx, orgId, groupId)).has(group.groupId)) throw bad('group_cycle', `cyclic relationship detected for member group ID ${JSON.stringify(groupId)}`, 'member_group_ids')
    await repository.insertParent(tx, orgId, { groupId, parentId: group.groupId }, keys.purpose('rows'))
  }
}

const target = async ({ call: { orgId }, tx, keys }: Change, { id, name, isNew }: GroupWishes): Promise<GroupRow | undefined> => {
  const versions = keys.purposeVersions('rows')
  if (id === '') throw bad('group_id', 'empty group ID', 'id')
  if (id === undefined && name === '') throw bad('group_name', 'empty group name', 'name')
  if (id === undefined) {
    const found = name === undefined ? undefined : await repository.findGroupByName(tx, orgId, name, versions)
    // Whoever means `payz` must not be given the `Payz` of somebody else.
    if (found !== undefined && found.name !== name && isNew !== true) throw bad('group_taken', `group name is already in use, spelt ${JSON.stringify(found.name)}`, 'name')
    return found
  }
  const group = await repository.findGroup(tx, orgId, id, versions)
  if (group === undefined) throw bad('group_id', 'invalid group ID', 'id')
  const byName = name === undefined || name === '' ? undefined : await repository.findGroupByName(tx, orgId, name, versions)
  if (byName !== undefined && byName.groupId !== id) throw bad('group_taken', 'group name is already in use', 'name')
  return group
}

const groupNamed = (name: string | undefined): Standing => (name === undefined ? nobody : { names: [groupName(name)], bindings: [] })

const write = (ports: DirectoryPorts, grant: Grant, call: Call, wishes: GroupWishes): ReturnType<GroupsPort['write']> =>
  changing(ports, grant, call, async (change) => {
    const { tx, keys, at, note } = change
    const existing = await target(change, wishes)
    if (existing !== undefined && wishes.isNew === true) throw fail('conflict', 'group.exists', 'There is a group of this name already.', { field: 'name' })
    const kind = kindOf(existing, wishes.kind)
    const group = wished(existing ?? newGroup(kind, at), wishes, at)
    call.audit.resourceId = group.groupId
    if (kind === 'external' && wishes.memberEntityIds !== undefined) throw bad('external_members', "member entities can't be set manually for external groups", 'member_entity_ids')
    if (kind === 'external' && wishes.memberGroupIds !== undefined) throw bad('external_members', "member groups can't be set for external groups", 'member_group_ids')
    if (group.name !== existing?.name) await requireTurn(change, groupNamed(existing?.name), groupNamed(group.name))
    if (existing === undefined) await repository.insertGroup(tx, call.orgId, group, keys.purpose('rows'))
    else await repository.updateGroup(tx, call.orgId, group, keys.purpose('rows'))
    if (wishes.memberEntityIds !== undefined) await setMembers(change, group, wishes.memberEntityIds)
    if (wishes.memberGroupIds !== undefined) await setMemberGroups(change, group, wishes.memberGroupIds)
    note(GRANTS_CHANGED, group.groupId)
    if (existing === undefined) change.call.says(true)
    return { group, made: existing === undefined }
  })

const remove = (ports: DirectoryPorts, grant: Grant, call: Call, by: IdentitySelector): Promise<boolean> =>
  changing(ports, grant, call, async (change) => {
    const { tx, keys, note } = change
    const versions = keys.purposeVersions('rows')
    const group = await find({ ports, call, db: tx, keys: versions }, by)
    if (group === undefined) return false
    call.audit.resourceId = group.groupId
    await requireEnd(change, await standingInGroup(change, group.groupId))
    await repository.deleteGroup(tx, call.orgId, group.groupId)
    note(GRANTS_CHANGED, group.groupId)
    return true
  })

const changeMember = (ports: DirectoryPorts, grant: Grant, call: Call, { groupId, principalId, isMember }: Parameters<GroupsPort['changeMember']>[2]): Promise<boolean> =>
  changing(ports, grant, call, async (change) => {
    const { tx, keys, note } = change
    change.call.says(true)
    const group = await repository.findGroup(tx, call.orgId, groupId, keys.purposeVersions('rows'))
    if (group === undefined) throw fail('not_found', 'group.not_found', 'There is no such group.', { field: 'group' })
    if (group.kind === 'external') throw fail('conflict', 'group.external', 'The members of an external group are those that logins name.', { field: 'group' })
    if (isMember && !(await existingEntities(tx, call.orgId, [principalId])).has(principalId)) throw fail('not_found', 'principal.not_found', 'There is no such principal.', { field: 'member' })
    call.audit.resourceId = groupId
    call.audit.metadata = { ...call.audit.metadata, member: principalId }
    const changed = isMember ? await repository.insertMember(tx, call.orgId, { groupId, principalId }, keys.purpose('rows')) : await repository.deleteMember(tx, call.orgId, { groupId, principalId })
    if (!changed) return false
    await requireMayFill(change, groupId)
    await noteHolder(tx, call.orgId, principalId, note)
    return true
  })

export const makeGroups = (ports: DirectoryPorts): GroupsPort => ({
  async find(_grant, call, by) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return ports.database.transaction(call.orgId, async (db) => {
      const seeking = { ports, call, db, keys }
      const group = await find(seeking, by)
      const [facts] = group === undefined ? [] : await factsOf(seeking, [group])
      return facts === undefined ? undefined : { ...facts, memberGroupIds: await repository.memberGroupsOf(db, call.orgId, facts.group.groupId, keys) }
    }, { readOnly: true })
  },
  async list(_grant, call) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return everyPage((at) => ports.database.transaction(call.orgId, async (db) => factsOf({ ports, call, db, keys }, await repository.listGroups(db, call.orgId, at, keys)), { readOnly: true }), ({ group }) => group.groupId)
  },
  write: (grant, call, wishes) => write(ports, grant, call, wishes),
  delete: (grant, call, by) => remove(ports, grant, call, by),
  changeMember: (grant, call, command) => changeMember(ports, grant, call, command),
})

