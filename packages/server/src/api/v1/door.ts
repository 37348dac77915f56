// Vault's door: its paths, verbs, envelope and status codes over the same operations. Sealed or not, sys/health and its kin
// are answered by the system door before a request comes here.

import { encodeOutput } from '../../kernel/output.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import type { Method, Operation } from '../../kernel/operation.ts'
import { NO_QUERY, parseQuery, sliceSegments } from '../../kernel/path.ts'
import type { Answer, DoorRequest, WarmForm } from '../../request/exchange.ts'
import type { LimitedPlace } from '../../request/limits.ts'
import { errorHeaders, type DoorLimits } from '../http/doors.ts'
import type { Door, HttpExchange } from '../http/exchange.ts'
import { peerOf } from '../http/peer.ts'
import { addHeaders } from '../http/reply.ts'
import { header, readBody, readMessage, textOf, type Message } from '../http/request.ts'
import { inlineLoginOf, isPlainRead, loginOf } from '../http/warm.ts'
import { bodyOf, envelopeOf, typeOf, unwrapped, type Envelope } from './envelope.ts'
import { logInInline, sayLoginFailed, wantsInlineAuth, type InlineLogin } from './inline-auth.ts'
import { helpOf } from './help.ts'
import { describe, methodOf, route, Routes, translateRouting, type Routed, type VaultBackend } from './routing.ts'
import { emptyStatus, refusalOf, toldFor } from './outcome.ts'
import { resolved, unresolved } from './unresolved.ts'
import { accessorIn, canWrap, parseWrapTtl, wrappedEnvelope } from './wrap.ts'

export type { Prepared, VaultBackend } from './routing.ts'

export interface VaultDoorOptions {
  readonly limits: DoorLimits
  backend(): VaultBackend | undefined
}

const MERGE_PATCH = 'application/merge-patch+json'

export const vaultDoor = (options: VaultDoorOptions): Door => {
  let routes: { readonly backend: VaultBackend; readonly routes: Routes } | undefined
  const routesOf = (backend: VaultBackend): Routes => {
    if (routes?.backend !== backend) routes = { backend, routes: new Routes(backend) }
    return routes.routes
  }
  const bodyLimits = { depth: options.limits.depth, bytes: options.limits.bodyBytes, exactNumbers: true, nullIsNothing: true, anyType: true }
  const unread: Door['unread'] = async (exchange, thrown) => {
    const backend = options.backend()
    return backend === undefined ? thrown : unresolved(backend, { exchange, startedAt: performance.now() }, thrown)
  }
  return {
    async handle(exchange) {
      const backend = options.backend()
      if (backend === undefined) throw fail('sealed', 'seal.sealed', 'Vault is sealed')
      let read: Read
      try {
        read = readAll(exchange, bodyLimits)
      } catch (thrown) {
        throw await unread(exchange, thrown)
      }
      const { message: sent } = read
      if (read.wantsHelp) return help(backend, routesOf(backend), exchange, sent)
      const asked = { backend, routes: routesOf(backend), ...read }
      if (!wantsInlineAuth(exchange)) return answer(exchange, asked, sent)
      const login = await logInInline(backend, asked.routes, exchange, sent)
      try {
        return await answer(exchange, asked, login.message, login)
      } catch (error) {
        await login.recorded()
        throw error
      }
    },
    unread,
    refuse(exchange, error) {
      const { status, bodyFor } = refusalOf(error)
      errorHeaders(exchange, error, status)
      // A plan has one fate for both records, and the login's is the first.
      if (error.code === 'audit_unavailable' && wantsInlineAuth(exchange)) sayLoginFailed(exchange)
      const reply = exchange.reply.code(status).header('content-type', JSON_TYPE)
      if (bodyFor === undefined) return reply.send()
      const { 'x-vault-token': token = '', authorization = '' } = exchange.request.headers
      const isNobody = token === '' && !/^bearer ./i.test(authorization)
      return reply.send(JSON.stringify(bodyFor(exchange.requestId, isNobody)))
    },
  }
}

