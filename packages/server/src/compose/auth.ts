// Auth methods wired to the core: their sealed state, and around each login the lock, the record and the token.

import type { Entries } from '../barrier/entries.ts'
import { authMethods } from '../catalog.ts'
import { hmacSha256 } from '../crypto/mac.ts'
import { hashPassword, PasswordTooLong, verifyPassword } from '../crypto/password.ts'
import { makeBase62 } from '../crypto/random.ts'
import { auditedWrite } from '../kernel/audited-write.ts'
import { mountOf, type AuthMethod, type AuthParts, type Login, type Passwords, type RenewalCheck } from '../kernel/auth/method.ts'
import type { Call } from '../kernel/call.ts'
import { fail, isCofferError } from '../kernel/errors.ts'
import type { TokenRow } from '../kernel/identity.ts'
import type { Implemented } from '../kernel/operation.ts'
import { namesBelow, type SealedStore, type SealedView } from '../kernel/ports/sealed-store.ts'
import type { Database } from '../kernel/storage.ts'
import type { OrgRegistry } from '../kernel/tenancy.ts'
import type { Keyring } from '../keyring/keyring.ts'
import type { OrgKeys } from '../keyring/org-keys.ts'
import { QueueFull } from '../lib/bounded-queue.ts'
import { systemClock } from '../lib/clock.ts'
import { hmacIdentifier } from '../services/audit/records.ts'
import { KeySets } from '../services/identity/key-sets.ts'
import { lockedNames, locking, unlock, type LockedName, type LockoutStore } from '../services/identity/lockout.ts'
import { secret } from '../crypto/secret.ts'
import { holderOf, mint, type LoginPorts } from '../services/identity/logins/login.ts'
import { askForSteps, type MfaPorts, type MfaRequirement } from '../services/identity/mfa/service.ts'
import { disable, enable, limitsOf, lockoutOf, tune, type AuthMountPorts } from '../services/tenancy/auth-mounts.ts'
import type { TenancyPorts } from '../services/tenancy/service.ts'
import { authMountOperations } from '../system/auth-mounts.ts'
import { lockedUserOperations, type LockedUsersPort } from '../system/users/locked-users.ts'
import type { Mount } from '../kernel/tenancy.ts'
import type { TokenMount } from './vault/token-mount.ts'
import { makeDatagrams } from './datagrams.ts'
import { makeDirectories } from './directory/directories.ts'
import { noting, putNoted, type Memory, type Place } from './memory.ts'
import { makeOutbound } from './outbound.ts'

export interface AuthSources {
  readonly database: Database
  readonly keyring: Keyring
  readonly logins: LoginPorts
  readonly entries: Entries
  readonly memory: Memory
  readonly tokenMount: TokenMount
  /** Second steps. */
  readonly mfa: MfaPorts
  namespaceOf(orgId: string): Promise<string>
  registry(orgId: string): Promise<OrgRegistry>
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
    change: <T>(work: (view: SealedView) => Promise<T>) => auditedWrite(database, call, { status: 204 }, (tx) => work(entries.within(tx).view(place))),
  }
}

/** The same where workers remember entries: what any of them has of it is gone when a change is answered. */
const rememberedStore = (entries: Entries, database: Database, call: Call): SealedStore => {
  const place = { orgId: call.orgId, mountId: mountOf(call).mountId }
  return {
    ...entries.view(place),
    change: <T>(work: (view: SealedView) => Promise<T>) => auditedWrite(database, call, { status: 204, confirm: true }, (tx, note) => work(noting(entries, tx, place, note))),
  }
}

/** Refusals say that somebody was turned away; the name that failed is in the record only as an HMAC. */
const noteRefusal = async (sources: AuthSources, call: Call, name: string | undefined, error: unknown): Promise<void> => {
  if (!isCofferError(error) || !['invalid_request', 'permission_denied', 'unauthenticated'].includes(error.kind)) return
  call.audit.denied = true
  if (name === undefined) return
  const keys = await sources.keyring.organization(call.orgId)
  call.audit.metadata = { ...call.audit.metadata, aliasHmac: hmacIdentifier(keys.purpose('audit'), name) }
}

/** The path with its parameters filled in. */
const filled = (pattern: string, input: Readonly<Record<string, unknown>>): string =>
  pattern.replace(/:([A-Za-z]+)\+?/g, (_all, name: string) => {
    const value = input[name]
    return typeof value === 'string' ? value : ''
  })

/** The entries in which a mount's failed logins are counted. */
const lockoutStore = ({ database, entries, memory }: Pick<AuthSources, 'database' | 'entries' | 'memory'>, call: Pick<Call, 'changed' | 'confirm'>, place: Place): LockoutStore => {
  const view = entries.view(place)
  return {
    get: (key) => view.get(key),
    recall: (key) => memory.entry(place, key, true),
    put: (key, value, cas) => putNoted({ database, entries }, call, place, { key, value, cas }),
    names: (prefix) => namesBelow(view, prefix),
  }
}

