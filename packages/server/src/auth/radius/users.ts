// Policies of users.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { cleanPolicies } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { deleteUser, listUsers, readUser, writeUser } from './operations.ts'
import { isUserName, users } from './records.ts'

const noUser = (): Error => fail('not_found', 'radius.user_not_found', 'There is no such user.')

const checked = (name: string): string => {
  if (!isUserName(name)) throw fail('invalid_request', 'radius.bad_name', 'The name is empty or holds characters that no name has.', { field: 'name' })
  return name
}

export const userOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ listUsers, readUser, writeUser, deleteUser }, {
    async listUsers(_input, call) {
      authorised(call, 'list', 'users/')
      const keys = await users.names(parts.store(call))
      if (keys.length === 0) throw noUser()
      return { keys }
    },
    async readUser(input, call) {
      authorised(call, 'read', `users/${input.name}`)
      const found = await users.get(parts.store(call), checked(input.name))
      if (found === undefined) throw noUser()
      return { policies: found.value.policies }
    },
    async writeUser(input, call) {
      const store = parts.store(call)
      const before = await users.get(store, checked(input.name))
      authorised(call, before === undefined ? 'create' : 'update', `users/${input.name}`)
      const policies = cleanPolicies(input.policies ?? [])
      if (policies.includes('root')) throw fail('invalid_request', 'radius.root', 'root policy cannot be granted by an auth method', { field: 'policies' })
      await store.change((view) => users.put(view, input.name, { v: 1, policies }, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteUser(input, call) {
      authorised(call, 'delete', `users/${input.name}`)
      await parts.store(call).change((view) => users.delete(view, checked(input.name)))
      return {}
    },
  })