interface Read extends Pick<Parts, 'message' | 'query' | 'body' | 'wrapTtlSeconds'> {
  readonly method: Method
  readonly wantsHelp: boolean
}

/** What the request says, whatever its path means. @throws what is refused for that */
const readAll = ({ request, target }: HttpExchange, bodyLimits: Parameters<typeof readBody>[1]): Read => {
  const query = request.method === 'SCAN' ? { ...parseQuery(target.query), scan: 'true' } : parseQuery(target.query)
  if (query['help'] !== undefined && query['help'] !== '' && request.method === 'GET') return { method: 'GET', query, message: readMessage(request), body: undefined, wrapTtlSeconds: undefined, wantsHelp: true }
  const method = methodOf(request.method, query)
  if (method === 'PATCH' && !(header(request, 'content-type') ?? '').startsWith(MERGE_PATCH)) throw fail('invalid_request', 'request.media_type', `PATCH requires Content-Type of ${MERGE_PATCH}, provided ${header(request, 'content-type') ?? ''}`, { httpStatus: 415 })
  if (target.trailingSlash && (method === 'POST' || method === 'PATCH')) throw fail('invalid_request', 'request.folder', "cannot write to a path ending in '/'")
  const message = readMessage(request)
  return { method, query, message, body: readBody(request, bodyLimits, message.token), wrapTtlSeconds: parseWrapTtl(header(request, 'x-vault-wrap-ttl')), wantsHelp: false }
}

interface AskedOf extends Pick<Read, 'method' | 'query' | 'body' | 'wrapTtlSeconds'> {
  readonly backend: VaultBackend
  readonly routes: Routes
}

/** @param login the request's own: its record and that of a read may become durable together, but whatever changes something waits for it */
const answer = async (exchange: HttpExchange, { backend, routes, method, query, body, wrapTtlSeconds }: AskedOf, message: Message, login?: InlineLogin): Promise<void> => {
  const { target } = exchange
  const segments = sliceSegments(target.segments, 1)
  const looked = { exchange, method, segments, message }
  const routed = await resolved(backend, looked, () => routeOf(backend, routes, { method, segments, isFolder: target.trailingSlash }, message))
  const parts: Parts = { message, query, body, wrapTtlSeconds }
  const limited = backend.limits?.active === true ? await resolved(backend, looked, () => placeOf(backend, exchange, routed, parts)) : undefined
  const { operation } = routed.prepared
  if (login !== undefined && !(method === 'GET' && operation.work === 'read') && operation.work !== 'list') await login.recorded()
  const answered = await run(exchange, routed, limited === undefined ? parts : { ...parts, limited })
  if (login !== undefined) await login.recorded()
  const made = envelope(exchange.requestId, routed, answered)
  if (parts.wrapTtlSeconds === undefined || operation.bare === true || !canWrap(operation.id, made)) send(exchange, routed, answered, made, rendered(routed, made))
  else send(exchange, routed, answered, made, JSON.stringify(await wrapped(backend, exchange, routed, { ...parts, caller: answered.caller }, made)))
}

/** What a path can be asked, for who has a token; the same for every verb. */
const help = async (backend: VaultBackend, routes: Routes, exchange: HttpExchange, message: Message): Promise<void> => {
  const segments = sliceSegments(exchange.target.segments, 1)
  const described = await resolved(backend, { exchange, method: 'GET', segments, message }, () => describe(backend, routes, segments, message))
  await backend.help?.run({ door: 'vault', requestId: exchange.requestId, leniency: 'lenient', token: message.token, namespace: described.namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp: message.sourceIp, mount: described.mount, raw: { path: { path: described.path }, query: { found: String(described.operations.length > 0), fixed: String(described.isFixed) }, body: undefined } })
  exchange.reply.code(200).header('content-type', JSON_TYPE).send(JSON.stringify(helpOf(described, backend.version)))
}

