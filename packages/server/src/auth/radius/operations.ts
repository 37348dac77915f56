// The contract of the radius method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { policyNames, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'radius'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const text = (describe: string, max = 255) => f.text(describe, { max })
const timeout = (describe: string) => f.duration(describe, { maxSeconds: 300 })

const shown = {
  host: text('Host of the server'),
  port: f.int('Port of the server', { min: 1, max: 65_535 }),
  unregisteredUserPolicies: policyNames('Policies of whoever has no entry here'),
  dialTimeout: timeout('Accepted: UDP makes no connection'),
  readTimeout: timeout('For the answer'),
  nasPort: f.int('NAS-Port of requests', { min: 0, max: 2 ** 32 - 1 }),
  nasIdentifier: text('NAS-Identifier of requests; empty: none', 253),
}

export const readConfig = operation({ id: 'radius.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read which server is asked', input: {}, output: { ...shown, ...tokenOutput } })
export const writeConfig = operation({
  id: 'radius.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say which server is asked',
  input: {
    ...allOptional(shown),
    secret: f.secret('Secret shared with the server', { max: 1024 }).optional(),
    ...tokenFields,
  },
  output: {},
})

const name = text('Name of the user', 253)
const policies = policyNames('Policies of the user')

export const listUsers = operation({ id: 'radius.listUsers', method: 'LIST', path: '/users', tag, access: 'policy', audit: 'auth.user-list', work: 'list', errors, summary: 'List users with policies of their own', input: {}, output: { keys: f.list('Names', text('Name'), { max: 100_000 }) } })
export const readUser = operation({ id: 'radius.readUser', method: 'GET', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-read', work: 'read', errors, summary: 'Read the policies of a user', input: { name }, output: { policies } })
export const writeUser = operation({ id: 'radius.writeUser', method: 'POST', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-write', work: 'write', status: 204, errors, summary: 'Give a user policies', input: { name, policies: policies.optional() }, output: {} })
export const deleteUser = operation({ id: 'radius.deleteUser', method: 'DELETE', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-delete', work: 'write', status: 204, errors, summary: 'Take the policies of a user away', input: { name }, output: {} })

const password = f.secret('Password', { max: 1024 }).optional()
export const login = operation({ id: 'radius.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors, summary: 'Log in with a name and a password', input: { username: name.optional(), password }, output: loginOutput })
export const loginAs = operation({ id: 'radius.loginAs', method: 'POST', path: '/login/:urlusername', tag, access: 'public', audit: 'auth.login', work: 'login', errors, summary: 'Log in with a name and a password', input: { urlusername: name, username: name.optional(), password }, output: loginOutput })
