// Handlers of groups. They are the same groups as identity/group's of the Vault-compatible door, and ask the same policies.

import type { Call, Resource } from '../../kernel/call.ts'
import { decodeCursorUuid, encodeCursor } from '../../kernel/cursor.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { formatId, parseId } from '../../kernel/ids.ts'
import type { PrincipalKind } from '../../kernel/identity.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { GroupFacts, IdentityPorts, IdentitySelector } from '../../kernel/ports/identity.ts'
import * as operations from './operations.ts'

type Ports = Pick<IdentityPorts, 'groups' | 'entities'>

const NO_UUID = '00000000-0000-0000-0000-000000000000'
const resource = (path: string): Resource => ({ kind: 'identity', apiPath: `identity/group/${path}` })

const view = ({ group, memberEntityIds, memberGroupIds }: Omit<GroupFacts, 'memberGroupIds'> & Partial<Pick<GroupFacts, 'memberGroupIds'>>) => ({
  id: formatId('group', group.groupId),
  name: group.name,
  kind: group.kind,
  policies: group.policies,
  members: memberEntityIds.map((id) => formatId('principal', id)),
  ...(memberGroupIds === undefined ? {} : { memberGroups: memberGroupIds.map((id) => formatId('group', id)) }),
  createdAt: new Date(group.createdAt).toISOString(),
})

/** By id, else by name; the policy is asked by the one that the caller said. */
const named = (given: string): { readonly by: IdentitySelector; readonly path: string } => {
  const id = parseId('group', given)
  return id === undefined ? { by: { name: given }, path: `name/${given}` } : { by: { id }, path: `id/${id}` }
}

const notThere = (given: string): Error => fail('not_found', 'group.not_found', `There is no group ${quote(given)}.`, { field: 'group' })

const kinds: Readonly<Record<string, PrincipalKind>> = { user: 'user', service: 'service_account', workload: 'workload' }

/** @throws invalid_request, not_found */
const memberSelector = (given: string): IdentitySelector => {
  const id = parseId('principal', given)
  if (id !== undefined) return { id }
  const colon = given.indexOf(':')
  const word = given.slice(0, Math.max(colon, 0))
  const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined
  if (kind === undefined || colon === given.length - 1) throw fail('invalid_request', 'group.bad_member', 'Name the member by its id, or as user:NAME, service:NAME or workload:NAME.', { field: 'member' })
  return { name: given.slice(colon + 1), kind }
}

const changeMember = async (ports: Ports, call: Call, { group, member }: { readonly group: string; readonly member: string }, isMember: boolean) => {
  const { by, path } = named(group)
  const grant = call.authorise('administer', resource(path))
  const found = await ports.groups.find(grant, call, by)
  if (found === undefined) throw notThere(group)
  if ('name' in by && found.group.name !== by.name) call.authorise('administer', resource(`name/${found.group.name}`))
  const holder = await ports.entities.find(grant, call, memberSelector(member))
  if (holder === undefined) throw fail('not_found', 'principal.not_found', `There is no principal ${quote(member)}.`, { field: 'member' })
  return { changed: await ports.groups.changeMember(grant, call, { groupId: found.group.groupId, principalId: holder.entity.principalId, isMember }) }
}

export const platformGroups = (ports: Ports): readonly Implemented[] =>
  implement(operations, {
    async createGroup(input, call) {
      const { group } = await ports.groups.write(call.authorise('administer', resource(`name/${input.name}`)), call, { name: input.name, policies: input.policies ?? [], isNew: true })
      return view({ group, memberEntityIds: [], memberGroupIds: [], parentGroupIds: [], alias: undefined })
    },
    async listGroups(input, call) {
      const after = input.after === undefined ? NO_UUID : decodeCursorUuid('groups', input.after)
      const found = (await ports.groups.list(call.authorise('list', resource('id/')), call)).filter(({ group }) => group.groupId > after)
      const shown = found.slice(0, input.limit)
      const last = shown[shown.length - 1]
      return { items: shown.map(view), ...(found.length > input.limit && last !== undefined ? { next: encodeCursor('groups', last.group.groupId) } : {}) }
    },
    async getGroup(input, call) {
      const { by, path } = named(input.group)
      const found = await ports.groups.find(call.authorise('read', resource(path)), call, by)
      if (found === undefined) throw notThere(input.group)
      if ('name' in by && found.group.name !== by.name) call.authorise('read', resource(`name/${found.group.name}`))
      return view(found)
    },
    async deleteGroup(input, call) {
      const { by, path } = named(input.group)
      const grant = call.authorise('delete', resource(path))
      const found = await ports.groups.find(grant, call, by)
      if (found !== undefined && 'name' in by && found.group.name !== by.name) call.authorise('delete', resource(`name/${found.group.name}`))
      if (found === undefined || !(await ports.groups.delete(grant, call, { id: found.group.groupId }))) throw notThere(input.group)
      return { removed: true }
    },
    addMember: (input, call) => changeMember(ports, call, input, true),
    removeMember: (input, call) => changeMember(ports, call, input, false),
  })
