// Which operation a path of Vault's door means: namespaces off its front, then what is built in, then the mount of the
// longest prefix. Whether a path exists is told to those who may know it.

import { fail, isCofferError, type CofferError } from '../../kernel/errors.ts'
import type { Method, Operation } from '../../kernel/operation.ts'
import { sliceSegments, type PathSegments } from '../../kernel/path.ts'
import { reservedSlugs, type Mount, type OrgRegistry } from '../../kernel/tenancy.ts'
import type { Runner } from '../../request/pipeline.ts'
import type { Refuser } from '../../request/unresolved.ts'
import type { Message } from '../http/request.ts'
import { Router } from '../http/router.ts'

/** An operation with its runner and how its answer is wrapped. */
export interface Prepared {
  readonly operation: Operation
  readonly run: Runner
}

/** What the door needs once the server is unsealed. */
export interface VaultBackend {
  /** Paths that belong to no mount: sys, auth/token, cubbyhole. By full path below /v1. */
  readonly fixed: readonly Prepared[]
  /** For a path below no mount: decides who may know that. */
  readonly unknown: Prepared | undefined
  /** For `?help`: decides who may ask what a path is about. */
  readonly help: Prepared | undefined
  /** As sys/health says it. */
  readonly version: string
  /** Keeps an answer under a token of one use; no path of its own. */
  readonly wrapper: Prepared | undefined
  /** Operations by engine. */
  readonly engines: ReadonlyMap<string, readonly Prepared[]>
  engineOf(mount: Mount): string
  readonly rootOrgId: string
  /** For what could not be resolved. */
  readonly refuse?: Refuser | undefined
  /** Whether any request is limited. */
  readonly limits?: { readonly active: boolean } | undefined
  registry(orgId: string): Promise<OrgRegistry>
  /** The organization that slugs name below another one; undefined: none. */
  organization(slugPath: string): Promise<string | undefined>
  /** The organization that a token says it belongs to: it routes, it is not trusted. */
  organizationOfToken(token: string | undefined): Promise<string>
  /** The slugs that name an organization from root, each with a slash behind it. */
  namespaceOf(orgId: string): Promise<string>
}

/** No mount there, no such path in the mount, or not with this verb. */
export type Why = 'route' | 'path' | 'verb'

export interface Unknown {
  readonly why: Why
  readonly verb: Method
  /** Of the mount, or empty: engines say it in words of their own. */
  readonly engine: string
  /** The path below the mount. */
  readonly within: string
}

export interface Asked {
  readonly method: Method
  readonly segments: PathSegments
  /** Whether the path ends with a slash. */
  readonly isFolder?: boolean
}

export interface Routed {
  readonly prepared: Prepared
  readonly params: Readonly<Record<string, string>>
  readonly mount: Mount | undefined
  readonly namespace: string | undefined
  /** Why there is nothing here; told to those who may know. */
  readonly unknown?: Unknown
  /** When the path began with an organization's name: what it means to whoever may not enter that one. */
  readonly otherwise?: Routed | undefined
}

/** As Go reads booleans; Python's clients send True. */
const isSet = (value: string | undefined): boolean => {
  if (value === undefined || /^(0|f|F|false|FALSE|False|)$/.test(value)) return false
  if (!/^(1|t|T|true|TRUE|True)$/.test(value)) throw fail('invalid_request', 'request.bad_list', 'list and scan are true or false.', { field: 'list' })
  return true
}

export const methodOf = (method: string, query: Readonly<Record<string, string>>): Method => {
  if (method === 'PUT' || method === 'POST') return 'POST'
  if (method === 'GET' || method === 'HEAD') return isSet(query['list']) || isSet(query['scan']) ? 'LIST' : 'GET'
  if (method === 'SCAN') return 'LIST'
  if (method === 'LIST' || method === 'DELETE' || method === 'PATCH') return method
  if (method === 'OPTIONS') throw unsupported()
  throw fail('invalid_request', 'request.verb', `The verb ${method} means nothing here.`, { httpStatus: 405 })
}

