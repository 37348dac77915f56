// Vault's door: its paths, verbs, envelope and status codes over the same operations. Sealed or not, sys/health and its kin
// are answered by the system door before a request comes here.

import { fail, isCofferError, type CofferError } from '../../kernel/errors.ts'
import type { Method, Operation } from '../../kernel/operation.ts'
import { parseQuery, sliceSegments, type PathSegments } from '../../kernel/path.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import type { Answer, WarmForm } from '../../request/exchange.ts'
import type { Runner } from '../../request/pipeline.ts'
import { errorHeaders, type DoorLimits } from '../http/doors.ts'
import { header, readBody, readMessage, type Message } from '../http/request.ts'
import { Router } from '../http/router.ts'
import { isPlainRead } from '../http/warm.ts'
import type { Door, HttpExchange } from '../http/server.ts'
import { bodyOf, envelopeOf, errorEnvelope } from './envelope.ts'
import { errorsOf, vaultStatus } from './status.ts'

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
  /** Operations by engine. */
  readonly engines: ReadonlyMap<string, readonly Prepared[]>
  engineOf(mount: Mount): string
  readonly rootOrgId: string
  registry(orgId: string): Promise<OrgRegistry>
  /** The organization that slugs name below another one; undefined: none. */
  organization(slugPath: string): Promise<string | undefined>
  /** The organization that a token says it belongs to: it routes, it is not trusted. */
  organizationOfToken(token: string | undefined): Promise<string>
}

export interface VaultDoorOptions {
  readonly limits: DoorLimits
  backend(): VaultBackend | undefined
}

interface Routed {
  readonly prepared: Prepared
  readonly params: Readonly<Record<string, string>>
  readonly mount: Mount | undefined
  readonly namespace: string | undefined
}

const isSet = (value: string | undefined): boolean => value === 'true' || value === '1'

const methodOf = (method: string, query: Readonly<Record<string, string>>): Method => {
  if (method === 'PUT' || method === 'POST') return 'POST'
  if (method === 'GET' || method === 'HEAD') return isSet(query['list']) || isSet(query['scan']) ? 'LIST' : 'GET'
  if (method === 'SCAN') return 'LIST'
  if (method === 'LIST' || method === 'DELETE' || method === 'PATCH') return method
  throw fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
}

const unsupported = (): CofferError => fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
const noRoute = (segments: PathSegments): CofferError => fail('not_found', 'vault.no_handler', `no handler for route "${segments.join('/')}". route entry not found.`)

class Routes {
  readonly #fixed: Router<Prepared>
  readonly #engines: ReadonlyMap<string, Router<Prepared>>

  constructor(backend: VaultBackend) {
    this.#fixed = routerOf(backend.fixed)
    this.#engines = new Map([...backend.engines].map(([type, operations]) => [type, routerOf(operations)]))
  }

  fixed(method: Method, segments: PathSegments): ReturnType<Router<Prepared>['match']> {
    return this.#fixed.match(method, segments)
  }

  engine(type: string, method: Method, segments: PathSegments): ReturnType<Router<Prepared>['match']> {
    const router = this.#engines.get(type)
    if (router === undefined) throw noRoute(segments)
    return router.match(method, segments)
  }
}

