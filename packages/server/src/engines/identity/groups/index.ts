// Groups and their aliases.

import type { Call } from '../../../kernel/call.ts'
import { implement, type Handlers, type Implemented } from '../../../kernel/operation.ts'
import type { GroupFacts, GroupWishes, IdentityPorts } from '../../../kernel/ports/identity.ts'
import { aliasInfo, groupAliasView, iso, labels, mayDelete, mayList, mayRead, mayWrite, mountOfAlias, notThere, orNotThere, orNull, shownFor, type Shown } from '../common.ts'
import * as operations from './operations.ts'

type Handled = Handlers<typeof operations>
type OfAliases = 'writeGroupAlias' | 'writeGroupAliasById' | 'readGroupAlias' | 'deleteGroupAlias' | 'listGroupAliases'

export const groupView = (shown: Shown, { group, memberEntityIds, memberGroupIds, parentGroupIds, alias }: GroupFacts): Readonly<Record<string, unknown>> => ({
  id: group.groupId,
  name: group.name,
  type: group.kind,
  policies: orNull(group.policies),
  metadata: labels(group.metadata),
  member_entity_ids: orNull(memberEntityIds),
  member_group_ids: orNull(memberGroupIds),
  parent_group_ids: orNull(parentGroupIds),
  alias: alias === undefined ? {} : groupAliasView(shown, alias),
  namespace_id: shown.namespaceId,
  modify_index: group.rowVersion,
  creation_time: iso(group.createdAt),
  last_update_time: iso(group.updatedAt),
})

const list = async (ports: IdentityPorts, call: Call, by: 'id' | 'name') => {
  const found = orNotThere(await ports.groups.list(mayList(call, `group/${by}`), call))
  const shown = await shownFor(ports, call)
  const info = ({ group, memberEntityIds, parentGroupIds, alias }: (typeof found)[number]) =>
    ({ name: group.name, num_member_entities: memberEntityIds.length, num_parent_groups: parentGroupIds.length, ...(alias === undefined ? {} : { alias: aliasInfo(shown, alias) }) })
  // What there is to say is by id, so a list of names has none of it.
  if (by === 'name') return { keys: found.map(({ group }) => group.name) }
  return { keys: found.map(({ group }) => group.groupId), keyInfo: Object.fromEntries(found.map((each) => [each.group.groupId, info(each)])) }
}

const read = async (ports: IdentityPorts, call: Call, path: string, by: { readonly id: string } | { readonly name: string }) => {
  const found = await ports.groups.find(mayRead(call, path), call, by)
  if (found === undefined) throw notThere()
  if ('name' in by && found.group.name !== by.name) mayRead(call, `group/name/${found.group.name}`)
  return { document: groupView(await shownFor(ports, call), found) }
}

const write = async (ports: IdentityPorts, call: Call, path: string, { type, ...wishes }: Omit<GroupWishes, 'kind'> & { readonly type?: string | undefined }) => {
  const { group, made } = await ports.groups.write(mayWrite(call, path), call, { ...wishes, kind: type })
  return made ? { id: group.groupId, name: group.name } : {}
}

const aliasHandlers = (ports: IdentityPorts): Pick<Handled, OfAliases> => {
  const writeAlias = async (call: Call, path: string, { mountAccessor, ...input }: { readonly id?: string | undefined; readonly mountAccessor: string; readonly name: string; readonly canonicalId: string }) =>
    (await ports.groupAliases.write(mayWrite(call, path), call, { ...input, id: input.id, accessor: mountAccessor })) ?? {}
  return {
    writeGroupAlias: (input, call) => writeAlias(call, 'group-alias', input),
    writeGroupAliasById: (input, call) => writeAlias(call, `group-alias/id/${input.id}`, input),
    async readGroupAlias({ id }, call) {
      const found = await ports.groupAliases.find(mayRead(call, `group-alias/id/${id}`), call, id)
      if (found === undefined) throw notThere()
      const shown = await shownFor(ports, call)
      return { document: { ...groupAliasView(shown, found), custom_metadata: null, local: false, namespace_id: shown.namespaceId } }
    },
    async deleteGroupAlias({ id }, call) {
      await ports.groupAliases.delete(mayDelete(call, `group-alias/id/${id}`), call, id)
      return {}
    },
    async listGroupAliases(_input, call) {
      const found = orNotThere(await ports.groupAliases.list(mayList(call, 'group-alias/id'), call))
      const shown = await shownFor(ports, call)
      return {
        keys: found.map(({ aliasId }) => aliasId),
        keyInfo: Object.fromEntries(found.map((alias) => [alias.aliasId, { name: alias.name, canonical_id: alias.groupId, custom_metadata: null, metadata: null, local: false, ...mountOfAlias(shown, alias.mountId) }])),
      }
    },
  }
}

export const groupOperations = (ports: IdentityPorts): readonly Implemented[] =>
  implement(operations, {
    writeGroup: (input, call) => write(ports, call, 'group', input),
    writeGroupById: (input, call) => write(ports, call, `group/id/${input.id}`, input),
    writeGroupByName: (input, call) => write(ports, call, `group/name/${input.name}`, input),
    readGroupById: (input, call) => read(ports, call, `group/id/${input.id}`, input),
    readGroupByName: (input, call) => read(ports, call, `group/name/${input.name}`, input),
    async deleteGroupById(input, call) {
      await ports.groups.delete(mayDelete(call, `group/id/${input.id}`), call, input)
      return {}
    },
    async deleteGroupByName(input, call) {
      const grant = mayDelete(call, `group/name/${input.name}`)
      // Found in any case: what a policy says of the name as it is spelt counts.
      const found = await ports.groups.find(grant, call, input)
      if (found !== undefined) await ports.groups.delete(found.group.name === input.name ? grant : mayDelete(call, `group/name/${found.group.name}`), call, { id: found.group.groupId })
      return {}
    },
    listGroupsById: (_input, call) => list(ports, call, 'id'),
    listGroupsByName: (_input, call) => list(ports, call, 'name'),
    ...aliasHandlers(ports),
  })
