// Leases wired together: those of engines (services/leases) and those that service tokens are (services/identity), which
// clients see as one.

import type { Entries } from '../../barrier/entries.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { eventTypeOf } from '../../kernel/audit.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { engineOf, type Engine } from '../../kernel/engine.ts'
import { fail } from '../../kernel/errors.ts'
import { durable } from '../../request/recording.ts'
import type { IssuePorts } from '../../services/identity/issue.ts'
import { revokeById } from '../../services/identity/store.ts'
import { findLeased, listLeased, parseTokenLease, revokeLeased } from '../../services/identity/token-leases.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import { accessorOf } from '../../kernel/tenancy.ts'
import * as holding from '../../services/leases/holding.ts'
import { usualTiming, type LeasePorts } from '../../services/leases/ports.ts'
import * as repository from '../../services/leases/repository.ts'
import type { LeaseRow } from '../../services/leases/rows.ts'
import { limitsOf } from '../../services/tenancy/auth-mounts.ts'
import { findEver } from '../../services/tenancy/mounts.ts'
import type { TenancyPorts } from '../../services/tenancy/service.ts'
import type { LeasesPort, LeaseView, RevokeWish } from '../../system/leases/port.ts'
import type { DomainParts } from '../domain.ts'
import { areas } from './state.ts'

export interface LeaseSources {
  readonly parts: DomainParts
  readonly entries: Entries
  readonly tenancy: TenancyPorts
  readonly engines: readonly Engine[]
  shortIdOf(orgId: string): Promise<string | undefined>
}

export const makeLeasePorts = ({ parts, entries, tenancy, engines, shortIdOf }: LeaseSources): LeasePorts => {
  const { pools, keyring, journal, freshness } = parts
  const kinds = new Map(engines.map((engine) => [engine.type, engine.leases ?? {}]))
  const place = (orgId: string) => ({ orgId, mountId: areas.leases })
  return {
    database: pools.app,
    keys: (orgId) => keyring.organization(orgId),
    shortIdOf,
    notes: {
      put: async (tx, orgId, leaseId, internal) => void (await entries.within(tx).view(place(orgId)).put(leaseId, internal, { cas: 0 })),
      get: async (orgId, leaseId) => (await entries.view(place(orgId)).get(leaseId))?.value,
      delete: async (tx, orgId, leaseId) => void (await entries.within(tx).view(place(orgId)).delete(leaseId)),
    },
    state: (orgId, mountId) => entries.view({ orgId, mountId }),
    mountOf: (orgId, mountId) => findEver(tenancy, orgId, mountId),
    kindOf: (mount, kind) => kinds.get(engineOf(mount))?.[kind],
    limitsOf,
    now: () => freshness.databaseNow(),
    async record(orgId, { action, leaseId, name, mount, errorCode }) {
      const at = Math.trunc(freshness.databaseNow())
      await durable(journal, [journal.encode({
        id: makeUuidV7(at), at, orgId, eventType: eventTypeOf(action), action, actorType: 'system', requestId: `req_${makeUuidV7(at)}`, door: 'queue', decision: 'ALLOW', status: errorCode === undefined ? 204 : 502,
        path: name, resourceType: 'lease', resourceId: leaseId, errorCode, ...(mount === '' ? {} : { metadata: { mount } }),
      })], [])
    },
    timing: usualTiming,
  }
}

interface Named {
  /** Without the organization's short id. */
  readonly name: string
  withId(name: string): string
}

/** Leases of another organization are as unknown as those that never were. */
const nameOf = async (ports: LeasePorts, orgId: string, id: string): Promise<Named | undefined> => {
  const shortId = await ports.shortIdOf(orgId)
  if (shortId === undefined) return { name: id, withId: (name) => name }
  const end = `.${shortId}`
  return id.endsWith(end) ? { name: id.slice(0, -end.length), withId: (name) => name + end } : undefined
}

const viewOfToken = (id: string, token: TokenRow, now: number): LeaseView => {
  const expiresAt = token.expiresAt ?? now
  return { id, type: 'token', issuedAt: token.issuedAt, expiresAt, lastRenewedAt: token.lastRenewedAt, renewable: token.renewable && expiresAt > now }
}

const viewOf = (id: string, row: LeaseRow, now: number): LeaseView => ({ id, type: 'secret', issuedAt: row.issuedAt, expiresAt: row.expiresAt, lastRenewedAt: row.lastRenewedAt, renewable: row.renewable && row.state === 'active' && row.expiresAt > now })

const bad = (code: string, message: string): Error => fail('invalid_request', code, message)
const PAGE = 1000
const MOST_LISTED = 1_000_000

/** Revocation of engines' leases as somebody asked for it: recorded first, then done, or left to the queue. */
const revokeSecrets = async (ports: LeasePorts, call: Call, which: { readonly name: string } | { readonly prefix: string }, wish: RevokeWish): Promise<void> => {
  await auditedWrite(ports.database, call, {}, async (tx) => {
    const due = await repository.makeDue(tx, call.orgId, which)
    call.audit.metadata = { ...call.audit.metadata, leases: due }
  })
  if (!wish.sync) return
  const failed = await holding.endNow(ports, call.orgId, which, { force: wish.force })
  if (failed !== undefined) throw fail('invalid_request', 'lease.revoke_failed', failed)
}

