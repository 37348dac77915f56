// The contracts of organizations (namespaces) on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'organizations'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const
const view = { id: f.text('Id', { max: 40 }), slug: f.text('Name in paths and in X-Vault-Namespace', { max: 63 }), name: f.text('Name for people', { max: 128 }), state: f.text('active, suspended, ...', { max: 16 }), createdAt: f.time('When it was made') }

export const create = operation({
  id: 'organizations.create', method: 'POST', path: '/api/v1/organizations', tag, access: 'policy', audit: 'organization.create', work: 'write', status: 201,
  summary: 'Make an organization with keys of its own, a default project, and an owner token that is shown once',
  input: { slug: f.slug('Name in paths'), name: f.text('Name for people', { max: 128 }).optional() },
  output: { ...view, token: f.secret('Owner token of the new organization, shown this once', { max: 256 }) }, errors: [...common, 'conflict'],
})

export const shred = operation({
  id: 'organizations.shred', method: 'DELETE', path: '/api/v1/organizations/:slug', tag, access: 'policy', audit: 'organization.shred', work: 'write',
  summary: 'Destroy the keys of an organization for good, and with them all that it stored; its audit record stays',
  input: { slug: f.slug('Name in paths'), confirm: f.slug('The same name once more') },
  output: { shredded: f.bool('Always true'), live: f.text('What happened to the data in the database', { max: 512 }), backups: f.text('When copies elsewhere are beyond reach, too', { max: 512 }) }, errors: [...common, 'not_found', 'conflict'],
})

export const list = operation({
  id: 'organizations.list', method: 'GET', path: '/api/v1/organizations', tag, access: 'policy', audit: 'organization.list', work: 'list',
  summary: 'List the organizations below this one', input: { after: f.text('Cursor of the page before', { max: 2048 }).optional(), limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100) },
  output: { items: f.list('Organizations', f.object('An organization', view), { max: 500 }), next: f.text('Cursor of the next page', { max: 2048 }).optional() }, errors: common,
})

const moving = { tag, access: 'policy', work: 'write', input: { slug: f.slug('Name in paths') }, output: view, errors: [...common, 'not_found', 'conflict'] } as const

export const suspend = operation({
  ...moving, id: 'organizations.suspend', method: 'POST', path: '/api/v1/organizations/:slug/suspend', audit: 'organization.suspend',
  summary: 'Take an organization, and all below it, out of use: no token of it works until it is resumed; nothing is lost',
})

export const resume = operation({
  ...moving, id: 'organizations.resume', method: 'POST', path: '/api/v1/organizations/:slug/resume', audit: 'organization.resume',
  summary: 'Take a suspended organization back into use, as it was',
})
