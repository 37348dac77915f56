// sys/mounts and sys/remount: which secrets engines are where.

import type { Action, Call, Grant, Resource } from '../kernel/call.ts'
import { fail, quote } from '../kernel/errors.ts'
import { f, type Infer } from '../kernel/fields.ts'
import { implement, operation, type Handlers, type Implemented } from '../kernel/operation.ts'
import type { Mount } from '../kernel/tenancy.ts'
import { builtInMount, builtInTuning, mountRow, mountTable, SYSTEM_TTL_SECONDS, tuningView } from './mount-view.ts'
import type { MountsPort } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const text = (describe: string, max = 1024) => f.text(describe, { max })
const path = f.text('Path of the mount', { max: 512, min: 1 })
const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })
const ttl = (describe: string) => f.duration(describe, { maxSeconds: 9_223_372_036 })
const warnings = f.list('Warnings', text('Warning'), { max: 8 })
const options = f.labels('Options of the engine').optional()
const tuning = {
  defaultLeaseTtl: ttl('Life of what says nothing else').optional(), maxLeaseTtl: ttl('Longest life').optional(), forceNoCache: f.bool('Accepted and without effect').optional(),
  listingVisibility: text('unauth or hidden', 32).optional(), auditNonHmacRequestKeys: f.list('Accepted and without effect', text('Key'), { max: 1000 }).optional(), auditNonHmacResponseKeys: f.list('Accepted and without effect', text('Key'), { max: 1000 }).optional(),
  passthroughRequestHeaders: f.list('Accepted and without effect', text('Header'), { max: 1000 }).optional(), allowedResponseHeaders: f.list('Accepted and without effect', text('Header'), { max: 1000 }).optional(), pluginVersion: text('Accepted and without effect').optional(),
}

export const listMounts = operation({ id: 'system.listMounts', method: 'GET', path: '/v1/sys/mounts', tag, access: 'policy', audit: 'system.mounts-list', work: 'list', errors, summary: 'List the secrets engines', input: {}, output: { document } })
export const readMount = operation({ id: 'system.readMount', method: 'GET', path: '/v1/sys/mounts/:path+', tag, access: 'policy', audit: 'system.mount-read', work: 'read', errors, summary: 'Read one secrets engine', input: { path }, output: { document } })
export const enableMount = operation({
  id: 'system.enableMount', method: 'POST', path: '/v1/sys/mounts/:path+', tag, access: 'policy', audit: 'system.mount-enable', work: 'write', status: 204, errors, summary: 'Mount a secrets engine',
  input: { path, type: text('Engine', 64).optional(), pluginName: text('Former name of type', 64).optional(), description: text('Description').default(''), options, config: f.object('Tuning', { ...tuning, options }).optional(), local: f.bool('Kept, and without effect').optional(), sealWrap: f.bool('Accepted: everything is sealed').optional(), externalEntropyAccess: f.bool('Accepted and without effect').optional() }, output: {},
})
export const disableMount = operation({ id: 'system.disableMount', method: 'DELETE', path: '/v1/sys/mounts/:path+', tag, access: 'policy', audit: 'system.mount-disable', work: 'write', status: 204, errors, summary: 'Disable a secrets engine', input: { path }, output: {} })
export const readMountTuning = operation({ id: 'system.readMountTuning', method: 'GET', path: '/v1/sys/mounts/:path+/tune', tag, access: 'policy', audit: 'system.mount-tune-read', work: 'read', errors, summary: 'Read the tuning of a secrets engine', input: { path }, output: { document } })
export const tuneMount = operation({ id: 'system.tuneMount', method: 'POST', path: '/v1/sys/mounts/:path+/tune', tag, access: 'policy', audit: 'system.mount-tune', work: 'write', errors, summary: 'Tune a secrets engine', input: { path, description: text('Description').optional(), options, ...tuning }, output: { warnings } })
export const remount = operation({ id: 'system.remount', method: 'POST', path: '/v1/sys/remount', tag, access: 'policy', audit: 'system.remount', work: 'write', errors, summary: 'Move a secrets engine to another path', input: { from: text('Where it is').default(''), to: text('Where it is to be').default('') }, output: { migrationId: text('Names the move'), warnings } })
export const remountStatus = operation({ id: 'system.remountStatus', method: 'GET', path: '/v1/sys/remount/status/:id', tag, access: 'policy', audit: 'system.remount-status', work: 'read', errors, summary: 'Whether a move is done', input: { id: text('Names the move') }, output: { document } })

const operations = { listMounts, readMount, enableMount, disableMount, readMountTuning, tuneMount, remount, remountStatus }
type Handled = Handlers<typeof operations>
type Tuning = Partial<Infer<typeof tuning>>

