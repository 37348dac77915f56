// The contracts of leases on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const common = { tag: 'leases', access: 'policy', errors: ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] } as const
const id = f.text('Id of the lease: the path that gave it, and a random part', { max: 1024, min: 1 })

const view = {
  id,
  type: f.choice('Whether it is a token that expires, or a credential that an engine made', ['token', 'secret']),
  issuedAt: f.time('When it was made'),
  expiresAt: f.time('When it ends'),
  lastRenewedAt: f.time('When it was renewed last').nullable(),
  renewable: f.bool('Whether it can be renewed now'),
}

export const list = operation({
  ...common, id: 'leases.list', method: 'GET', path: '/api/v1/leases', audit: 'lease.list', work: 'list', summary: 'List leases below a prefix, by id',
  input: { prefix: f.text('Where they begin; all when absent', { max: 1024 }).optional(), after: f.text('Cursor of the page before', { max: 2048 }).optional(), limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100) },
  output: { items: f.list('Leases', f.object('A lease', view), { max: 500 }), next: f.text('Cursor of the next page', { max: 2048 }).optional() },
})

export const get = operation({ ...common, id: 'leases.get', method: 'GET', path: '/api/v1/leases/:id+', audit: 'lease.lookup', work: 'read', summary: 'When a lease was made and when it ends', input: { id }, output: view })

export const renew = operation({
  ...common, id: 'leases.renew', method: 'POST', path: '/api/v1/leases/:id+/renew', audit: 'lease.renew', work: 'write', summary: 'Renew a credential\'s lease; tokens renew themselves',
  input: { id, increment: f.duration('From now. Default: as it was issued', { maxSeconds: 10 * 365 * 86_400 }).default(0) },
  output: { id, expiresAt: f.time('When it ends now'), renewable: f.bool('Whether it can be renewed again'), warnings: f.list('What was not done as asked', f.text('Warning', { max: 512 }), { max: 4 }) },
})

export const revoke = operation({ ...common, id: 'leases.revoke', method: 'DELETE', path: '/api/v1/leases/:id+', audit: 'lease.revoke', work: 'write', status: 204, summary: 'End a lease: the token, or the credential with its account', input: { id }, output: {} })
