// Aliases of external groups: the name by which an issuer behind an auth mount knows one.

import type { Call, Grant } from '../../../kernel/call.ts'
import type { GroupAliasRow, GroupRow } from '../../../kernel/identity.ts'
import { makeUuidV7 } from '../../../crypto/random.ts'
import type { AliasAnswer, GroupAliasesPort } from '../../../kernel/ports/identity.ts'
import { bad, changing, checkName, everyPage, requireMount, type Change, type DirectoryPorts } from '../change.ts'
import { GRANTS_CHANGED } from '../grants.ts'
import { nobody, requireTurn, standingInGroup } from '../standing.ts'
import { newGroup } from './groups.ts'
import * as repository from './repository.ts'

type Wishes = Parameters<GroupAliasesPort['write']>[2]

const wantedGroup = async ({ call: { orgId }, tx, keys }: Change, canonicalId: string): Promise<GroupRow | undefined> => {
  if (canonicalId === '') return undefined
  const group = await repository.findGroup(tx, orgId, canonicalId, keys.purposeVersions('rows'))
  if (group === undefined) throw bad('canonical_id', "invalid group ID given in 'canonical_id'", 'canonical_id')
  if (group.kind !== 'external') throw bad('internal_group', "alias can't be set on an internal group", 'canonical_id')
  return group
}

const madeGroup = async ({ call: { orgId }, tx, keys, at }: Change): Promise<GroupRow> => {
  const group = { ...newGroup('external', at), rowVersion: 1 }
  await repository.insertGroup(tx, orgId, group, keys.purpose('rows'))
  return group
}

const apply = async (change: Change, existing: GroupAliasRow | undefined, { name, accessor, canonicalId }: Wishes): Promise<AliasAnswer | undefined> => {
  const { call: { orgId }, tx, keys, at, note } = change
  const versions = keys.purposeVersions('rows')
  if (name === '') throw bad('alias_name', 'missing alias name', 'name')
  if (accessor === '') throw bad('alias_accessor', 'missing mount_accessor', 'mount_accessor')
  const wanted = await wantedGroup(change, canonicalId)
  const mountId = await requireMount(change, accessor)
  if (existing?.name === name && existing.mountId === mountId && (canonicalId === '' || canonicalId === existing.groupId)) return undefined
  const taken = await repository.findGroupAliasByName(tx, orgId, { mountId, name }, versions)
  if (taken !== undefined && taken.aliasId !== existing?.aliasId) throw bad('alias_taken', 'combination of mount and group alias name is already in use', 'name')
  const group = wanted ?? (existing === undefined ? await madeGroup(change) : undefined)
  const groupId = group?.groupId ?? existing?.groupId ?? ''
  const emptied = new Set([groupId, existing?.groupId ?? groupId])
  // Whoever was in leaves, and whom the issuer puts in from now on enters.
  for (const each of emptied) await requireTurn(change, nobody, await standingInGroup(change, each))
  // A group has one alias: a new one takes the place of what it had.
  if (groupId !== existing?.groupId) await repository.deleteGroupAlias(tx, orgId, { groupId })
  // Whom another name or issuer had put into a group is put there by nobody now; who is named under the new one comes by logging in.
  for (const left of emptied) await repository.clearMembers(tx, orgId, left)
  const alias: GroupAliasRow = { aliasId: existing?.aliasId ?? makeUuidV7(at), mountId, name: checkName(name, 'name'), groupId, createdAt: existing?.createdAt ?? at, updatedAt: at, rowVersion: (existing?.rowVersion ?? 0) + 1 }
  await repository.putGroupAlias(tx, orgId, alias, keys.purpose('rows'))
  note(GRANTS_CHANGED, groupId)
  change.call.says(true)
  change.call.audit.resourceId = alias.aliasId
  return { id: alias.aliasId, canonicalId: groupId }
}

const write = (ports: DirectoryPorts, grant: Grant, call: Call, wishes: Wishes): Promise<AliasAnswer | undefined> =>
  changing(ports, grant, call, async (change) => {
    if (wishes.id === undefined) return apply(change, undefined, wishes)
    if (wishes.id === '') throw bad('alias_id', 'empty group alias ID', 'id')
    const existing = await repository.findGroupAlias(change.tx, call.orgId, wishes.id, change.keys.purposeVersions('rows'))
    if (existing === undefined) throw bad('alias_id', 'invalid group alias ID', 'id')
    return apply(change, existing, wishes)
  })

export const makeGroupAliases = (ports: DirectoryPorts): GroupAliasesPort => ({
  async find(_grant, call, id) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return ports.database.transaction(call.orgId, (db) => repository.findGroupAlias(db, call.orgId, id, keys), { readOnly: true })
  },
  async list(_grant, call) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return everyPage((at) => ports.database.transaction(call.orgId, (db) => repository.listGroupAliases(db, call.orgId, at, keys), { readOnly: true }), ({ aliasId }) => aliasId)
  },
  write: (grant, call, wishes) => write(ports, grant, call, wishes),
  delete: (grant, call, id) =>
    changing(ports, grant, call, async (change) => {
      const { tx, keys, note } = change
      const alias = await repository.findGroupAlias(tx, call.orgId, id, keys.purposeVersions('rows'))
      if (alias === undefined) return
      call.audit.resourceId = alias.aliasId
      await requireTurn(change, await standingInGroup(change, alias.groupId), nobody)
      await repository.deleteGroupAlias(tx, call.orgId, { aliasId: id })
      await repository.clearMembers(tx, call.orgId, alias.groupId)
      note(GRANTS_CHANGED, alias.groupId)
    }),
})
