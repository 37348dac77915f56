// Users: made, read, changed, and the login that checks a password.

import { authorised, INVALID_CREDENTIALS, type AuthParts, type Login, login as loginOf } from '../../kernel/auth/method.ts'
import { roleBook, markOf, roleKey, roleOfLogin, type NamedRecord } from '../../kernel/auth/roles.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings, type TokenSettings } from '../../kernel/auth/token-settings.ts'
import { reveal, type Secret } from '../../crypto/secret.ts'
import { deleteUser, listUsers, login, readUser, writePassword, writePolicies, writeUser } from './operations.ts'

interface User extends NamedRecord {
  readonly v: 1
  readonly passwordHash: string
  readonly token: TokenSettings
}

const users = collection<User>('user/')
const operations = { listUsers, readUser, writeUser, deleteUser, writePassword, writePolicies }

const noUser = (): Error => fail('not_found', 'userpass.user_not_found', 'There is no such user.')
const userMissing = (): Error => fail('invalid_request', 'userpass.user_missing', 'username does not exist', { field: 'username' })
const missingPassword = (): Error => fail('invalid_request', 'userpass.missing_password', '"password" or "password_hash" must be supplied', { field: 'password' })
const wrong = (): Error => fail('invalid_request', INVALID_CREDENTIALS, 'invalid username or password')

const hashOf = async (parts: AuthParts, password: Secret<string> | undefined): Promise<string> => {
  const text = password === undefined ? '' : reveal(password, 'to be hashed')
  if (text === '') throw missingPassword()
  return parts.passwords.hash(text)
}

export const userOperations = (parts: AuthParts): readonly Implemented[] => {
  const book = roleBook(parts, { records: users, path: 'users', none: noUser })
  return implement(operations, {
    listUsers: book.list,
    readUser: async (input, call) => showTokenSettings((await book.read(input.username, call)).token),
    writeUser: (input, call) => book.write(input.username, call, async (before, uid) => {
      const token = applyTokenFields(before?.token ?? noTokenSettings, input, input)
      return { v: 1, uid, passwordHash: before !== undefined && input.password === undefined ? before.passwordHash : await hashOf(parts, input.password), token }
    }),
    deleteUser: (input, call) => book.delete(input.username, call),
    async writePassword(input, call) {
      authorised(call, 'update', `users/${input.username}/password`)
      const passwordHash = await hashOf(parts, input.password)
      return book.change(input.username, call, (user) => ({ ...user, passwordHash }), userMissing)
    },
    async writePolicies(input, call) {
      authorised(call, 'update', `users/${input.username}/policies`)
      return book.change(input.username, call, (user) => ({ ...user, token: applyTokenFields(user.token, { tokenPolicies: input.tokenPolicies ?? input.policies ?? [] }) }), userMissing)
    },
  })
}

export const userLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => roleKey(input.username),
    async verify(input, call) {
      const username = roleKey(input.username)
      const password = input.password === undefined ? '' : reveal(input.password, 'to be compared with its hash')
      if (password === '') throw fail('invalid_request', INVALID_CREDENTIALS, 'invalid credentials')
      const found = await roleOfLogin(users, parts.store(call), username)
      // Without a user the same work is done: the time says nothing about who there is.
      if (!(await parts.passwords.verify(password, found?.passwordHash)) || found === undefined) throw wrong()
      return { alias: username, displayName: username, kind: 'user', metadata: { username }, aliasMetadata: {}, token: found.token, role: markOf(users, { name: username, uid: found.uid }) }
    },
  })
