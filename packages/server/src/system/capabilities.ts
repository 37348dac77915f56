// sys/capabilities: what a token may do on a path; and what Vault's command line and UIs ask before they act.

import { reveal, type Secret } from '../crypto/secret.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { Mount } from '../kernel/tenancy.ts'
import { builtInMount, isPublic, mountRow, mountTable, publicTable } from './mount-view.ts'
import type { Holder, MountsPort, RightsPort } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const path = f.text('API path', { max: 8192 })
const paths = { paths: f.list('API paths', path, { max: 1000 }).optional(), path: f.list('Former name of paths', path, { max: 1000 }).optional() }
const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })
const token = f.secret('The token', { max: 9000 })

export const capabilities = operation({ ...common, id: 'system.capabilities', method: 'POST', path: '/v1/sys/capabilities', audit: 'system.capabilities', work: 'read', summary: 'What a token may do on paths', input: { token: token.optional(), ...paths }, output: { document } })
export const capabilitiesSelf = operation({ ...common, id: 'system.capabilitiesSelf', method: 'POST', path: '/v1/sys/capabilities-self', audit: 'system.capabilities', work: 'read', summary: 'What your token may do on paths', input: { token: token.optional(), ...paths }, output: { document } })
export const capabilitiesAccessor = operation({ ...common, id: 'system.capabilitiesAccessor', method: 'POST', path: '/v1/sys/capabilities-accessor', audit: 'system.capabilities', work: 'read', summary: 'What a token may do on paths, by its accessor', input: { accessor: f.text('Accessor', { max: 512 }).default(''), ...paths }, output: { document } })
export const resultantAcl = operation({ ...common, id: 'system.resultantAcl', method: 'GET', path: '/v1/sys/internal/ui/resultant-acl', audit: 'system.resultant-acl', work: 'read', summary: 'Your ACL policies as one set', input: {}, output: { document } })
export const visibleMounts = operation({ ...common, access: 'optional', id: 'system.visibleMounts', method: 'GET', path: '/v1/sys/internal/ui/mounts', audit: 'system.visible-mounts', work: 'read', summary: 'The mounts that you have any right to', input: {}, output: { document } })
export const visibleMount = operation({ ...common, access: 'token', id: 'system.visibleMount', method: 'GET', path: '/v1/sys/internal/ui/mounts/:path+', audit: 'system.visible-mount', work: 'read', summary: 'The mount of a path, if you have any right to it', input: { path }, output: { document } })
export const listAuth = operation({ ...common, id: 'system.listAuth', method: 'GET', path: '/v1/sys/auth', audit: 'system.auth-list', work: 'list', summary: 'List the auth methods', input: {}, output: { document } })

interface Asked {
  readonly paths?: readonly string[] | undefined
  readonly path?: readonly string[] | undefined
}

const pathsOf = ({ paths: many, path: one }: Asked): readonly string[] => {
  const asked = [...(many ?? []), ...(one ?? [])].filter((each) => each !== '')
  if (asked.length === 0) throw fail('invalid_request', 'capabilities.no_paths', 'paths must be supplied', { field: 'paths' })
  return asked
}

const answer = async (rights: RightsPort, call: Call, holder: Holder, asked: Asked): Promise<{ readonly document: Readonly<Record<string, unknown>> }> => {
  const wanted = pathsOf(asked)
  const found = await rights.capabilities(call, holder, wanted)
  if (found === undefined) throw holder !== 'caller' && 'accessor' in holder ? fail('invalid_request', 'capabilities.bad_accessor', 'invalid accessor') : fail('invalid_request', 'capabilities.bad_token', 'invalid token')
  const [first = ''] = wanted
  return { document: wanted.length === 1 ? { ...found, capabilities: found[first] ?? ['deny'] } : found }
}

const requireText = (given: Secret<string> | undefined): string => {
  const text = given === undefined ? '' : reveal(given, 'to find the token that is asked about')
  if (text === '') throw fail('invalid_request', 'capabilities.no_token', 'token must be supplied', { field: 'token' })
  return text
}

