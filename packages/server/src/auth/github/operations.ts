// The contract of the github method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'github'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const text = (describe: string, max = 256) => f.text(describe, { max })
const { ttl, maxTtl } = deprecatedTokenFields

const shown = {
  organization: text('Organization that people must be in'),
  organizationId: f.int('Its number; absent: asked for by name', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  baseUrl: text('Address of the API; empty: that of github.com', 2048),
}

export const readConfig = operation({ id: 'github.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read whose members may log in', input: {}, output: { ...shown, ...tokenOutput } })
export const writeConfig = operation({
  id: 'github.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say whose members may log in',
  input: { organization: shown.organization.optional(), organizationId: shown.organizationId.optional(), baseUrl: shown.baseUrl.optional(), ...tokenFields, ttl, maxTtl }, output: {},
})

const key = f.name('Team by name or slug, or user; default: all of them')
const value = text('Policies, with commas between them', 8192)
const keys = { keys: f.list('Names', text('Name'), { max: 100_000 }) }

export const listTeams = operation({ id: 'github.listTeams', method: 'LIST', path: '/map/teams', tag, access: 'policy', audit: 'auth.group-list', work: 'list', errors, summary: 'List teams with policies', input: {}, output: keys })
export const readTeams = operation({ id: 'github.readTeams', method: 'GET', path: '/map/teams', tag, access: 'policy', audit: 'auth.group-list', work: 'list', errors, summary: 'List teams with policies', input: {}, output: keys })
export const readTeam = operation({ id: 'github.readTeam', method: 'GET', path: '/map/teams/:key', tag, access: 'policy', audit: 'auth.group-read', work: 'read', errors, summary: 'Read the policies of a team', input: { key }, output: { key: text('Name'), value } })
export const writeTeam = operation({ id: 'github.writeTeam', method: 'POST', path: '/map/teams/:key', tag, access: 'policy', audit: 'auth.group-write', work: 'write', status: 204, errors, summary: 'Give a team policies', input: { key, value: value.optional() }, output: {} })
export const deleteTeam = operation({ id: 'github.deleteTeam', method: 'DELETE', path: '/map/teams/:key', tag, access: 'policy', audit: 'auth.group-delete', work: 'write', status: 204, errors, summary: 'Take the policies of a team away', input: { key }, output: {} })

export const listUsers = operation({ id: 'github.listUsers', method: 'LIST', path: '/map/users', tag, access: 'policy', audit: 'auth.user-list', work: 'list', errors, summary: 'List users with policies', input: {}, output: keys })
export const readUsers = operation({ id: 'github.readUsers', method: 'GET', path: '/map/users', tag, access: 'policy', audit: 'auth.user-list', work: 'list', errors, summary: 'List users with policies', input: {}, output: keys })
export const readUser = operation({ id: 'github.readUser', method: 'GET', path: '/map/users/:key', tag, access: 'policy', audit: 'auth.user-read', work: 'read', errors, summary: 'Read the policies of a user', input: { key }, output: { key: text('Name'), value } })
export const writeUser = operation({ id: 'github.writeUser', method: 'POST', path: '/map/users/:key', tag, access: 'policy', audit: 'auth.user-write', work: 'write', status: 204, errors, summary: 'Give a user policies', input: { key, value: value.optional() }, output: {} })
export const deleteUser = operation({ id: 'github.deleteUser', method: 'DELETE', path: '/map/users/:key', tag, access: 'policy', audit: 'auth.user-delete', work: 'write', status: 204, errors, summary: 'Take the policies of a user away', input: { key }, output: {} })

export const login = operation({
  id: 'github.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with a personal access token', input: { token: f.secret('Personal access token', { max: 4096 }).optional() }, output: loginOutput,
})