const unsupported = (): CofferError => fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
const noRoute = (segments: PathSegments): CofferError => fail('not_found', 'vault.no_handler', `no handler for route "${segments.join('/')}". route entry not found.`)

export class Routes {
  readonly fixed: Router<Prepared>
  readonly #engines: ReadonlyMap<string, Router<Prepared>>

  constructor(backend: VaultBackend) {
    this.fixed = routerOf(backend.fixed)
    this.#engines = new Map([...backend.engines].map(([type, operations]) => [type, routerOf(operations)]))
  }

  /** Of a mount's engine or method. */
  of(type: string): Router<Prepared> | undefined {
    return this.#engines.get(type)
  }
}

const routerOf = (operations: readonly Prepared[]): Router<Prepared> => new Router(operations.map((prepared) => ({ method: prepared.operation.method, pattern: prepared.operation.path.replace(/^\/v1\//, '/'), target: prepared })))

const FIXED: ReadonlySet<string> = new Set(['sys', 'cubbyhole', 'identity'])
const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/

/** The mount of a class whose path is the longest prefix of the segments. */
const mountAt = (registry: OrgRegistry, cls: Mount['class'], segments: readonly string[]): Mount | undefined => {
  for (let length = Math.min(segments.length, registry.deepest); length > 0; length--) {
    const mount = registry.mountByPath(cls, length === 1 ? (segments[0] ?? '') : segments.slice(0, length).join('/'))
    if (mount !== undefined) return mount
  }
  return undefined
}

interface Split {
  readonly namespace: string | undefined
  readonly rest: PathSegments
  readonly orgId: string | undefined
  readonly taken: number
}

/** No name of an organization is on the path, and no header has one. */
const isUnnamed = ({ namespace }: Pick<Message, 'namespace'>, segments: PathSegments): boolean => namespace === undefined && reservedSlugs.has(segments[0] ?? '')

/**
 * Takes leading segments that name organizations off the path, as Vault does with namespaces. To a token of another organization they are
 * not names: it must not learn which there are, and its own mounts may be called like them.
 */
const splitNamespace = async (backend: VaultBackend, { namespace: header_, token }: Pick<Message, 'namespace' | 'token'>, segments: PathSegments): Promise<Split> => {
  let namespace = header_?.replace(/^\/|\/$/g, '')
  const own = token === undefined ? undefined : await backend.organizationOfToken(token)
  const mayName = (found: string): boolean => own === undefined || own === backend.rootOrgId || own === found
  const named = namespace === undefined || namespace === '' ? undefined : await backend.organization(namespace)
  // One that the token may not enter is as good as none, or the verbs of its paths would tell that it is there.
  let orgId = named === undefined || !mayName(named) ? undefined : named
  let at = 0
  for (; at < Math.min(segments.length - 1, 8); at++) {
    const next = namespace === undefined || namespace === '' ? (segments[at] ?? '') : `${namespace}/${segments[at] ?? ''}`
    if (reservedSlugs.has(segments[at] ?? '') || !SLUG.test(segments[at] ?? '')) break
    const found = await backend.organization(next)
    if (found === undefined || !mayName(found)) break
    namespace = next
    orgId = found
  }
  return { namespace, rest: sliceSegments(segments, at), orgId, taken: at }
}

/** Whose operations a path is about. */
interface Located {
  /** Undefined: nobody's. */
  readonly router: Router<Prepared> | undefined
  /** What the router's patterns are about. */
  readonly within: PathSegments
  readonly mount: Mount | undefined
  readonly namespace: string | undefined
  /** The path without the organizations at its front. */
  readonly rest: PathSegments
  readonly taken: number
}

const locate = async (backend: VaultBackend, routes: Routes, segments: PathSegments, message: Message): Promise<Located> => {
  const { namespace, rest, orgId, taken } = isUnnamed(message, segments) ? { namespace: undefined, rest: segments, orgId: undefined, taken: 0 } : await splitNamespace(backend, message, segments)
  const first = rest[0] ?? ''
  if (FIXED.has(first) || (first === 'auth' && rest[1] === 'token')) return { router: routes.fixed, within: rest, mount: undefined, namespace, rest, taken }
  // Below an organization that is not there nothing is mounted, as in one where nothing is.
  if (orgId === undefined && (namespace ?? '') !== '') return { router: undefined, within: rest, mount: undefined, namespace, rest, taken }
  const registry = await backend.registry(orgId ?? (message.token === undefined ? backend.rootOrgId : await backend.organizationOfToken(message.token)))
  const isAuth = first === 'auth'
  const mount = mountAt(registry, isAuth ? 'auth' : 'secret', isAuth ? rest.slice(1) : rest)
  if (mount === undefined) return { router: undefined, within: rest, mount, namespace, rest, taken }
  const skip = mount.path.split('/').length + (isAuth ? 1 : 0)
  return { router: routes.of(isAuth ? `auth:${mount.type}` : backend.engineOf(mount)), within: sliceSegments(rest, skip), mount, namespace, rest, taken }
}

export const route = async (backend: VaultBackend, routes: Routes, asked: Asked, message: Message): Promise<Routed> => {
  const { method, segments, isFolder = false } = asked
  const { router, within, mount, namespace, rest, taken } = await locate(backend, routes, segments, message)
  // What the path means to a caller who may not enter the organization that it begins with: nothing.
  const otherwise = taken === 0 ? undefined : unknownRoute(backend, segments, message.namespace, { why: 'route', verb: method, engine: '', within: '' })
  const unknown = (why: Why): Routed => ({ ...unknownRoute(backend, rest, namespace, { why, verb: method, engine: mount === undefined ? '' : backend.engineOf(mount), within: within.join('/') + (isFolder || method === 'LIST' ? '/' : '') }), otherwise })
  if (mount === undefined && router === undefined) return unknown('route')
  if (router === undefined) throw noRoute(within)
  // A path that ends with a slash is a folder: only lists have such.
  if (isFolder && mount !== undefined && method !== 'LIST') return unknown('path')
  try {
    return { ...matched(router.match(method, within)), mount, namespace, otherwise }
  } catch (error) {
    if (!isCofferError(error)) throw error
    if (error.code === 'request.no_route') return unknown('path')
    // Who may not know that a path exists learns nothing from the verbs that it takes; of logins everybody may.
    if (error.code !== 'request.method') throw error
    if (router.at(within).every(({ operation: { access } }) => access === 'public')) throw fail('invalid_request', 'request.login_method', 'unsupported operation', { httpStatus: 405 })
    // A list is asked of a folder, and what is none has no such path.
    return unknown(mount === undefined && method === 'LIST' ? 'path' : 'verb')
  }
}

/** What a path can be asked, whatever the verb; of a mount's own path, everything of its engine. */
export interface Described {
  readonly operations: readonly Operation[]
  readonly mount: Mount | undefined
  /** Whether it is one of the server's own paths. */
  readonly isFixed: boolean
  readonly namespace: string | undefined
  readonly path: string
}

export const describe = async (backend: VaultBackend, routes: Routes, segments: PathSegments, message: Message): Promise<Described> => {
  const { router, within, mount, namespace, rest } = await locate(backend, routes, segments, message)
  const isRoot = mount === undefined ? rest.length === 1 : within.length === 0
  const found = router === undefined ? [] : isRoot ? router.all().filter(({ operation: { path } }) => mount !== undefined || path.startsWith(`/v1/${rest[0] ?? ''}/`)) : router.at(within)
  return { operations: found.map(({ operation }) => operation), mount, isFixed: router === routes.fixed, namespace, path: rest.join('/') }
}

const unknownRoute = (backend: VaultBackend, rest: PathSegments, namespace: string | undefined, unknown: Unknown): Routed => {
  if (backend.unknown === undefined) throw noRoute(rest)
  return { prepared: backend.unknown, params: { path: rest.join('/') }, mount: undefined, namespace, unknown }
}

const matched = ({ target, params }: ReturnType<Router<Prepared>['match']>): Pick<Routed, 'prepared' | 'params'> => ({ prepared: target, params })

/** A path that exists with other verbs only is Vault's "unsupported operation". */
export const translateRouting = (error: unknown): unknown => (isCofferError(error) && error.code === 'request.method' ? unsupported() : error)

