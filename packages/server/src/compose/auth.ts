// Auth methods wired to the core: their sealed state, and around each login the lock, the record and the token.

import type { Entries } from '../barrier/entries.ts'
import { authMethods } from '../catalog.ts'
import { hashPassword, PasswordTooLong, verifyPassword } from '../crypto/password.ts'
import { makeBase62 } from '../crypto/random.ts'
import { auditedWrite } from '../kernel/audited-write.ts'
import { mountOf, throughMount, type AuthParts, type Passwords, type RenewalCheck } from '../kernel/auth/method.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { TokenRow } from '../kernel/identity.ts'
import type { Implemented } from '../kernel/operation.ts'
import type { SealedStore, SealedView } from '../kernel/ports/sealed-store.ts'
import type { Database } from '../kernel/storage.ts'
import { QueueFull } from '../lib/bounded-queue.ts'
import { systemClock } from '../lib/clock.ts'
import { KeySets } from '../services/identity/key-sets.ts'
import { disable, enable, limitsOf, tune, type AuthMountPorts } from '../services/tenancy/auth-mounts.ts'
import type { TenancyPorts } from '../services/tenancy/service.ts'
import { authMountOperations } from '../system/auth-mounts.ts'
import { lockedUserOperations } from '../system/users/locked-users.ts'
import type { TokenMount } from './vault/token-mount.ts'
import { makeDatagrams } from './datagrams.ts'
import { makeDirectories } from './directory/directories.ts'
import { lockedUsers } from './logins/locks.ts'
import { makeLoginRunner, type LoginSources } from './logins/running.ts'
import { noting } from './memory.ts'
import { makeOutbound } from './outbound.ts'

export interface AuthSources extends LoginSources {
  readonly tokenMount: TokenMount
}

const busy = (error: unknown): unknown => (error instanceof QueueFull ? fail('unavailable', 'auth.busy', 'Too many logins at once. Try again later.', { retryAfterSeconds: 1 }) : error)

const passwords: Passwords = {
  async hash(password) {
    try {
      return await hashPassword(password)
    } catch (error) {
      throw error instanceof PasswordTooLong ? fail('invalid_request', 'auth.password_too_long', `${error.message}.`, { field: 'password' }) : busy(error)
    }
  },
  async verify(password, stored) {
    try {
      return await verifyPassword(password, stored)
    } catch (error) {
      throw busy(error)
    }
  },
}

/** The sealed state of the mount of a call. */
export const sealedStore = (entries: Entries, database: Database, call: Call): SealedStore => {
  const place = { orgId: call.orgId, mountId: mountOf(call).mountId }
  return {
    ...entries.view(place),
    change: <T>(work: (view: SealedView) => Promise<T>) => auditedWrite(database, call, {}, (tx) => work(entries.within(tx).view(place))),
  }
}

/** The same where workers remember entries: what any of them has of it is gone when a change is answered. */
const rememberedStore = (entries: Entries, database: Database, call: Call): SealedStore => {
  const place = { orgId: call.orgId, mountId: mountOf(call).mountId }
  return {
    ...entries.view(place),
    change: <T>(work: (view: SealedView) => Promise<T>) => auditedWrite(database, call, { confirm: true }, (tx, note) => work(noting(entries, tx, place, note))),
  }
}

/** Operations of every auth method, as the door looks for them: `auth:<type>`. */
const makeAuth = (sources: AuthSources): { readonly methods: ReadonlyMap<string, readonly Implemented[]>; readonly checkRenewal: TokenRenewal } => {
  const outbound = makeOutbound()
  const { entries } = sources
  const runner = makeLoginRunner(sources)
  const parts: AuthParts = {
    store: (call) => rememberedStore(entries, sources.database, call), remembered: runner.remembered, limits: limitsOf, passwords, outbound, directories: makeDirectories(), datagrams: makeDatagrams(),
    signedTokens: new KeySets(outbound, () => systemClock.monotonic()), makeId: () => makeBase62(12),
  }
  const checks = new Map<string, RenewalCheck>()
  const methods = new Map(authMethods.map((method) => {
    const { operations, logins, checkRenewal } = method.implement(parts)
    if (checkRenewal !== undefined) checks.set(method.type, checkRenewal)
    return [`auth:${method.type}`, [...operations, ...logins.map((each) => ({ operation: each.operation, handle: runner.handle(method, each) }))]] as const
  }))
  return {
    methods,
    async checkRenewal(call, row) {
      const mount = (await sources.registry(call.orgId)).mounts.find((each) => each.class === 'auth' && row.issuePath.startsWith(`auth/${each.path}/`))
      if (mount !== undefined) await checks.get(mount.type)?.(row, throughMount(call, mount))
    },
  }
}

/** Whether the method that gave a token lets it be renewed by this call. @throws when it does not */
export type TokenRenewal = (call: Call, row: TokenRow) => Promise<void>

/** sys/auth, and the operations of every method, over one sealed store. */
export const composeAuth = (sources: AuthSources, tenancy: TenancyPorts): { readonly methods: ReadonlyMap<string, readonly Implemented[]>; readonly system: readonly Implemented[]; readonly checkRenewal: TokenRenewal } => {
  const { entries } = sources
  const ports: AuthMountPorts = {
    ...tenancy,
    knows: (type) => authMethods.some((method) => method.type === type),
    clear: (orgId, mountId) => entries.clear({ orgId, mountId }),
  }
  return {
    ...makeAuth(sources),
    system: [...lockedUserOperations(lockedUsers(sources)), ...authMountOperations({
      registry: sources.registry,
      tokenMount: (orgId) => sources.tokenMount.mount(orgId),
      enable: enable.bind(undefined, ports),
      disable: disable.bind(undefined, ports),
      tune: (grant, call, mount, command) => (mount.type === 'token' ? sources.tokenMount.tune(grant, call, command) : tune(ports, grant, call, mount, command)),
      limitsOf,
    })],
  }
}