interface Parts {
  readonly message: Message
  readonly query: Readonly<Record<string, string>>
  readonly body: ReturnType<typeof readBody>
  readonly wrapTtlSeconds: number | undefined
  /** What rate limits judge; undefined while there are none. */
  readonly limited?: LimitedPlace | undefined
}

/** Some paths take the body as it is, whatever its names: KV version 1, cubbyholes, wrapping. */
const bodyFor = ({ input }: Operation, body: Parts['body']): Parts['body'] => (Object.hasOwn(input, 'document') && body !== undefined ? { document: body } : body)

/**
 * Some of Vault's own paths get the token that the request came with as a parameter. OAuth's clients say in a header who they are
 * (RFC 6749, 2.3.1), and where a token came from matters there (RFC 6750): those get the whole header.
 */
const pathFor = ({ input }: Operation, { request }: HttpExchange, params: Routed['params'], token: string | undefined): Routed['params'] => {
  const presented = token !== undefined && Object.hasOwn(input, 'presented') ? token : undefined
  const authorization = Object.hasOwn(input, 'authorization') ? header(request, 'authorization') : undefined
  return presented === undefined && authorization === undefined ? params : { ...params, ...(presented === undefined ? {} : { presented }), ...(authorization === undefined ? {} : { authorization }) }
}

const routeOf = async (...asked: Parameters<typeof route>): Promise<Routed> => {
  try {
    return await route(...asked)
  } catch (error) {
    throw translateRouting(error)
  }
}

/** What the query says to operations. */
const queryFor = (query: Parts['query']): Parts['query'] => {
  if (query === NO_QUERY) return query
  const { list: _list, help: _help, ...rest } = query
  return rest
}

const requestOf = (exchange: HttpExchange, routed: Routed, parts: Parts): DoorRequest => {
  const { message, query, body, wrapTtlSeconds, limited } = parts
  const { prepared: { operation }, params, mount, namespace, unknown, otherwise } = routed
  const { request, requestId } = exchange
  const given = unknown === undefined ? queryFor(query) : NO_QUERY
  const loginName = operation.work === 'login' && unknown === undefined && message.token === undefined ? loginOf(request, message.namespace) : undefined
  return {
    door: 'vault', requestId, leniency: 'lenient', token: message.token, namespace: operation.isEverywhere === true ? undefined : namespace, organizationHeader: message.namespace, projectHeader: undefined, idempotencyKey: message.idempotencyKey,
    sourceIp: message.sourceIp, sourcePort: () => request.socket.remotePort, headers: (name) => textOf(request.headers[name]), mfaHeader: header(request, 'x-vault-mfa'), peer: () => peerOf(request), mount, wrapTtlSeconds, limited,
    tell: (headers) => addHeaders(exchange, headers), apiPath: () => pathBelow(exchange, message.namespace, namespace),
    raw: unknown === undefined ? { path: pathFor(operation, exchange, params, message.token), query: given, body: bodyFor(operation, body) } : { path: params, query: { ...unknown }, body: undefined },
    otherwise: otherwise === undefined || operation.isEverywhere === true ? undefined : (authenticated) => otherwise.prepared.run({ ...requestOf(exchange, otherwise, parts), authenticated }),
    parameters: unknown === undefined ? () => ({ ...given, ...body }) : undefined,
    loginName, warm: loginName !== undefined || isWarmRead(exchange, routed, message, given) ? warmForm(request.url, routed) : undefined,
  }
}

/** What policies say of parameters a compiled plan does not look at, so a request that has some is not remembered. */
const isWarmRead = ({ request }: HttpExchange, { mount, unknown }: Routed, { namespace }: Message, given: Parts['query']): boolean =>
  unknown === undefined && mount !== undefined && (given === NO_QUERY || Object.keys(given).length === 0) && (isPlainRead(request) || inlineLoginOf(request, namespace) !== undefined)

