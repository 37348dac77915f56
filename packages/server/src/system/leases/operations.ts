// The contracts of sys/leases, and of the paths that it had before.

import { f } from '../../kernel/fields.ts'
import { leased } from '../../kernel/ports/lease.ts'
import { operation } from '../../kernel/operation.ts'

const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag: 'system', access: 'policy', errors } as const
const reading = { ...common, work: 'read' } as const
const writing = { ...common, work: 'write' } as const
const listing = { ...common, work: 'list' } as const

const MOST = 1_000_000
const id = f.text('Id of the lease', { max: 1024 })
const prefix = f.text('Where the leases begin', { max: 1024 })
const leaseId = id.default('')
const increment = f.duration('How much longer it is to live, from now', { maxSeconds: 10 * 365 * 86_400 }).default(0)
const sync = f.bool('Whether to wait until it has ended').default(true)
const keys = { keys: f.list('Names; folders end with a slash', f.text('Name', { max: 1024 }), { max: MOST }) }
const warnings = { warnings: f.list('Warnings', f.text('Warning', { max: 512 }), { max: 4 }).optional() }
const renewed = { ...leased, ...warnings }
const type = f.text('Kind of leases; only irrevocable', { max: 64 }).optional()
const includeChildNamespaces = f.bool('Accepted: leases of other organizations are never told').optional()
const limit = f.text('Most leases, or none', { max: 32 }).optional()

export const lookupLease = operation({
  ...reading, id: 'system.lookupLease', method: 'POST', path: '/v1/sys/leases/lookup', audit: 'lease.lookup', summary: 'When a lease was made and when it ends',
  input: { leaseId },
  output: {
    id, issueTime: f.text('When it was made', { max: 64 }), expireTime: f.text('When it ends', { max: 64 }).nullable(), lastRenewal: f.text('When it was renewed last', { max: 64 }).nullable(),
    renewable: f.bool('Whether it can be renewed'), ttl: f.int('Seconds that are left', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  },
})
export const listLeases = operation({ ...listing, id: 'system.listLeases', method: 'LIST', path: '/v1/sys/leases/lookup', audit: 'lease.list', summary: 'Where there are leases', input: {}, output: keys })
export const listLeasesBelow = operation({ ...listing, id: 'system.listLeasesBelow', method: 'LIST', path: '/v1/sys/leases/lookup/:prefix+', audit: 'lease.list', summary: 'The leases directly below a prefix', input: { prefix }, output: keys })

const renewing = { ...writing, audit: 'lease.renew', summary: 'Renew a lease', output: renewed } as const
export const renewLease = operation({ ...renewing, id: 'system.renewLease', method: 'POST', path: '/v1/sys/leases/renew', input: { leaseId, increment } })
export const renewNamedLease = operation({ ...renewing, id: 'system.renewNamedLease', method: 'POST', path: '/v1/sys/leases/renew/:named+', input: { named: id, leaseId, increment } })
export const renewLeaseOld = operation({ ...renewing, id: 'system.renewLeaseOld', method: 'POST', path: '/v1/sys/renew', input: { leaseId, increment } })
export const renewNamedLeaseOld = operation({ ...renewing, id: 'system.renewNamedLeaseOld', method: 'POST', path: '/v1/sys/renew/:named+', input: { named: id, leaseId, increment } })

const revoking = { ...writing, audit: 'lease.revoke', status: 204, output: {}, summary: 'End a lease' } as const
export const revokeLease = operation({ ...revoking, id: 'system.revokeLease', method: 'POST', path: '/v1/sys/leases/revoke', input: { leaseId, sync } })
export const revokeNamedLease = operation({ ...revoking, id: 'system.revokeNamedLease', method: 'POST', path: '/v1/sys/leases/revoke/:named+', input: { named: id, leaseId, sync } })
export const revokeLeaseOld = operation({ ...revoking, id: 'system.revokeLeaseOld', method: 'POST', path: '/v1/sys/revoke', input: { leaseId, sync } })
export const revokeNamedLeaseOld = operation({ ...revoking, id: 'system.revokeNamedLeaseOld', method: 'POST', path: '/v1/sys/revoke/:named+', input: { named: id, leaseId, sync } })

const byPrefix = { ...revoking, audit: 'lease.revoke-prefix', summary: 'End every lease below a prefix' } as const
export const revokePrefix = operation({ ...byPrefix, id: 'system.revokePrefix', method: 'POST', path: '/v1/sys/leases/revoke-prefix/:prefix+', input: { prefix, sync } })
export const revokePrefixOld = operation({ ...byPrefix, id: 'system.revokePrefixOld', method: 'POST', path: '/v1/sys/revoke-prefix/:prefix+', input: { prefix, sync } })
const byForce = { ...revoking, audit: 'lease.revoke-force', summary: 'Forget every lease below a prefix, also where the engine fails to end it' } as const
export const revokeForce = operation({ ...byForce, id: 'system.revokeForce', method: 'POST', path: '/v1/sys/leases/revoke-force/:prefix+', input: { prefix } })
export const revokeForceOld = operation({ ...byForce, id: 'system.revokeForceOld', method: 'POST', path: '/v1/sys/revoke-force/:prefix+', input: { prefix } })

export const tidyLeases = operation({ ...writing, id: 'system.tidyLeases', method: 'POST', path: '/v1/sys/leases/tidy', audit: 'lease.tidy', status: 202, summary: 'End leases whose token is gone', input: {}, output: warnings })
export const countLeases = operation({
  ...listing, id: 'system.countLeases', method: 'GET', path: '/v1/sys/leases/count', audit: 'lease.count', summary: 'How many leases cannot be revoked', input: { type, includeChildNamespaces },
  output: { leaseCount: f.int('All of them', { min: 0, max: Number.MAX_SAFE_INTEGER }), counts: f.map('By accessor of the mount', f.int('Leases', { min: 0, max: Number.MAX_SAFE_INTEGER }), { max: MOST }) },
})
export const irrevocableLeases = operation({
  ...listing, id: 'system.irrevocableLeases', method: 'GET', path: '/v1/sys/leases', audit: 'lease.list-irrevocable', summary: 'Leases that cannot be revoked', input: { type, includeChildNamespaces, limit },
  output: {
    leaseCount: f.int('How many are listed', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    leases: f.list('Leases', f.object('A lease', { leaseId: id, mountId: f.text('Accessor of the mount', { max: 128 }), error: f.text('What went wrong last', { max: 512 }) }), { max: MOST }), ...warnings,
  },
})
