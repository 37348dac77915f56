// Users: made, read, changed, and the login that checks a password.

import { authorised, INVALID_CREDENTIALS, type AuthParts, type Login, login as loginOf } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { collection, type SealedView } from '../../kernel/ports/sealed-store.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings, type TokenSettings } from '../../kernel/auth/token-settings.ts'
import { reveal, type Secret } from '../../crypto/secret.ts'
import { deleteUser, listUsers, login, readUser, writePassword, writePolicies, writeUser } from './operations.ts'

interface User {
  readonly v: 1
  readonly passwordHash: string
  readonly token: TokenSettings
}

const users = collection<User>('user/')
const operations = { listUsers, readUser, writeUser, deleteUser, writePassword, writePolicies }

const keyOf = (username: string): string => username.toLowerCase()

const noUser = (): Error => fail('not_found', 'userpass.user_not_found', 'There is no such user.')
const missingPassword = (): Error => fail('invalid_request', 'userpass.missing_password', 'missing password', { field: 'password' })
const wrong = (): Error => fail('invalid_request', INVALID_CREDENTIALS, 'invalid username or password')

const hashOf = async (parts: AuthParts, password: Secret<string> | undefined): Promise<string> => {
  const text = password === undefined ? '' : reveal(password, 'to be hashed')
  if (text === '') throw missingPassword()
  return parts.passwords.hash(text)
}

/** Changes a user that there is. Reads and writes in one step, so that two changes at once do not undo each other. */
const change = async (parts: AuthParts, call: Call, username: string, apply: (user: User) => User): Promise<void> => {
  await parts.store(call).change(async (view: SealedView) => {
    const found = await users.get(view, keyOf(username))
    if (found === undefined) throw fail('invalid_request', 'userpass.user_missing', 'username does not exist', { field: 'username' })
    await users.put(view, keyOf(username), apply(found.value), { cas: found.version })
  })
}

export const userOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async listUsers(_input, call) {
      authorised(call, 'list', 'users/')
      const keys = await users.names(parts.store(call))
      if (keys.length === 0) throw noUser()
      return { keys }
    },
    async readUser(input, call) {
      authorised(call, 'read', `users/${input.username}`)
      const found = await users.get(parts.store(call), keyOf(input.username))
      if (found === undefined) throw noUser()
      return showTokenSettings(found.value.token)
    },
    async writeUser(input, call) {
      const store = parts.store(call)
      const before = await users.get(store, keyOf(input.username))
      authorised(call, before === undefined ? 'create' : 'update', `users/${input.username}`)
      const token = applyTokenFields(before?.value.token ?? noTokenSettings, input, input)
      const passwordHash = before !== undefined && input.password === undefined ? before.value.passwordHash : await hashOf(parts, input.password)
      await store.change((view) => users.put(view, keyOf(input.username), { v: 1, passwordHash, token }, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteUser(input, call) {
      authorised(call, 'delete', `users/${input.username}`)
      await parts.store(call).change((view) => users.delete(view, keyOf(input.username)))
      return {}
    },
    async writePassword(input, call) {
      authorised(call, 'update', `users/${input.username}/password`)
      const passwordHash = await hashOf(parts, input.password)
      await change(parts, call, input.username, (user) => ({ ...user, passwordHash }))
      return {}
    },
    async writePolicies(input, call) {
      authorised(call, 'update', `users/${input.username}/policies`)
      await change(parts, call, input.username, (user) => ({ ...user, token: applyTokenFields(user.token, { tokenPolicies: input.tokenPolicies ?? input.policies ?? [] }) }))
      return {}
    },
  })

export const userLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => keyOf(input.username),
    async verify(input, call) {
      const username = keyOf(input.username)
      const password = input.password === undefined ? '' : reveal(input.password, 'to be compared with its hash')
      if (password === '') throw missingPassword()
      const found = /^[a-z0-9_][a-z0-9_.@:-]{0,127}$/.test(username) ? await users.get(parts.store(call), username) : undefined
      // Without a user the same work is done: the time says nothing about who there is.
      if (!(await parts.passwords.verify(password, found?.value.passwordHash)) || found === undefined) throw wrong()
      return { alias: username, displayName: username, kind: 'user', metadata: { username }, aliasMetadata: {}, token: found.value.token }
    },
  })