/** Where a name's failures are counted: by a hash under a key of the organization, so that nobody outside can aim at a bucket. */
const lockedName = (keys: OrgKeys, mountId: string, name: string): LockedName => ({ mac: hmacSha256(keys.purpose('audit'), 'coffer/login-name/1\n', mountId, '\n', name).toString('hex'), name })

const lockedUsers = (sources: AuthSources): LockedUsersPort => {
  const storeOf = (call: Call, { mountId }: Mount): LockoutStore => lockoutStore(sources, call, { orgId: call.orgId, mountId })
  return {
    registry: sources.registry,
    namespaceOf: sources.namespaceOf,
    locked: (_grant, call, mount) => lockedNames(storeOf(call, mount), lockoutOf(mount), call.now()),
    async unlock(_grant, call, mount, name) {
      const keys = await sources.keyring.organization(call.orgId)
      await unlock(storeOf(call, mount), lockedName(keys, mount.mountId, name), lockoutOf(mount), call.now())
      call.audit.resourceType = 'auth'
      call.audit.metadata = { ...call.audit.metadata, mount: mount.path, aliasHmac: hmacIdentifier(keys.purpose('audit'), name) }
    },
  }
}

/** The answer to a login that needs a second step: no token, and what is missing. */
const withoutToken = (call: Call, mfaRequirement: MfaRequirement): Readonly<Record<string, unknown>> => {
  call.audit.metadata = { ...call.audit.metadata, mfa: 'required' }
  return { clientToken: secret(''), accessor: '', policies: [], tokenPolicies: [], metadata: null, leaseDuration: 0, renewable: false, entityId: '', tokenType: 'default', orphan: false, mfaRequirement, numUses: 0 }
}

const runLogin = (sources: AuthSources, method: AuthMethod, { operation, nameOf, verify }: Login): Implemented['handle'] => async (input, call) => {
  const mount = mountOf(call)
  // The door finds the mount by the token's organization too; a login is of the organization that the request names.
  if ((await sources.registry(call.orgId)).mountById(mount.mountId) === undefined) throw fail('not_found', 'vault.no_handler', `no handler for route "auth/${mount.path}". route entry not found.`)
  call.audit.resourceType = 'auth'
  call.audit.metadata = { mount: mount.path, method: mount.type }
  let name: string | undefined
  try {
    name = nameOf(input, call)
    const keys = await sources.keyring.organization(call.orgId)
    const verdict = method.lockable && name !== undefined
      ? await locking({ store: lockoutStore(sources, call, { orgId: call.orgId, mountId: mount.mountId }), who: lockedName(keys, mount.mountId, name), config: lockoutOf(mount), isUnguessable: method.isUnguessable === true, now: () => call.now() }, () => verify(input, call))
      : await verify(input, call)
    const issuePath = `auth/${mount.path}${filled(operation.path, input)}`
    const missing = await askForSteps(sources.mfa, call, { mount, verdict, issuePath, header: call.mfaHeader, holder: () => holderOf(sources.logins, call, { mount, verdict }) })
    if (missing !== undefined) return { auth: withoutToken(call, missing) }
    return { auth: await mint(sources.logins, call, { mount, verdict, limits: limitsOf(mount), issuePath }) }
  } catch (error) {
    await noteRefusal(sources, call, name, error)
    throw error
  }
}

/** Operations of every auth method, as the door looks for them: `auth:<type>`. */
const makeAuth = (sources: AuthSources): { readonly methods: ReadonlyMap<string, readonly Implemented[]>; readonly checkRenewal: TokenRenewal } => {
  const outbound = makeOutbound()
  const { entries, memory } = sources
  const remembered = (call: Call): ReturnType<AuthParts['remembered']> => ({ get: (key) => memory.entry({ orgId: call.orgId, mountId: mountOf(call).mountId }, key) })
  const parts: AuthParts = {
    store: (call) => rememberedStore(entries, sources.database, call), remembered, limits: limitsOf, passwords, outbound, directories: makeDirectories(), datagrams: makeDatagrams(),
    signedTokens: new KeySets(outbound, () => systemClock.monotonic()), makeId: () => makeBase62(12),
  }
  const checks = new Map<string, RenewalCheck>()
  const methods = new Map(authMethods.map((method) => {
    const { operations, logins, checkRenewal } = method.implement(parts)
    if (checkRenewal !== undefined) checks.set(method.type, checkRenewal)
    return [`auth:${method.type}`, [...operations, ...logins.map((each) => ({ operation: each.operation, handle: runLogin(sources, method, each) }))]] as const
  }))
  return {
    methods,
    async checkRenewal(call, row) {
      const mount = (await sources.registry(call.orgId)).mounts.find((each) => each.class === 'auth' && row.issuePath.startsWith(`auth/${each.path}/`))
      if (mount !== undefined) await checks.get(mount.type)?.(row, { ...call, mount })
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
