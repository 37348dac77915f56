// The contract of the userpass method, as Vault has it.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'
import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, policyNames, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'

const tag = 'userpass'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const username = f.name('Name of the user')
const password = f.secret('Password', { max: 4096 })
const { policies, ttl, maxTtl, boundCidrs } = deprecatedTokenFields

export const listUsers = operation({
  id: 'userpass.listUsers', method: 'LIST', path: '/users', tag, access: 'policy', audit: 'auth.user-list', work: 'list', errors,
  summary: 'List users', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 100_000 }) },
})
export const readUser = operation({
  id: 'userpass.readUser', method: 'GET', path: '/users/:username', tag, access: 'policy', audit: 'auth.user-read', work: 'read', errors,
  summary: 'Read the settings of a user', input: { username }, output: tokenOutput,
})
export const writeUser = operation({
  id: 'userpass.writeUser', method: 'POST', path: '/users/:username', tag, access: 'policy', audit: 'auth.user-write', work: 'write', status: 204, errors,
  summary: 'Make or change a user', input: { username, password: password.optional(), ...tokenFields, policies, ttl, maxTtl, boundCidrs }, output: {},
})
export const deleteUser = operation({
  id: 'userpass.deleteUser', method: 'DELETE', path: '/users/:username', tag, access: 'policy', audit: 'auth.user-delete', work: 'write', status: 204, errors,
  summary: 'Delete a user', input: { username }, output: {},
})
export const writePassword = operation({
  id: 'userpass.writePassword', method: 'POST', path: '/users/:username/password', tag, access: 'policy', audit: 'auth.user-password', work: 'write', status: 204, errors,
  summary: 'Change the password of a user', input: { username, password: password.optional() }, output: {},
})
export const writePolicies = operation({
  id: 'userpass.writePolicies', method: 'POST', path: '/users/:username/policies', tag, access: 'policy', audit: 'auth.user-policies', work: 'write', status: 204, errors,
  summary: 'Change the policies of a user\'s tokens', input: { username, tokenPolicies: policyNames('Policies').optional(), policies }, output: {},
})
export const login = operation({
  id: 'userpass.login', method: 'POST', path: '/login/:username', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with a name and a password', input: { username: f.text('Name of the user', { max: 255 }), password: password.optional() }, output: loginOutput,
})
