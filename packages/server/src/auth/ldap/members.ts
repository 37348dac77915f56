// What users and groups of the directory get here besides: groups and policies of a user, policies of a group.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { cleanPolicies } from '../../kernel/auth/token-settings.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { Collection } from '../../kernel/ports/sealed-store.ts'
import { deleteGroup, deleteUser, listGroups, listUsers, readGroup, readUser, writeGroup, writeUser } from './operations.ts'
import { CONFIG, configs, defaultConfig, groups, isNameKey, nameKey, users } from './records.ts'

const noEntry = (): Error => fail('not_found', 'ldap.no_entry', 'There is no such entry.')

const keyOf = async (parts: AuthParts, call: Call, name: string): Promise<string> => {
  if (!isNameKey(name)) throw fail('invalid_request', 'ldap.bad_name', 'The name is empty or holds characters that no name has.', { field: 'name' })
  return nameKey((await configs.get(parts.store(call), CONFIG))?.value ?? defaultConfig, name)
}

const list = async <T extends object>(parts: AuthParts, call: Call, entries: Collection<T>): Promise<{ readonly keys: readonly string[] }> => {
  const keys = await entries.names(parts.store(call))
  if (keys.length === 0) throw noEntry()
  return { keys }
}

const read = async <T extends object>(parts: AuthParts, call: Call, entries: Collection<T>, name: string): Promise<T> => {
  const found = await entries.get(parts.store(call), await keyOf(parts, call, name))
  if (found === undefined) throw noEntry()
  return found.value
}

const remove = async <T extends object>(parts: AuthParts, call: Call, entries: Collection<T>, name: string): Promise<Record<string, never>> => {
  const key = await keyOf(parts, call, name)
  await parts.store(call).change((view) => entries.delete(view, key))
  return {}
}

const cleanGroups = (names: readonly string[], isCaseSensitive: boolean): readonly string[] =>
  [...new Set(names.map((each) => (isCaseSensitive ? each.trim() : each.trim().toLowerCase())))].filter((each) => each !== '').sort()

export const memberOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ listUsers, readUser, writeUser, deleteUser, listGroups, readGroup, writeGroup, deleteGroup }, {
    async listUsers(_input, call) {
      authorised(call, 'list', 'users/')
      return list(parts, call, users)
    },
    async readUser(input, call) {
      authorised(call, 'read', `users/${input.name}`)
      const user = await read(parts, call, users, input.name)
      return { groups: user.groups.join(','), policies: user.policies }
    },
    async writeUser(input, call) {
      authorised(call, 'update', `users/${input.name}`)
      const store = parts.store(call)
      const config = (await configs.get(store, CONFIG))?.value ?? defaultConfig
      const key = await keyOf(parts, call, input.name)
      // As in Vault, what is not given is emptied: a user's entry is written whole.
      await store.change((view) => users.put(view, key, { v: 1, groups: cleanGroups(input.groups ?? [], config.caseSensitive), policies: cleanPolicies(input.policies ?? []) }))
      return {}
    },
    async deleteUser(input, call) {
      authorised(call, 'delete', `users/${input.name}`)
      return remove(parts, call, users, input.name)
    },
    async listGroups(_input, call) {
      authorised(call, 'list', 'groups/')
      return list(parts, call, groups)
    },
    async readGroup(input, call) {
      authorised(call, 'read', `groups/${input.name}`)
      return { policies: (await read(parts, call, groups, input.name)).policies }
    },
    async writeGroup(input, call) {
      authorised(call, 'update', `groups/${input.name}`)
      const key = await keyOf(parts, call, input.name)
      await parts.store(call).change((view) => groups.put(view, key, { v: 1, policies: cleanPolicies(input.policies ?? []) }))
      return {}
    },
    async deleteGroup(input, call) {
      authorised(call, 'delete', `groups/${input.name}`)
      return remove(parts, call, groups, input.name)
    },
  })