/** The same refusal for a mount that is not there and for one that the caller has no right to. */
const preflight = (asked: string): Error =>
  fail('permission_denied', 'mount.preflight', `preflight capability check returned 403, please ensure client's policies grant access to path "${asked.replace(/\/?$/, '/')}"`)

const mountOf = (mounts: readonly Mount[], asked: string): Mount | undefined => {
  const isAuth = asked.startsWith('auth/')
  const below = `${isAuth ? asked.slice(5) : asked}/`
  return mounts.filter((mount) => mount.class === (isAuth ? 'auth' : 'secret') && below.startsWith(`${mount.path}/`)).sort((a, b) => b.path.length - a.path.length)[0]
}

const builtInOf = (asked: string, orgId: string): { readonly path: string; readonly row: Readonly<Record<string, unknown>> } | undefined => {
  const isAuth = asked.startsWith('auth/')
  const first = (isAuth ? asked.slice(5) : asked).split('/')[0] ?? ''
  const row = builtInMount(isAuth ? 'auth' : 'secret', first, orgId, { effectiveTtls: true })
  return row === undefined ? undefined : { path: `${first}/`, row }
}

export const rightsOperations = (rights: RightsPort, mounts: Pick<MountsPort, 'registry'>): readonly Implemented[] =>
  implement(
    { capabilities, capabilitiesSelf, capabilitiesAccessor, resultantAcl, visibleMounts, visibleMount, listAuth },
    {
      async capabilities(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/capabilities' })
        return answer(rights, call, { token: requireText(input.token) }, input)
      },
      async capabilitiesSelf(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/capabilities-self' })
        return answer(rights, call, 'caller', input)
      },
      async capabilitiesAccessor(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/capabilities-accessor' })
        if (input.accessor === '') throw fail('invalid_request', 'capabilities.no_accessor', 'missing accessor', { field: 'accessor' })
        return answer(rights, call, { accessor: input.accessor }, input)
      },
      async resultantAcl(_input, call) {
        call.authorise('read', { kind: 'system', apiPath: 'sys/internal/ui/resultant-acl' })
        const { root, exactPaths, globPaths } = await rights.resultant(call)
        const asObjects = (table: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, unknown>> => Object.fromEntries(Object.entries(table).map(([at, names]) => [at, { capabilities: names }]))
        return { document: { chroot_namespace: '', root, ...(root ? {} : { exact_paths: asObjects(exactPaths), glob_paths: asObjects(globPaths) }) } }
      },
      async visibleMounts(_input, call) {
        const { mounts: all } = await mounts.registry(call.orgId)
        if (call.caller === undefined) return { document: { secret: publicTable('secret', all), auth: publicTable('auth', all) } }
        const reached = new Set(await rights.visible(call, all))
        const seen = all.filter((mount) => reached.has(mount) || isPublic(mount))
        const view = { effectiveTtls: true }
        return { document: { secret: mountTable('secret', seen, call.orgId, view), auth: mountTable('auth', seen, call.orgId, view) } }
      },
      async visibleMount(input, call) {
        const asked = input.path.replace(/\/+$/, '')
        const builtIn = builtInOf(asked, call.orgId)
        if (builtIn !== undefined) return { document: { ...builtIn.row, path: builtIn.path } }
        const mount = mountOf((await mounts.registry(call.orgId)).mounts, asked)
        if (mount === undefined || (await rights.visible(call, [mount])).length === 0) throw preflight(asked)
        return { document: { ...mountRow(mount, { effectiveTtls: true }), path: `${mount.path}/` } }
      },
      async listAuth(_input, call) {
        call.authorise('read', { kind: 'system', apiPath: 'sys/auth' })
        return { document: mountTable('auth', (await mounts.registry(call.orgId)).mounts, call.orgId) }
      },
    },
  )
