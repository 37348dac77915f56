// sys/leases: leases found, listed, renewed and ended. Statuses and words are Vault's, because its clients match on them.

import type { Action, Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import * as operations from './operations.ts'
import type { LeasesPort } from './port.ts'

type Handled = Handlers<typeof operations>

const MOST_IRREVOCABLE = 10_000
const MORE = 'Command halted because many irrevocable leases were found. To emit the entire list, re-run the command with force set true.'

const ask = (call: Call, action: Action, path: string, sudo = false): Grant => call.authorise(action, { kind: 'lease', apiPath: `sys/${path}`, sudo })
const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })
const iso = (ms: number): string => new Date(ms).toISOString()

const requireId = ({ leaseId, named = '' }: { readonly leaseId: string; readonly named?: string }): string => {
  const id = leaseId === '' ? named : leaseId
  if (id === '') throw bad('lease.no_id', 'lease_id must be specified', 'lease_id')
  return id
}

const looking = (port: LeasesPort): Pick<Handled, 'lookupLease' | 'listLeases' | 'listLeasesBelow'> => {
  const below = async (call: Call, prefix: string) => {
    ask(call, 'list', `leases/lookup/${prefix}`, true)
    const keys = await port.children(call, prefix)
    if (keys.length === 0) throw fail('not_found', 'lease.none', 'There are no leases below this prefix.')
    return { keys }
  }
  return {
    async lookupLease(input, call) {
      call.authorise('read', { kind: 'lease', apiPath: 'sys/leases/lookup', capability: 'update' })
      const lease = await port.find(call, requireId(input))
      if (lease === undefined) throw bad('lease.invalid', 'invalid lease', 'lease_id')
      return {
        id: lease.id,
        issueTime: iso(lease.issuedAt),
        expireTime: iso(lease.expiresAt),
        lastRenewal: lease.lastRenewedAt === undefined ? null : iso(lease.lastRenewedAt),
        renewable: lease.renewable,
        ttl: Math.max(0, Math.floor((lease.expiresAt - call.now()) / 1000)),
      }
    },
    listLeases: (_input, call) => below(call, ''),
    listLeasesBelow: (input, call) => below(call, `${input.prefix}/`),
  }
}

const renewing = (port: LeasesPort): Pick<Handled, 'renewLease' | 'renewNamedLease' | 'renewLeaseOld' | 'renewNamedLeaseOld'> => {
  const renew = async (call: Call, path: string, input: { readonly leaseId: string; readonly named?: string; readonly increment: number }) => {
    const grant = ask(call, 'update', input.named === undefined ? path : `${path}/${input.named}`)
    const { id, renewable, seconds, warnings } = await port.renew(grant, call, requireId(input), input.increment)
    return { lease: { leaseId: id, renewable, leaseDuration: seconds }, ...(warnings.length === 0 ? {} : { warnings }) }
  }
  return {
    renewLease: (input, call) => renew(call, 'leases/renew', input),
    renewNamedLease: (input, call) => renew(call, 'leases/renew', input),
    renewLeaseOld: (input, call) => renew(call, 'renew', input),
    renewNamedLeaseOld: (input, call) => renew(call, 'renew', input),
  }
}

const revoking = (port: LeasesPort): Pick<Handled, 'revokeLease' | 'revokeNamedLease' | 'revokeLeaseOld' | 'revokeNamedLeaseOld' | 'revokePrefix' | 'revokePrefixOld' | 'revokeForce' | 'revokeForceOld'> => {
  const one = async (call: Call, path: string, input: { readonly leaseId: string; readonly named?: string; readonly sync: boolean }) => {
    const grant = ask(call, 'update', input.named === undefined ? path : `${path}/${input.named}`)
    const leaseId = requireId(input)
    if (!input.sync) call.accepted()
    await port.revoke(grant, call, leaseId, { sync: input.sync, force: false })
    return {}
  }
  const all = async (call: Call, path: string, input: { readonly prefix: string; readonly sync: boolean }, force: boolean) => {
    const grant = ask(call, 'update', `${path}/${input.prefix}`, true)
    if (!input.sync) call.accepted()
    await port.revokePrefix(grant, call, input.prefix, { sync: input.sync, force })
    return {}
  }
  return {
    revokeLease: (input, call) => one(call, 'leases/revoke', input),
    revokeNamedLease: (input, call) => one(call, 'leases/revoke', input),
    revokeLeaseOld: (input, call) => one(call, 'revoke', input),
    revokeNamedLeaseOld: (input, call) => one(call, 'revoke', input),
    revokePrefix: (input, call) => all(call, 'leases/revoke-prefix', input, false),
    revokePrefixOld: (input, call) => all(call, 'revoke-prefix', input, false),
    revokeForce: (input, call) => all(call, 'leases/revoke-force', { ...input, sync: true }, true),
    revokeForceOld: (input, call) => all(call, 'revoke-force', { ...input, sync: true }, true),
  }
}

const requireType = (type: string | undefined): void => {
  if (type?.toLowerCase() !== 'irrevocable') throw fail('not_found', 'lease.no_type', 'Only irrevocable leases are counted and listed here.')
}

/** How many to list, and whether that is all that may be listed. */
const limitOf = (given: string | undefined): number => {
  if (given === undefined || given === '') return MOST_IRREVOCABLE
  if (given.toLowerCase() === 'none') return 1_000_000
  if (!/^\d{1,7}$/.test(given) || Number(given) < 1) throw bad('lease.bad_limit', "limit must be 'none' or a positive integer", 'limit')
  return Math.min(Number(given), 1_000_000)
}

const counting = (port: LeasesPort): Pick<Handled, 'tidyLeases' | 'countLeases' | 'irrevocableLeases'> => ({
  async tidyLeases(_input, call) {
    await port.tidy(ask(call, 'update', 'leases/tidy'), call)
    return { warnings: ["Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."] }
  },
  async countLeases(input, call) {
    ask(call, 'read', 'leases/count')
    requireType(input.type)
    const counts = await port.countIrrevocable(call)
    return { leaseCount: counts.reduce((sum, { count }) => sum + count, 0), counts: Object.fromEntries(counts.map(({ mountAccessor, count }) => [mountAccessor, count])) }
  },
  async irrevocableLeases(input, call) {
    ask(call, 'read', 'leases', true)
    requireType(input.type)
    const limit = limitOf(input.limit)
    const found = await port.irrevocable(call, limit + 1)
    const leases = found.slice(0, limit).map(({ id, mountAccessor, error }) => ({ leaseId: id, mountId: mountAccessor, error }))
    return { leaseCount: leases.length, leases, ...(found.length > limit ? { warnings: [MORE] } : {}) }
  },
})

export const leaseOperations = (port: LeasesPort): readonly Implemented[] => implement(operations, { ...looking(port), ...renewing(port), ...revoking(port), ...counting(port) })