const trimmed = (given: string): string => given.replace(/^\/+|\/+$/g, '')
const ask = (call: Call, action: Action, apiPath: string, more: Partial<Resource> = {}): Grant => call.authorise(action, { kind: 'system', apiPath, ...more })
const notThere = (given: string): Error => fail('invalid_request', 'mount.not_found', `No secret engine mount at ${trimmed(given).slice(0, 200)}/`, { field: 'path' })
const given = <T extends object>(fields: T): Partial<T> => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>

/** `kv-v2` is kv of version 2; kv that says nothing is version 1, as in Vault. */
const engineOf = (type: string, wanted: Readonly<Record<string, string>>): { readonly type: string; readonly options: Readonly<Record<string, string>> } => {
  if (type === 'kv-v2') return { type: 'kv', options: { ...wanted, version: '2' } }
  if (type === 'kv-v1' || type === 'generic') return { type: 'kv', options: { ...wanted, version: '1' } }
  if (type !== 'kv') return { type, options: wanted }
  const version = wanted['version'] ?? '1'
  if (version !== '1' && version !== '2') throw fail('invalid_request', 'mount.kv_version', `kv has no version ${JSON.stringify(version.slice(0, 16))}`, { field: 'options' })
  return { type, options: { ...wanted, version } }
}

const limitsOf = ({ config }: Mount) => {
  const positive = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : SYSTEM_TTL_SECONDS)
  return { defaultTtlSeconds: positive(config['defaultLeaseTtl']), maxTtlSeconds: positive(config['maxLeaseTtl']) }
}

/** kv can become version 2, never go back. */
const upgraded = (mount: Mount, wanted: Readonly<Record<string, string>> | undefined): { readonly options: Readonly<Record<string, string>> | undefined; readonly warnings: readonly string[] } => {
  const version = wanted?.['version']
  const before = mount.options['version'] ?? '1'
  if (mount.type !== 'kv' || version === undefined || version === before) return { options: wanted === undefined ? undefined : { ...mount.options, ...wanted }, warnings: [] }
  if (!/^\d{1,3}$/.test(version)) throw fail('invalid_request', 'mount.kv_version', `unable to parse options: strconv.ParseInt: parsing ${JSON.stringify(version.slice(0, 16))}: invalid syntax`, { field: 'options' })
  if (Number(version) < Number(before)) throw fail('invalid_request', 'mount.kv_downgrade', `cannot downgrade mount from version ${before}`, { field: 'options' })
  if (version !== '2') throw fail('invalid_request', 'mount.kv_version', `invalid version provided: ${version}`, { field: 'options' })
  return { options: { ...mount.options, ...wanted }, warnings: [`Upgrading mount from version ${before} to version 2. It takes effect at once.`] }
}

/** By its names in storage; '' is as good as nothing. */
const configOf = (input: Tuning): Readonly<Record<string, unknown>> => {
  const { listingVisibility, defaultLeaseTtl, maxLeaseTtl, forceNoCache, auditNonHmacRequestKeys, auditNonHmacResponseKeys, passthroughRequestHeaders, allowedResponseHeaders } = input
  if (listingVisibility !== undefined && !['', 'unauth', 'hidden'].includes(listingVisibility)) throw fail('invalid_request', 'mount.visibility', `invalid listing_visibility ${listingVisibility}`, { field: 'listing_visibility' })
  return given({ defaultLeaseTtl, maxLeaseTtl, listingVisibility, forceNoCache, auditNonHmacRequestKeys, auditNonHmacResponseKeys, passthroughRequestHeaders, allowedResponseHeaders })
}

