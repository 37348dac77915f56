// sys/auth: which auth methods are enabled where, and how they are tuned.

import type { Call, Grant, Resource } from '../kernel/call.ts'
import { fail, quote } from '../kernel/errors.ts'
import { f, type Infer } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { Mount, OrgRegistry } from '../kernel/tenancy.ts'
import { seconds } from '../kernel/auth/token-settings.ts'
import { builtInMount, mountRow, mountTable, tuningView } from './mount-view.ts'
import type { AuthMountConfig, EnableCommand, TuneCommand } from '../services/tenancy/auth-mounts.ts'

export interface AuthMountsPort {
  registry(orgId: string): Promise<OrgRegistry>
  enable(grant: Grant, call: Call, command: EnableCommand): Promise<Mount>
  disable(grant: Grant, call: Call, mount: Mount): Promise<void>
  tune(grant: Grant, call: Call, mount: Mount, command: TuneCommand): Promise<Mount>
  /** auth/token, which is tuned like a mount. */
  tokenMount(orgId: string): Promise<Mount>
  limitsOf(mount: Mount): { readonly defaultTtlSeconds: number; readonly maxTtlSeconds: number }
}

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const path = f.text('Path of the mount', { max: 512, min: 1 })
const text = (describe: string) => f.text(describe, { max: 1024 })
const TOKEN_TYPES = ['default-service', 'default-batch', 'service', 'batch'] as const

const lockout = f.object('Locking of names after failed logins', {
  lockoutThreshold: f.int('Failures; 0: the default of 5', { min: 0, max: 1_000_000 }).optional(),
  lockoutDuration: seconds('How long a name is locked').optional(),
  lockoutCounterReset: seconds('How long a failure counts').optional(),
  lockoutDisable: f.bool('Turns locking off').optional(),
})

const tuning = {
  defaultLeaseTtl: seconds('Life of a token that says nothing else').optional(),
  maxLeaseTtl: seconds('Longest life of a token').optional(),
  tokenType: f.choice('Type of tokens', TOKEN_TYPES).optional(),
  listingVisibility: f.choice('Whether the mount is named to who has no token', ['unauth', 'hidden', '']).optional(),
  userLockoutConfig: lockout.optional(),
}

const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })

export const listAuth = operation({ id: 'system.listAuth', method: 'GET', path: '/v1/sys/auth', tag, access: 'policy', audit: 'system.auth-list', work: 'list', errors, summary: 'List the auth methods', input: {}, output: { document } })
export const readAuthMount = operation({ id: 'system.readAuthMount', method: 'GET', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-read', work: 'read', errors, summary: 'Read one auth method', input: { path }, output: { document } })
export const enableAuth = operation({
  id: 'system.enableAuth', method: 'POST', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-enable', work: 'write', status: 204, errors, summary: 'Enable an auth method at a path',
  input: { path, type: text('Method').optional(), description: text('Description').default(''), config: f.object('Tuning', tuning).optional(), options: f.labels('Options').nullable().optional(), local: f.bool('Accepted and without effect').optional(), sealWrap: f.bool('Accepted: everything is sealed').optional(), externalEntropyAccess: f.bool('Accepted and without effect').optional(), pluginName: text('Former name of type').optional() }, output: {},
})
export const disableAuth = operation({ id: 'system.disableAuth', method: 'DELETE', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-disable', work: 'write', status: 204, errors, summary: 'Disable an auth method: its tokens end and what it stored is deleted', input: { path }, output: {} })
export const readAuthTuning = operation({ id: 'system.readAuthTuning', method: 'GET', path: '/v1/sys/auth/:path+/tune', tag, access: 'policy', audit: 'system.auth-tune-read', work: 'read', errors, summary: 'Read the tuning of an auth method', input: { path }, output: { document } })
/** The same under sys/mounts, where Vault's command line asks. */
export const readAuthMountTuning = operation({ ...readAuthTuning, id: 'system.readAuthMountTuning', path: '/v1/sys/mounts/auth/:path+/tune', input: { path } })
export const tuneAuth = operation({ id: 'system.tuneAuth', method: 'POST', path: '/v1/sys/auth/:path+/tune', tag, access: 'policy', audit: 'system.auth-tune', work: 'write', status: 204, errors, summary: 'Tune an auth method', input: { path, description: text('Description').optional(), ...tuning }, output: {} })

export const tuneAuthMount = operation({ ...tuneAuth, id: 'system.tuneAuthMount', path: '/v1/sys/mounts/auth/:path+/tune' })

const operations = { listAuth, readAuthMount, enableAuth, disableAuth, readAuthTuning, tuneAuth, readAuthMountTuning, tuneAuthMount }

type Tuning = Partial<Infer<typeof tuning>>

const configOf = ({ userLockoutConfig, ...rest }: Tuning): AuthMountConfig => {
  const given = { ...rest, ...userLockoutConfig }
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== undefined && name in { ...tuning, ...lockout.children }))
}

// Vault guards sys/auth by sudo besides the capability of the verb.
const resource = (mountPath: string, rest = ''): Resource => ({ kind: 'system', apiPath: `sys/auth/${mountPath}${rest}`, sudo: true })

const trimmed = (given: string): string => given.replace(/\/+$/, '')

/** Shown once anything of it was set. */
const shownLockout = ({ lockoutThreshold, lockoutDuration, lockoutCounterReset, lockoutDisable }: AuthMountConfig): Readonly<Record<string, unknown>> =>
  [lockoutThreshold, lockoutDuration, lockoutCounterReset, lockoutDisable].every((each) => each === undefined)
    ? {}
    : { user_lockout_threshold: lockoutThreshold ?? 0, user_lockout_duration: lockoutDuration ?? 0, user_lockout_counter_reset_duration: lockoutCounterReset ?? 0, user_lockout_disable: lockoutDisable ?? false }

export const authMountOperations = (port: AuthMountsPort): readonly Implemented[] => {
  const find = async (call: Call, given: string): Promise<Mount | undefined> => (await port.registry(call.orgId)).mountByPath('auth', trimmed(given))
  const require = async (call: Call, given: string): Promise<Mount> => {
    const mount = await find(call, given)
    if (mount === undefined) throw fail('invalid_request', 'auth_mount.not_found', `No auth engine at ${trimmed(given).slice(0, 200)}/`, { field: 'path' })
    return mount
  }
  const tunable = async (call: Call, given: string): Promise<Mount | undefined> => (trimmed(given) === 'token' ? port.tokenMount(call.orgId) : find(call, given))
  const readTuning = async (call: Call, given: string, asked: Resource) => {
    call.authorise('read', asked)
    const mount = await tunable(call, given)
    if (mount === undefined) throw fail('invalid_request', 'auth_mount.not_found', `cannot fetch sysview for path ${quote(`auth/${trimmed(given)}/`)}`, { field: 'path' })
    return { document: { ...tuningView(port.limitsOf(mount), mount), ...shownLockout(mount.config) } }
  }
  const tune = async (call: Call, input: Tuning & { readonly path: string; readonly description?: string | undefined }, asked: Resource) => {
    const grant = call.authorise('update', asked)
    const mount = await tunable(call, input.path)
    if (mount === undefined) throw fail('invalid_request', 'auth_mount.not_found', `tune of path ${quote(`auth/${trimmed(input.path)}/`)} failed: no mount entry found`, { field: 'path' })
    await port.tune(grant, call, mount, { description: input.description, config: configOf(input) })
    return {}
  }
  return implement(operations, {
    async listAuth(_input, call) {
      call.authorise('read', { kind: 'system', apiPath: 'sys/auth' })
      return { document: mountTable('auth', (await port.registry(call.orgId)).mounts, call.orgId) }
    },
    async readAuthMount(input, call) {
      call.authorise('read', resource(trimmed(input.path)))
      return { document: builtInMount('auth', trimmed(input.path), call.orgId) ?? mountRow(await require(call, input.path)) }
    },
    async enableAuth(input, call) {
      const grant = call.authorise('update', resource(trimmed(input.path)))
      const type = input.type ?? input.pluginName ?? ''
      if (type === '') throw fail('invalid_request', 'auth_mount.no_type', 'backend type must be specified as a string', { field: 'type' })
      await port.enable(grant, call, { path: trimmed(input.path), type, description: input.description, config: configOf(input.config ?? {}), options: input.options ?? {} })
      return {}
    },
    async disableAuth(input, call) {
      const grant = call.authorise('delete', resource(trimmed(input.path)))
      if (builtInMount('auth', trimmed(input.path), call.orgId) !== undefined) throw fail('invalid_request', 'auth_mount.built_in', `${trimmed(input.path)} credential backend cannot be disabled`, { field: 'path' })
      const mount = await find(call, input.path)
      // As in Vault, what is not there is disabled already.
      if (mount !== undefined) await port.disable(grant, call, mount)
      return {}
    },
    readAuthTuning: (input, call) => readTuning(call, input.path, resource(trimmed(input.path), '/tune')),
    tuneAuth: (input, call) => tune(call, input, resource(trimmed(input.path), '/tune')),
    // Without sudo, as for any mount.
    readAuthMountTuning: (input, call) => readTuning(call, input.path, { kind: 'system', apiPath: `sys/mounts/auth/${trimmed(input.path)}/tune` }),
    tuneAuthMount: (input, call) => tune(call, input, { kind: 'system', apiPath: `sys/mounts/auth/${trimmed(input.path)}/tune` }),
  })
}