const renewing = (ports: LeasePorts, tokens: IssuePorts): LeasesPort['renew'] => async (grant, call, id, increment) => {
  const named = await nameOf(ports, call.orgId, id)
  const row = named === undefined ? undefined : await holding.find(ports, call.orgId, named.name)
  if (row === undefined) {
    const token = named === undefined ? undefined : await findLeased(tokens, call.orgId, named.name)
    if (token === undefined) throw bad('lease.unknown', 'lease not found')
    if (!token.renewable) throw bad('lease.not_renewable', 'lease is not renewable')
    throw bad('lease.of_token', 'tokens cannot be renewed through this endpoint')
  }
  const renewed = await holding.renew(ports, grant, call, row, increment)
  return { id, renewable: renewed.row.renewable, seconds: renewed.seconds, expiresAt: renewed.row.expiresAt, warnings: renewed.warnings }
}

const revoking = (ports: LeasePorts, tokens: IssuePorts): Pick<LeasesPort, 'revoke' | 'revokePrefix'> => {
  const revoke = async (grant: Grant, call: Call, id: string, wish: RevokeWish): Promise<void> => {
    const named = await nameOf(ports, call.orgId, id)
    if (named === undefined) return
    call.audit.path = named.name
    const token = parseTokenLease(named.name) === undefined ? undefined : await findLeased(tokens, call.orgId, named.name)
    if (token !== undefined) await revokeById(tokens, grant, call, token.tokenId)
    else await revokeSecrets(ports, call, { name: named.name }, wish)
  }
  return {
    revoke,
    async revokePrefix(grant, call, given, wish) {
      const exact = await nameOf(ports, call.orgId, given)
      const isLease = exact !== undefined && ((await holding.find(ports, call.orgId, exact.name)) !== undefined || (await findLeased(tokens, call.orgId, exact.name)) !== undefined)
      if (isLease) return revoke(grant, call, given, wish)
      const prefix = `${given}/`
      call.audit.path = prefix
      await revokeLeased(tokens, grant, call, prefix)
      call.keepRecord()
      await revokeSecrets(ports, call, { prefix }, wish)
    },
  }
}

/** The port of sys/leases and of the native door. */
export const makeLeases = (ports: LeasePorts, tokens: IssuePorts): LeasesPort => {
  const accessor = async (orgId: string, mountId: string): Promise<string> => {
    const mount = await ports.mountOf(orgId, mountId)
    return mount === undefined ? '' : accessorOf(mount)
  }
  const withId = async (orgId: string): Promise<(name: string) => string> => {
    const shortId = await ports.shortIdOf(orgId)
    return (name) => (shortId === undefined ? name : `${name}.${shortId}`)
  }
  return {
    async find(call, id) {
      const named = await nameOf(ports, call.orgId, id)
      if (named === undefined) return undefined
      const token = await findLeased(tokens, call.orgId, named.name)
      if (token !== undefined) return viewOfToken(id, token, call.now())
      const row = await holding.find(ports, call.orgId, named.name)
      return row === undefined ? undefined : viewOf(id, row, call.now())
    },
    async children(call, prefix) {
      const shown = await withId(call.orgId)
      const found: string[] = []
      let after = ''
      for (;;) {
        const page = await holding.children(ports, call.orgId, prefix, { after, limit: PAGE })
        found.push(...page.map((name) => (name.endsWith('/') ? name : shown(name))))
        after = page.at(-1) ?? ''
        if (page.length < PAGE || found.length >= MOST_LISTED) return found
      }
    },
    async list(call, prefix, { after, limit }) {
      const shown = await withId(call.orgId)
      const page = { after, limit }
      const [ofTokens, ofEngines] = await Promise.all([listLeased(tokens, call.orgId, prefix, page), holding.listBelow(ports, call.orgId, prefix, page)])
      const views = [
        ...ofTokens.map(({ name, token }) => ({ name, view: viewOfToken(shown(name), token, call.now()) })),
        ...ofEngines.map((row) => ({ name: row.name, view: viewOf(shown(row.name), row, call.now()) })),
      ]
      return views.sort((a, b) => (Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))).slice(0, limit).map(({ view }) => view)
    },
    renew: renewing(ports, tokens),
    ...revoking(ports, tokens),
    async tidy(_grant, call) {
      await auditedWrite(ports.database, call, {}, async (tx) => {
        call.audit.metadata = { ...call.audit.metadata, leases: await repository.endOrphans(tx, call.orgId) }
      })
    },
    async irrevocable(call, limit) {
      const [shown, rows] = await Promise.all([withId(call.orgId), ports.database.transaction(call.orgId, (tx) => repository.irrevocable(tx, call.orgId, limit), { readOnly: true })])
      return Promise.all(rows.map(async (row) => ({ id: shown(row.name), mountAccessor: await accessor(call.orgId, row.mount_id), error: row.last_error })))
    },
    async countIrrevocable(call) {
      const rows = await ports.database.transaction(call.orgId, (tx) => repository.countIrrevocable(tx, call.orgId), { readOnly: true })
      return Promise.all(rows.map(async ({ mountId, count }) => ({ mountAccessor: await accessor(call.orgId, mountId), count })))
    },
  }
}