/** The organization that a request names, or else its token does: whether it may enter that one is judged later. */
const placeOf = async (backend: VaultBackend, exchange: HttpExchange, { namespace, prepared: { operation } }: Routed, { message, body }: Parts): Promise<LimitedPlace> => {
  const named = namespace === undefined || namespace === '' ? undefined : await backend.organization(namespace)
  const role = body?.['role'] ?? body?.['name']
  // A list is one of a folder, however it was written.
  const path = pathBelow(exchange, message.namespace, namespace)
  return { orgId: named ?? (await backend.organizationOfToken(message.token)), apiPath: path.replace(/\/$/, ''), isFolder: operation.method === 'LIST' || path.endsWith('/'), role: typeof role === 'string' ? role : undefined }
}

const run = async (exchange: HttpExchange, routed: Routed, parts: Parts): Promise<Answer> => {
  const { prepared } = routed
  const request = requestOf(exchange, routed, parts)
  try {
    return await prepared.run(request)
  } catch (error) {
    if (!isCofferError(error)) throw error
    const told = toldFor(error, prepared.operation, request)
    if (isCofferError(told)) throw told
    return told
  }
}

// Exactly this, as Vault has it: hvac reads the body of an error only under this very type.
const JSON_TYPE = 'application/json'

const envelope = (requestId: string, { prepared: { operation }, mount }: Pick<Routed, 'prepared' | 'mount'>, answer: Answer): Envelope | undefined => envelopeOf(requestId, operation, answer, operation.access !== 'policy' || operation.id === 'system.rewrap' ? '' : (mount?.type ?? operation.tag))

const warmForm = (target: string, to: Pick<Routed, 'prepared' | 'mount'>): WarmForm => ({ target, contentType: JSON_TYPE, render: (data, requestId) => rendered(to, envelope(requestId, to, { status: 200, data, ignored: [] })) ?? '' })

/** Undefined: nothing to say, which is 204. */
const rendered = ({ prepared: { operation } }: Pick<Routed, 'prepared'>, made: Envelope | undefined): string | undefined => (made === undefined ? undefined : (unwrapped(operation, made) ?? JSON.stringify(bodyOf(operation, made))))

/** Without the organizations that it may begin with. */
const pathBelow = ({ target }: HttpExchange, header_: string | undefined, namespace: string | undefined): string => {
  const slugs = (text: string | undefined): number => (text ?? '').split('/').filter((slug) => slug !== '').length
  return target.segments.slice(1 + Math.max(0, slugs(namespace) - slugs(header_))).join('/') + (target.trailingSlash ? '/' : '')
}

/** Of a list it ends with a slash, however it was written. */
const pathOf = ({ target }: HttpExchange, { prepared: { operation } }: Routed): string => target.segments.slice(1).join('/') + (operation.method === 'LIST' ? '/' : '')

/** The envelope that names the token under which the answer is kept. */
const wrapped = async (backend: VaultBackend, exchange: HttpExchange, routed: Routed, { message, wrapTtlSeconds, caller }: Parts & Pick<Answer, 'caller'>, made: Envelope): Promise<Envelope> => {
  if (backend.wrapper === undefined || wrapTtlSeconds === undefined) return made
  const namespace = routed.namespace ?? (await backend.namespaceOf(await backend.organizationOfToken(message.token)))
  const body = { response: JSON.stringify(made), ttl: wrapTtlSeconds, creation_path: pathOf(exchange, routed), wrapped_accessor: accessorIn(made) }
  const answer = await backend.wrapper.run({ door: 'vault', requestId: exchange.requestId, raw: { path: {}, query: {}, body }, leniency: 'strict', token: undefined, namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp: message.sourceIp, onBehalfOf: caller })
  return wrappedEnvelope(made, encodeOutput(backend.wrapper.operation.output, answer.data ?? {}, true))
}

/** @param body undefined: nothing to say */
const send = ({ reply }: HttpExchange, { prepared: { operation } }: Routed, answer: Answer, made: Envelope | undefined, body: string | undefined): void => {
  if (body === undefined) reply.code(emptyStatus(answer.status)).send()
  else reply.code(answer.data === undefined ? 200 : answer.status).header('content-type', typeOf(operation, made, JSON_TYPE)).send(body)
}
