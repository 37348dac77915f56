// Contracts of operations on the server itself.

import { f } from '../kernel/fields.ts'
import { operation } from '../kernel/operation.ts'

const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const

export const seal = operation({
  id: 'system.seal', method: 'PUT', path: '/v1/sys/seal', tag: 'system', access: 'policy', audit: 'system.seal', work: 'write', status: 204,
  summary: 'Seal the server: every worker is replaced by one that never saw a key', input: {}, output: {}, errors: common,
})

export const doctor = operation({
  id: 'system.doctor', method: 'GET', path: '/api/v1/system/doctor', tag: 'system', access: 'policy', audit: 'system.doctor', work: 'list',
  summary: 'Check the installation: database, audit spool, clocks, key file', input: {},
  output: { checks: f.list('Checks', f.object('A check', { name: f.text('What', { max: 64 }), state: f.choice('ok, warning or problem', ['ok', 'warning', 'problem']), message: f.text('What was found and what to do', { max: 1024 }) }), { max: 100 }) },
  errors: common,
})

/** A path that no mount handles: who may not know that is refused as for any other path. */
export const unknownPath = operation({
  id: 'vault.unknownPath', method: 'GET', path: '/v1/:path+', tag: 'system', access: 'policy', audit: 'vault.unknown-path', work: 'read',
  summary: 'Answer for a path below no mount', input: { path: f.text('Path', { max: 8192 }) }, output: {}, errors: [...common, 'not_found'],
})
