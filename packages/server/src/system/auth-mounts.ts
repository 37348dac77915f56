// sys/auth: which auth methods are enabled where, and how they are tuned.

import type { Call, Grant, Resource } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f, type Infer } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { Mount, OrgRegistry } from '../kernel/tenancy.ts'
import { seconds } from '../kernel/auth/token-settings.ts'
import type { AuthMountConfig, EnableCommand, TuneCommand } from '../services/tenancy/auth-mounts.ts'

export interface AuthMountsPort {
  registry(orgId: string): Promise<OrgRegistry>
  enable(grant: Grant, call: Call, command: EnableCommand): Promise<Mount>
  disable(grant: Grant, call: Call, mount: Mount): Promise<void>
  tune(grant: Grant, call: Call, mount: Mount, command: TuneCommand): Promise<Mount>
  accessorOf(mount: Mount): string
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

const shownConfig = {
  defaultLeaseTtl: f.int('Seconds', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  maxLeaseTtl: f.int('Seconds', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  forceNoCache: f.bool('Always false'),
  tokenType: text('Type of tokens'),
  listingVisibility: text('Whether the mount is named to who has no token').optional(),
}

const shownMount = {
  accessor: text('What clients know the mount by'),
  config: f.object('Tuning', shownConfig),
  description: text('Description'),
  externalEntropyAccess: f.bool('Always false'),
  local: f.bool('Always false'),
  options: f.labels('Options').nullable(),
  pluginVersion: text('Empty: built in'),
  runningPluginVersion: text('Empty: built in'),
  runningSha256: text('Empty: built in'),
  sealWrap: f.bool('Always false: everything is sealed'),
  type: text('Method'),
  uuid: text('Id'),
}

export const readAuthMount = operation({ id: 'system.readAuthMount', method: 'GET', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-read', work: 'read', errors, summary: 'Read one auth method', input: { path }, output: shownMount })
export const enableAuth = operation({
  id: 'system.enableAuth', method: 'POST', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-enable', work: 'write', status: 204, errors, summary: 'Enable an auth method at a path',
  input: { path, type: text('Method').optional(), description: text('Description').default(''), config: f.object('Tuning', tuning).optional(), options: f.labels('Options').nullable().optional(), local: f.bool('Accepted and without effect').optional(), sealWrap: f.bool('Accepted: everything is sealed').optional(), externalEntropyAccess: f.bool('Accepted and without effect').optional(), pluginName: text('Former name of type').optional() }, output: {},
})
export const disableAuth = operation({ id: 'system.disableAuth', method: 'DELETE', path: '/v1/sys/auth/:path+', tag, access: 'policy', audit: 'system.auth-disable', work: 'write', status: 204, errors, summary: 'Disable an auth method: its tokens end and what it stored is deleted', input: { path }, output: {} })
const shownTuning = { ...shownConfig, description: text('Description') }
export const readAuthTuning = operation({ id: 'system.readAuthTuning', method: 'GET', path: '/v1/sys/auth/:path+/tune', tag, access: 'policy', audit: 'system.auth-tune-read', work: 'read', errors, summary: 'Read the tuning of an auth method', input: { path }, output: shownTuning })
export const tuneAuth = operation({ id: 'system.tuneAuth', method: 'POST', path: '/v1/sys/auth/:path+/tune', tag, access: 'policy', audit: 'system.auth-tune', work: 'write', status: 204, errors, summary: 'Tune an auth method', input: { path, description: text('Description').optional(), ...tuning }, output: {} })

const operations = { readAuthMount, enableAuth, disableAuth, readAuthTuning, tuneAuth }

type Tuning = Partial<Infer<typeof tuning>>

const configOf = ({ userLockoutConfig, ...rest }: Tuning): AuthMountConfig => {
  const given = { ...rest, ...userLockoutConfig }
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== undefined && name in { ...tuning, ...lockout.children }))
}

// Vault guards sys/auth by sudo besides the capability of the verb.
const resource = (mountPath: string, rest = ''): Resource => ({ kind: 'system', apiPath: `sys/auth/${mountPath}${rest}`, sudo: true })

const trimmed = (given: string): string => given.replace(/\/+$/, '')

const shown = (port: AuthMountsPort, mount: Mount) => {
  const limits = port.limitsOf(mount)
  const config: AuthMountConfig = mount.config
  return {
    accessor: port.accessorOf(mount),
    config: { defaultLeaseTtl: config.defaultLeaseTtl ?? 0, maxLeaseTtl: config.maxLeaseTtl ?? 0, forceNoCache: false, tokenType: config.tokenType ?? 'default-service', ...(config.listingVisibility === undefined ? {} : { listingVisibility: config.listingVisibility }) },
    description: mount.description, externalEntropyAccess: false, local: false, options: Object.keys(mount.options).length === 0 ? null : mount.options,
    pluginVersion: '', runningPluginVersion: '', runningSha256: '', sealWrap: false, type: mount.type, uuid: mount.mountId, limits,
  }
}

export const authMountOperations = (port: AuthMountsPort): readonly Implemented[] => {
  const find = async (call: Call, given: string): Promise<Mount | undefined> => (await port.registry(call.orgId)).mountByPath('auth', trimmed(given))
  const require = async (call: Call, given: string): Promise<Mount> => {
    const mount = await find(call, given)
    if (mount === undefined) throw fail('invalid_request', 'auth_mount.not_found', `No auth engine at ${trimmed(given).slice(0, 200)}/`, { field: 'path' })
    return mount
  }
  return implement(operations, {
    async readAuthMount(input, call) {
      call.authorise('read', resource(trimmed(input.path)))
      const { limits: _limits, ...view } = shown(port, await require(call, input.path))
      return view
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
      const mount = await find(call, input.path)
      // As in Vault, what is not there is disabled already.
      if (mount !== undefined) await port.disable(grant, call, mount)
      return {}
    },
    async readAuthTuning(input, call) {
      call.authorise('read', resource(trimmed(input.path), '/tune'))
      const mount = await require(call, input.path)
      const { limits, config, description } = shown(port, mount)
      return { ...config, description, defaultLeaseTtl: limits.defaultTtlSeconds, maxLeaseTtl: limits.maxTtlSeconds }
    },
    async tuneAuth(input, call) {
      const grant = call.authorise('update', resource(trimmed(input.path), '/tune'))
      const mount = await require(call, input.path)
      await port.tune(grant, call, mount, { description: input.description, config: configOf(input) })
      return {}
    },
  })
}