const moving = (port: MountsPort, find: (call: Call, path: string) => Promise<Mount | undefined>): Pick<Handled, 'remount' | 'remountStatus'> => {
  const moveMethod = async (grant: Grant, call: Call, from: string, to: string): Promise<string> => {
    if (from === 'auth/token') throw fail('invalid_request', 'mount.built_in', `cannot remount "${from}/"`, { field: 'from' })
    if (!to.startsWith('auth/')) throw fail('invalid_request', 'mount.class', `cannot remount auth mount to non-auth mount "${to}/"`, { field: 'to' })
    const mount = (await port.registry(call.orgId)).mountByPath('auth', from.slice(5))
    if (mount === undefined) throw fail('invalid_request', 'mount.no_source', `no matching mount at "${from}/"`, { field: 'from' })
    await port.moveMethod(grant, call, mount, to.slice(5))
    return mount.mountId
  }
  const moveEngine = async (grant: Grant, call: Call, from: string, to: string): Promise<string> => {
    if (builtInMount('secret', from, call.orgId) !== undefined) throw fail('invalid_request', 'mount.built_in', `cannot remount "${from}/"`, { field: 'from' })
    if (/^(auth|sys|identity|cubbyhole)(\/|$)/.test(to)) throw fail('invalid_request', 'mount.class', `cannot remount to destination ${to}/`, { field: 'to' })
    const mount = await find(call, from)
    if (mount === undefined) throw fail('invalid_request', 'mount.no_source', `no matching mount at "${from}/"`, { field: 'from' })
    if ((await find(call, to)) !== undefined) throw fail('invalid_request', 'mount.taken', `path already in use at "${to}/"`, { field: 'to' })
    await port.change(grant, call, mount, { path: to })
    return mount.mountId
  }
  return {
    async remount(input, call) {
      const grant = ask(call, 'update', 'sys/remount', { sudo: true })
      const [from, to] = [trimmed(input.from), trimmed(input.to)]
      if (from === '' || to === '') throw fail('invalid_request', 'mount.no_remount_path', 'both \'from\' and \'to\' path must be specified as a string')
      const migrationId = from.startsWith('auth/') ? await moveMethod(grant, call, from, to) : await moveEngine(grant, call, from, to)
      return { migrationId, warnings: ['The mount has moved. Its status is found by the returned migration_id.'] }
    },
    async remountStatus(input, call) {
      ask(call, 'read', `sys/remount/status/${input.id}`)
      const mount = (await port.registry(call.orgId)).mountById(input.id)
      if (mount === undefined) throw fail('not_found', 'mount.no_migration', 'There is no such move.')
      return { document: { migration_id: input.id, migration_info: { source_mount: '', target_mount: `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/`, status: 'success' } } }
    },
  }
}

export const mountOperations = (port: MountsPort): readonly Implemented[] => {
  const find = async (call: Call, path: string): Promise<Mount | undefined> => (await port.registry(call.orgId)).mountByPath('secret', trimmed(path))
  return implement(operations, {
    ...moving(port, find),
    async listMounts(_input, call) {
      ask(call, 'read', 'sys/mounts')
      return { document: mountTable('secret', (await port.registry(call.orgId)).mounts, call.orgId) }
    },
    async readMount(input, call) {
      ask(call, 'read', `sys/mounts/${trimmed(input.path)}`)
      const mount = await find(call, input.path)
      const view = mount === undefined ? builtInMount('secret', trimmed(input.path), call.orgId) : mountRow(mount)
      if (view === undefined) throw notThere(input.path)
      return { document: view }
    },
    async enableMount(input, call) {
      const grant = ask(call, 'update', `sys/mounts/${trimmed(input.path)}`)
      const type = input.type ?? input.pluginName ?? ''
      if (type === '') throw fail('invalid_request', 'mount.no_type', 'backend type must be specified as a string', { field: 'type' })
      const wanted = input.options ?? input.config?.options ?? {}
      const engine = engineOf(type, wanted)
      await port.enable(grant, call, { path: trimmed(input.path), description: input.description, ...engine, config: { ...configOf(input.config ?? {}), ...given({ impliedVersion: type === 'kv' && wanted['version'] === undefined ? true : undefined, local: input.local === true ? true : undefined, sealWrap: input.sealWrap === true ? true : undefined }) } })
      return {}
    },
    async disableMount(input, call) {
      const grant = ask(call, 'delete', `sys/mounts/${trimmed(input.path)}`)
      if (builtInMount('secret', trimmed(input.path), call.orgId) !== undefined) throw fail('invalid_request', 'mount.built_in', `cannot unmount "${trimmed(input.path)}/"`, { field: 'path' })
      const mount = await find(call, input.path)
      // What is not there is disabled already, as in Vault.
      if (mount !== undefined) await port.disable(grant, call, mount)
      return {}
    },
    async readMountTuning(input, call) {
      ask(call, 'read', `sys/mounts/${trimmed(input.path)}/tune`)
      const mount = await find(call, input.path)
      const view = mount === undefined ? builtInTuning('secret', trimmed(input.path)) : tuningView(limitsOf(mount), mount)
      if (view === undefined) throw fail('invalid_request', 'mount.not_found', `cannot fetch sysview for path ${quote(`${trimmed(input.path)}/`)}`, { field: 'path' })
      return { document: view }
    },
    async tuneMount(input, call) {
      const grant = ask(call, 'update', `sys/mounts/${trimmed(input.path)}/tune`)
      const mount = await find(call, input.path)
      if (mount === undefined) throw fail('invalid_request', 'mount.not_found', `tune of path ${quote(`${trimmed(input.path)}/`)} failed: no mount entry found`, { field: 'path' })
      const { options: changed, warnings: said } = upgraded(mount, input.options)
      call.says(said.length > 0)
      await port.change(grant, call, mount, { description: input.description, options: changed, config: configOf(input) })
      return { warnings: said }
    },
  })
}
