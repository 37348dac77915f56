// The contracts of groups on the native door: who is in which, for policies that speak of `group:<name>`.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'access'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const group = f.name('Name of the group, or its id', 256)
const policies = f.list('ACL policies of its members', f.name('Policy'), { max: 256 })
const view = {
  id: f.text('Id', { max: 64 }),
  name: f.text('Name', { max: 512 }),
  kind: f.choice('internal: members are set here; external: an issuer names them when they log in', ['internal', 'external']),
  policies,
  members: f.list('Ids of the principals in it', f.text('Principal', { max: 64 }), { max: 100_000 }),
  memberGroups: f.list('Ids of the groups whose members are in it', f.text('Group', { max: 64 }), { max: 100_000 }).optional(),
  createdAt: f.time('When it was made'),
}
const member = f.text('Id of the principal, or its name: user:ann, service:payments-api', { max: 600, min: 1 })

export const createGroup = operation({
  id: 'groups.create', method: 'POST', path: '/api/v1/groups', tag, access: 'policy', audit: 'identity.group-write', work: 'write', status: 201,
  summary: 'Make a group', input: { name: f.name('Name'), policies: policies.optional() }, output: view, errors: [...common, 'conflict'],
})

export const listGroups = operation({
  id: 'groups.list', method: 'GET', path: '/api/v1/groups', tag, access: 'policy', audit: 'identity.group-list', work: 'list',
  summary: 'List groups', input: { after: f.text('Cursor', { max: 512 }).optional(), limit: f.int('Page size', { min: 1, max: 500 }).default(100) },
  output: { items: f.list('Groups', f.object('A group', view), { max: 500 }), next: f.text('Cursor of the next page', { max: 512 }).optional() }, errors: common,
})

export const getGroup = operation({
  id: 'groups.get', method: 'GET', path: '/api/v1/groups/:group', tag, access: 'policy', audit: 'identity.group-read', work: 'read',
  summary: 'Read a group', input: { group }, output: view, errors: common,
})

export const deleteGroup = operation({
  id: 'groups.delete', method: 'DELETE', path: '/api/v1/groups/:group', tag, access: 'policy', audit: 'identity.group-delete', work: 'write',
  summary: 'Delete a group; its members lose what it gave them', input: { group }, output: { removed: f.bool('Always true') }, errors: common,
})

export const addMember = operation({
  id: 'groups.addMember', method: 'POST', path: '/api/v1/groups/:group/members', tag, access: 'policy', audit: 'identity.group-write', work: 'write',
  summary: 'Put a principal into a group', input: { group, member }, output: { changed: f.bool('Whether it was not in it before') }, errors: [...common, 'conflict'],
})

export const removeMember = operation({
  id: 'groups.removeMember', method: 'DELETE', path: '/api/v1/groups/:group/members', tag, access: 'policy', audit: 'identity.group-write', work: 'write',
  summary: 'Take a principal out of a group', input: { group, member }, output: { changed: f.bool('Whether it was in it before') }, errors: [...common, 'conflict'],
})
