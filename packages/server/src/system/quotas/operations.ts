// The contracts of sys/quotas.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'conflict', 'sealed', 'unavailable'] as const
const common = { tag: 'system', access: 'policy', errors } as const
const reading = { ...common, work: 'read' } as const
const writing = { ...common, work: 'write', status: 204, output: {} } as const
const listing = { ...common, work: 'list', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 10_000 }) } } as const

const YEAR = 366 * 86_400
const MOST = Number.MAX_SAFE_INTEGER
const name = f.name('Name of the quota')
const path = f.text('Mount, or a path below one, that may end with a star; empty: the whole organization', { max: 768 })
const role = f.text('Role of a login', { max: 256 })
const type = f.text('Type of the quota', { max: 32 })
const paths = (describe: string) => f.list(describe, f.text('Beginning of a path', { max: 768 }), { max: 1000 })
const seconds = (describe: string) => f.duration(describe, { maxSeconds: YEAR })
const count = (describe: string) => f.int(describe, { min: 0, max: MOST })
const rate = (describe: string) => f.number(describe, { min: -1e12, max: 1e12 })

export const readQuotaConfig = operation({
  ...reading, scope: 'server', id: 'system.readQuotaConfig', method: 'GET', path: '/v1/sys/quotas/config', audit: 'quota.config-read', summary: 'What rate limits leave alone, and what they say', input: {},
  output: { enableRateLimitAuditLogging: f.bool('Whether refusals are recorded'), enableRateLimitResponseHeaders: f.bool('Whether answers say what is left'), rateLimitExemptPaths: paths('Not limited in any organization'), absoluteRateLimitExemptPaths: paths('Not limited, with the organization\'s name before them') },
})
export const writeQuotaConfig = operation({
  ...writing, scope: 'server', id: 'system.writeQuotaConfig', method: 'POST', path: '/v1/sys/quotas/config', audit: 'quota.config-write', summary: 'Say what rate limits leave alone',
  input: { enableRateLimitAuditLogging: f.bool('Whether refusals are recorded').default(false), enableRateLimitResponseHeaders: f.bool('Whether answers say what is left').default(false), rateLimitExemptPaths: paths('Not limited in any organization').default([]), absoluteRateLimitExemptPaths: paths('Not limited').default([]) },
})

export const listRateLimits = operation({ ...listing, id: 'system.listRateLimits', method: 'LIST', path: '/v1/sys/quotas/rate-limit', audit: 'quota.list', summary: 'List rate limits' })
export const readRateLimit = operation({
  ...reading, id: 'system.readRateLimit', method: 'GET', path: '/v1/sys/quotas/rate-limit/:name', audit: 'quota.read', summary: 'Read a rate limit', input: { name },
  output: { type, name, path, role, rate: rate('Requests in an interval'), secondaryRate: rate('Always 0'), groupBy: f.text('What is counted together', { max: 32 }), interval: count('Seconds'), blockInterval: count('Seconds that an address is refused'), inheritable: f.bool('Whether organizations below have it, too') },
})
export const writeRateLimit = operation({
  ...writing, id: 'system.writeRateLimit', method: 'POST', path: '/v1/sys/quotas/rate-limit/:name', audit: 'quota.write', summary: 'Limit requests',
  input: {
    name, type: type.optional(), path: path.default(''), role: role.default(''), rate: rate('Requests in an interval').default(0), secondaryRate: rate('Not used').default(0), groupBy: f.text('Only ip', { max: 32 }).default('ip'),
    interval: seconds('Length of an interval; a second unless said').default(0), blockInterval: seconds('How long an address is refused that asked too often').default(0), inheritable: f.bool('Whether organizations below have it, too').optional(),
  },
})
export const deleteRateLimit = operation({ ...writing, id: 'system.deleteRateLimit', method: 'DELETE', path: '/v1/sys/quotas/rate-limit/:name', audit: 'quota.delete', summary: 'Delete a rate limit', input: { name } })

export const listLeaseCounts = operation({ ...listing, id: 'system.listLeaseCounts', method: 'LIST', path: '/v1/sys/quotas/lease-count', audit: 'quota.list', summary: 'List lease counts' })
export const readLeaseCount = operation({
  ...reading, id: 'system.readLeaseCount', method: 'GET', path: '/v1/sys/quotas/lease-count/:name', audit: 'quota.read', summary: 'Read a lease count', input: { name },
  output: { type, name, path, role, maxLeases: count('Most leases'), counter: count('Leases that there are'), inheritable: f.bool('Always false: each organization counts its own') },
})
export const writeLeaseCount = operation({
  ...writing, id: 'system.writeLeaseCount', method: 'POST', path: '/v1/sys/quotas/lease-count/:name', audit: 'quota.write', summary: 'Limit leases',
  input: { name, type: type.optional(), path: path.default(''), role: role.default(''), maxLeases: f.int('Most leases', { min: -MOST, max: MOST }).default(0), inheritable: f.bool('Accepted: each organization counts its own').optional() },
})
export const deleteLeaseCount = operation({ ...writing, id: 'system.deleteLeaseCount', method: 'DELETE', path: '/v1/sys/quotas/lease-count/:name', audit: 'quota.delete', summary: 'Delete a lease count', input: { name } })