const routerOf = (operations: readonly Prepared[]): Router<Prepared> => new Router(operations.map((prepared) => ({ method: prepared.operation.method, pattern: prepared.operation.path.replace(/^\/v1\//, '/'), target: prepared })))

const FIXED: ReadonlySet<string> = new Set(['sys', 'cubbyhole', 'identity'])

/** The mount of a class whose path is the longest prefix of the segments. */
const mountAt = (registry: OrgRegistry, cls: Mount['class'], segments: readonly string[]): Mount | undefined => {
  for (let length = segments.length; length > 0; length--) {
    const mount = registry.mountByPath(cls, segments.slice(0, length).join('/'))
    if (mount !== undefined) return mount
  }
  return undefined
}

/** Takes leading segments that name organizations off the path, as Vault does with namespaces. */
const splitNamespace = async (backend: VaultBackend, header_: string | undefined, segments: PathSegments): Promise<{ readonly namespace: string | undefined; readonly rest: PathSegments; readonly orgId: string | undefined }> => {
  let namespace = header_?.replace(/^\/|\/$/g, '')
  let orgId = namespace === undefined || namespace === '' ? undefined : await backend.organization(namespace)
  let at = 0
  for (; at < Math.min(segments.length - 1, 8); at++) {
    const next = namespace === undefined || namespace === '' ? (segments[at] ?? '') : `${namespace}/${segments[at] ?? ''}`
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(segments[at] ?? '')) break
    const found = await backend.organization(next)
    if (found === undefined || (segments[at] === 'root' && at === 0)) break
    namespace = next
    orgId = found
  }
  return { namespace, rest: sliceSegments(segments, at), orgId }
}

const route = async (backend: VaultBackend, routes: Routes, method: Method, segments: PathSegments, message: Message): Promise<Routed> => {
  const { namespace, rest, orgId } = await splitNamespace(backend, message.namespace, segments)
  const first = rest[0] ?? ''
  const fixed = FIXED.has(first) || (first === 'auth' && rest[1] === 'token')
  if (fixed) {
    try {
      return { ...matched(routes.fixed(method, rest)), mount: undefined, namespace }
    } catch (error) {
      if (isCofferError(error) && error.code === 'request.no_route') return unknownRoute(backend, rest, namespace)
      throw error
    }
  }
  const registry = await backend.registry(orgId ?? (await backend.organizationOfToken(message.token)))
  const isAuth = first === 'auth'
  const mount = mountAt(registry, isAuth ? 'auth' : 'secret', isAuth ? rest.slice(1) : rest)
  if (mount === undefined) return unknownRoute(backend, rest, namespace)
  const skip = mount.path.split('/').length + (isAuth ? 1 : 0)
  return { ...matched(routes.engine(isAuth ? `auth:${mount.type}` : backend.engineOf(mount), method, sliceSegments(rest, skip))), mount, namespace }
}

const unknownRoute = (backend: VaultBackend, rest: PathSegments, namespace: string | undefined): Routed => {
  if (backend.unknown === undefined) throw noRoute(rest)
  return { prepared: backend.unknown, params: { path: rest.join('/') }, mount: undefined, namespace }
}

const matched = ({ target, params }: ReturnType<Router<Prepared>['match']>): Pick<Routed, 'prepared' | 'params'> => ({ prepared: target, params })

/** A path that exists with other verbs only is Vault's "unsupported operation". */
const translateRouting = (error: unknown): unknown => (isCofferError(error) && error.code === 'request.method' ? unsupported() : error)

const MERGE_PATCH = 'application/merge-patch+json'

export const vaultDoor = (options: VaultDoorOptions): Door => {
  let routes: { readonly backend: VaultBackend; readonly routes: Routes } | undefined
  const routesOf = (backend: VaultBackend): Routes => {
    if (routes?.backend !== backend) routes = { backend, routes: new Routes(backend) }
    return routes.routes
  }
  return {
    async handle(exchange) {
      const backend = options.backend()
      if (backend === undefined) throw fail('sealed', 'seal.sealed', 'Vault is sealed')
      const { request, target } = exchange
      const query = exchange.method === 'SCAN' ? { ...parseQuery(target.query), scan: 'true' } : parseQuery(target.query)
      const method = methodOf(exchange.method, query)
      if (method === 'PATCH' && !(header(request, 'content-type') ?? '').startsWith(MERGE_PATCH)) throw fail('invalid_request', 'request.media_type', `PATCH requires Content-Type of ${MERGE_PATCH}, provided ${header(request, 'content-type') ?? ''}`, { httpStatus: 415 })
      const message = readMessage(request)
      const routed = await route(backend, routesOf(backend), method, sliceSegments(target.segments, 1), message).catch((error: unknown) => {
        throw translateRouting(error)
      })
      const answer = await run(exchange, routed, { message, query, body: readBody(request, { depth: options.limits.depth, bytes: options.limits.bodyBytes, exactNumbers: true }, message.token) })
      send(exchange, routed, answer)
    },
    refuse(exchange, error) {
      errorHeaders(exchange, error)
      const body = error.data === undefined ? { errors: errorsOf(error) } : errorEnvelope(exchange.requestId, error.data, 'kv')
      void exchange.reply.code(vaultStatus(error)).header('content-type', 'application/json').send(JSON.stringify(body))
    },
  }
}

interface Parts {
  readonly message: Message
  readonly query: Readonly<Record<string, string>>
  readonly body: ReturnType<typeof readBody>
}

/** Some paths take the body as it is, whatever its names: KV version 1, cubbyholes, wrapping. */
const bodyFor = ({ input, id }: Operation, body: ReturnType<typeof readBody>): ReturnType<typeof readBody> => {
  if (id === 'vault.unknownPath') return undefined
  return Object.hasOwn(input, 'document') && body !== undefined ? { document: body } : body
}

const run = (exchange: HttpExchange, { prepared, params, mount, namespace }: Routed, { message, query, body }: Parts): Promise<Answer> => {
  const { list: _list, help: _help, ...rest } = query
  return prepared.run({
    door: 'vault',
    requestId: exchange.requestId,
    // Vault's own paths get the token that the request came with as a parameter.
    raw: { path: message.token === undefined ? params : { ...params, presented: message.token }, query: mount === undefined && prepared.operation.id === 'vault.unknownPath' ? {} : rest, body: bodyFor(prepared.operation, body) },
    leniency: 'lenient',
    token: message.token,
    namespace,
    projectHeader: undefined,
    idempotencyKey: message.idempotencyKey,
    sourceIp: message.sourceIp,
    mount,
    warm: isPlainRead(exchange.request.raw) && mount !== undefined ? warmForm(exchange.request.raw.url ?? '/', { prepared, mount }) : undefined,
  })
}

const JSON_TYPE = 'application/json; charset=utf-8'

const warmForm = (target: string, to: Pick<Routed, 'prepared' | 'mount'>): WarmForm => ({ target, contentType: JSON_TYPE, render: (data, requestId) => rendered(requestId, to, { status: 200, data, ignored: [] }) ?? '' })

/** Undefined: nothing to say, which is 204. */
const rendered = (requestId: string, { prepared: { operation }, mount }: Pick<Routed, 'prepared' | 'mount'>, answer: Answer): string | undefined => {
  const envelope = envelopeOf(requestId, operation, answer, mount?.type ?? operation.tag)
  return envelope === undefined ? undefined : JSON.stringify(bodyOf(operation, envelope))
}

const send = (exchange: HttpExchange, routed: Routed, answer: Answer): void => {
  const body = rendered(exchange.requestId, routed, answer)
  if (body === undefined) void exchange.reply.code(204).send()
  else void exchange.reply.code(answer.data === undefined ? 200 : answer.status).header('content-type', JSON_TYPE).send(body)
}
