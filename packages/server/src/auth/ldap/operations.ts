// The contract of the ldap method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'ldap'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const text = (describe: string, max = 1024) => f.text(describe, { max })
const pem = (describe: string) => f.text(describe, { max: 65_536 })
const timeout = (describe: string) => f.duration(describe, { maxSeconds: 3600 })
const policyList = f.list('Policies', text('Policy', 256), { max: 500 })
const groupList = f.list('Groups', text('Group', 255), { max: 500 })

const shown = {
  url: text('Addresses, tried in order, with commas between them: ldap:// or ldaps://', 4096),
  starttls: f.bool('Whether a connection that begins in the clear is upgraded to TLS'),
  insecureTls: f.bool('Whether any certificate of the directory is taken'),
  tlsMinVersion: text('tls12 or tls13', 8),
  tlsMaxVersion: text('tls12 or tls13', 8),
  certificate: pem('Authorities of the directory, PEM'),
  binddn: text('Name under which users and groups are searched'),
  userdn: text('Where users are'),
  userattr: text('Attribute that names a user', 128),
  userfilter: text('Filter that finds a user: a template over .UserAttr and .Username', 4096),
  upndomain: text('Domain behind names, for userPrincipalName', 255),
  enableSamaccountnameLogin: f.bool('With upndomain: whether sAMAccountName finds a user, too'),
  discoverdn: f.bool('Whether users are searched without a name'),
  anonymousGroupSearch: f.bool('Whether groups are searched without a name'),
  denyNullBind: f.bool('Always true: an empty password is refused'),
  groupdn: text('Where groups are; empty: none are searched'),
  groupfilter: text('Filter that finds the groups of a user: a template over .UserDN and .Username', 4096),
  groupattr: text('Attribute that names a group', 128),
  useTokenGroups: f.bool('Whether groups are those of tokenGroups (Active Directory)'),
  usePre111GroupCnBehavior: f.bool('Accepted for false only'),
  caseSensitiveNames: f.bool('Whether names of users and groups are told apart by case'),
  usernameAsAlias: f.bool('Whether the name at login is the holder\'s, instead of userattr'),
  requestTimeout: timeout('For each answer'),
  connectionTimeout: timeout('For each connection'),
  dereferenceAliases: f.choice('When aliases are followed', ['never', 'finding', 'searching', 'always']),
  maxPageSize: f.int('Entries of a page; 0: not in pages', { min: -1, max: 10_000 }),
}

export const readConfig = operation({
  id: 'ldap.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read which directory is asked, and how',
  input: {}, output: { ...shown, ...tokenOutput, warnings: f.list('Warnings', text('Warning'), { max: 10 }).optional() },
})
export const writeConfig = operation({
  id: 'ldap.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say which directory is asked, and how',
  input: {
    ...allOptional(shown),
    bindpass: f.secret('Password of binddn', { max: 4096 }).optional(),
    clientTlsCert: pem('Certificate shown to the directory, PEM').optional(),
    clientTlsKey: f.secret('Its key, PEM', { max: 65_536 }).optional(),
    ...tokenFields,
  },
  output: {},
})

// Directories name groups with spaces and commas in them; the door has taken slashes and controls out.
const user = text('Name of the user', 255)
const group = text('Name of the group', 255)
const names = { keys: f.list('Names', text('Name', 255), { max: 100_000 }) }

export const listUsers = operation({ id: 'ldap.listUsers', method: 'LIST', path: '/users', tag, access: 'policy', audit: 'auth.user-list', work: 'list', errors, summary: 'List users with groups or policies of their own', input: {}, output: names })
export const readUser = operation({ id: 'ldap.readUser', method: 'GET', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-read', work: 'read', errors, summary: 'Read what a user has besides the directory\'s groups', input: { name: user }, output: { groups: text('Groups, with commas between them', 200_000), policies: policyList } })
export const writeUser = operation({ id: 'ldap.writeUser', method: 'POST', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-write', work: 'write', status: 204, errors, summary: 'Give a user groups and policies', input: { name: user, groups: groupList.optional(), policies: policyList.optional() }, output: {} })
export const deleteUser = operation({ id: 'ldap.deleteUser', method: 'DELETE', path: '/users/:name', tag, access: 'policy', audit: 'auth.user-delete', work: 'write', status: 204, errors, summary: 'Take a user\'s own groups and policies away', input: { name: user }, output: {} })

export const listGroups = operation({ id: 'ldap.listGroups', method: 'LIST', path: '/groups', tag, access: 'policy', audit: 'auth.group-list', work: 'list', errors, summary: 'List groups with policies', input: {}, output: names })
export const readGroup = operation({ id: 'ldap.readGroup', method: 'GET', path: '/groups/:name', tag, access: 'policy', audit: 'auth.group-read', work: 'read', errors, summary: 'Read the policies of a group', input: { name: group }, output: { policies: policyList } })
export const writeGroup = operation({ id: 'ldap.writeGroup', method: 'POST', path: '/groups/:name', tag, access: 'policy', audit: 'auth.group-write', work: 'write', status: 204, errors, summary: 'Give a group policies', input: { name: group, policies: policyList.optional() }, output: {} })
export const deleteGroup = operation({ id: 'ldap.deleteGroup', method: 'DELETE', path: '/groups/:name', tag, access: 'policy', audit: 'auth.group-delete', work: 'write', status: 204, errors, summary: 'Take the policies of a group away', input: { name: group }, output: {} })

export const login = operation({
  id: 'ldap.login', method: 'POST', path: '/login/:username', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with the name and password of the directory', input: { username: f.text('Name of the user', { max: 255 }), password: f.secret('Password', { max: 4096 }).optional() }, output: loginOutput,
})
