// Leases on the native door: the same service as sys/leases, and the same rights.

import type { Call, Grant, Resource } from '../../kernel/call.ts'
import { decodeCursor, encodeCursor } from '../../kernel/cursor.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import * as operations from './operations.ts'

export interface LeaseView {
  readonly id: string
  readonly type: 'token' | 'secret'
  readonly issuedAt: number
  readonly expiresAt: number
  readonly lastRenewedAt: number | undefined
  readonly renewable: boolean
}

export interface LeasesPort {
  find(call: Call, id: string): Promise<LeaseView | undefined>
  list(call: Call, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly LeaseView[]>
  renew(grant: Grant, call: Call, id: string, incrementSeconds: number): Promise<{ readonly renewable: boolean; readonly expiresAt: number; readonly warnings: readonly string[] }>
  revoke(grant: Grant, call: Call, id: string, wish: { readonly sync: boolean; readonly force: boolean }): Promise<void>
}

const resource = (path: string, more: Partial<Resource> = {}): Resource => ({ kind: 'lease', apiPath: `sys/leases/${path}`, ...more })
const iso = (ms: number): string => new Date(ms).toISOString()
const shown = ({ lastRenewedAt, ...lease }: LeaseView) => ({ ...lease, issuedAt: iso(lease.issuedAt), expiresAt: iso(lease.expiresAt), lastRenewedAt: lastRenewedAt === undefined ? null : iso(lastRenewedAt) })
const unknown = (): Error => fail('not_found', 'lease.not_found', 'There is no such lease: it has ended, or it never was.', { field: 'id' })

export const platformLeases = (port: LeasesPort): readonly Implemented[] => {
  const require = async (call: Call, id: string): Promise<LeaseView> => {
    const lease = await port.find(call, id)
    if (lease === undefined) throw unknown()
    return lease
  }
  return implement(operations, {
    async list(input, call) {
      const prefix = (input.prefix ?? '').replace(/^\/+|\/+$/g, '')
      call.authorise('list', resource(`lookup/${prefix === '' ? '' : `${prefix}/`}`, { sudo: true }))
      const after = input.after === undefined ? '' : decodeCursor('leases', input.after)
      const found = await port.list(call, prefix === '' ? '' : `${prefix}/`, { after, limit: input.limit + 1 })
      const items = found.slice(0, input.limit)
      const last = items.at(-1)
      return { items: items.map(shown), ...(found.length > input.limit && last !== undefined ? { next: encodeCursor('leases', last.id) } : {}) }
    },
    async get(input, call) {
      call.authorise('read', resource('lookup', { capability: 'update' }))
      return shown(await require(call, input.id))
    },
    async renew(input, call) {
      const grant = call.authorise('update', resource('renew'))
      await require(call, input.id)
      const { renewable, expiresAt, warnings } = await port.renew(grant, call, input.id, input.increment)
      return { id: input.id, expiresAt: iso(expiresAt), renewable, warnings }
    },
    async revoke(input, call) {
      const grant = call.authorise('delete', resource('revoke', { capability: 'update' }))
      await require(call, input.id)
      await port.revoke(grant, call, input.id, { sync: true, force: false })
      return {}
    },
  })
}
