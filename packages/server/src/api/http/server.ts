// The one HTTP listener of every door. Doors sit behind wildcard routes, because mounts change at run time; nothing of
// Fastify's own parsing, validation or logging runs per request (docs/adr/0003).

import { createServer as createHttp, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { asCofferError, fail, type CofferError } from '../../kernel/errors.ts'
import { parseTarget, type ParsedTarget } from '../../kernel/path.ts'
import type { ServerSettings } from '../../kernel/ports/server-settings.ts'
import { newRequestId } from '../../request/message.ts'
import { answerCors } from './cors.ts'
import type { Flights } from './flights.ts'
import { standIns, takeForeignVerb, verbOf } from './foreign-verbs.ts'
import { Front } from './front.ts'
import { WarmDoor, type WarmSource } from './warm.ts'

/** One door: takes what is below its prefix. */
export interface Door {
  handle(exchange: HttpExchange): Promise<void>
  /** Renders an error in the door's own form. */
  refuse(exchange: HttpExchange, error: CofferError): void
}

export interface HttpExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly requestId: string
  readonly method: string
  readonly target: ParsedTarget
}

export interface HttpOptions {
  readonly limits: { readonly headerBytes: number; readonly bodyBytes: number; readonly requestSeconds: number }
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined; readonly minVersion: '1.2' | '1.3' } | undefined
  /** Chooses the door by the first segments. */
  doorOf(target: ParsedTarget): Door
  /** Compiled plans; undefined while sealed or draining. */
  warm?(): WarmSource | undefined
  /** What administrators have set; undefined while sealed. */
  settings?(): ServerSettings | undefined
  readonly flights?: Flights
  readonly log: { failed(requestId: string, where: string, error: unknown): void }
}

const KEEP_ALIVE_SECONDS = 75

// Whose door answers for a path that cannot be parsed: Vault's own, where the path says so.
const unparsedTarget = (url: string | undefined): ParsedTarget => (url !== undefined && /^\/v1\/(?!secrets(\/|\?|$))/.test(url) ? parseTarget('/v1/-') : EMPTY_TARGET)

const EMPTY_TARGET: ParsedTarget = { segments: Object.freeze([]) as never, trailingSlash: false, query: '' }

/** On every answer, besides its request id. */
const commonHeaders = (options: HttpOptions): readonly (readonly [name: string, value: string])[] => [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ...(options.tls === undefined ? [] : [['strict-transport-security', 'max-age=31536000; includeSubDomains'] as const]),
]

const refusals: Readonly<Record<string, string>> = Object.freeze({ ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout', HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large' })

/** What the parser itself refuses gets a plain answer; nothing of the request is in it. */
const refuseConnection = (error: Error & { readonly code?: string }, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const status = refusals[error.code ?? ''] ?? '400 Bad Request'
  const body = JSON.stringify({ errors: [status.slice(4).toLowerCase()] })
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
  socket.destroy(error)
}

const makeServer = (options: HttpOptions, warm: WarmDoor): FastifyInstance => {
  const { limits, tls } = options
  const common = { maxHeaderSize: limits.headerBytes, requestTimeout: limits.requestSeconds * 1000, headersTimeout: Math.min(limits.requestSeconds, 30) * 1000, keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000, joinDuplicateHeaders: false }
  const server: { current: Server | undefined } = { current: undefined }
  const app: FastifyInstance = fastify({
    logger: false,
    clientErrorHandler: (error, socket) => {
      const refuse = (): void => refuseConnection(error, socket)
      if (server.current === undefined || !takeForeignVerb(server.current, error, socket, refuse)) refuse()
    },
    bodyLimit: limits.bodyBytes,
    exposeHeadRoutes: false,
    requestTimeout: common.requestTimeout,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    genReqId: (request) => warm.refusalOf(request)?.requestId ?? newRequestId(),
    frameworkErrors: (error, request, reply) => refuseUnparsed(options, request, reply, error),
    serverFactory: (handler) =>
      tls === undefined
        ? createHttp(common, warm.before(handler))
        : createHttps({ ...common, cert: tls.cert, key: tls.key, minVersion: tls.minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3', ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }) }, warm.before(handler)),
  })
  server.current = app.server
  for (const verb of standIns) app.addHttpMethod(verb, { hasBody: true })
  return app
}

/** Builds the listener; nothing listens yet. */
export const buildHttp = (options: HttpOptions): FastifyInstance => {
  const headers = commonHeaders(options)
  const warm = new WarmDoor(() => options.warm?.(), { headers: headers.flat(), keepAliveSeconds: KEEP_ALIVE_SECONDS })
  const app = makeServer(options, warm)
  const front = new Front(warm, options.limits.headerBytes)
  front.attach(app.server, options.tls === undefined ? 'connection' : 'secureConnection')
  // Bodies stay bytes: they are parsed with bounds by the door, once.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => refuseUnparsed(options, request, reply, error))
  app.setNotFoundHandler((request, reply) => serve(options, warm, request, reply))
  app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', ...standIns], url: '/*', handler: (request, reply) => serve(options, warm, request, reply) })
  // Closing ends connections that Node takes for idle; one whose plan's answer is under way looks so.
  app.addHook('preClose', () => front.quiet())
  app.addHook('onSend', (request, reply, _payload, done) => {
    reply.header('x-request-id', request.id)
    // What may be kept (keys that are public) says so itself.
    for (const [name, value] of headers) if (name !== 'cache-control' || !reply.hasHeader(name)) reply.header(name, value)
    if (String(reply.getHeader('content-type') ?? '').startsWith('text/html')) for (const [name, values] of Object.entries(options.settings?.()?.uiHeaders ?? {})) reply.header(name, values)
    done()
  })
  return app
}

const serve = async (options: HttpOptions, warm: WarmDoor, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
  let exchange: HttpExchange = { request, reply, requestId: request.id, method: verbOf(request.method), target: EMPTY_TARGET }
  let door = options.doorOf(unparsedTarget(request.raw.url))
  try {
    exchange = { ...exchange, target: parseTarget(request.raw.url ?? '/') }
    door = options.doorOf(exchange.target)
    options.flights?.begin(exchange)
    const refusal = warm.refusalOf(request.raw)
    if (refusal !== undefined) door.refuse(exchange, refusal.error)
    else if (!answerCors(exchange, options.settings?.()?.cors)) await door.handle(exchange)
  } catch (thrown) {
    const error = asCofferError(thrown)
    if (error.kind === 'internal' && error.code === 'internal') options.log.failed(request.id, 'http', thrown)
    door.refuse(exchange, error)
  }
  try {
    await reply
  } finally {
    options.flights?.end(exchange.requestId)
  }
}

/** What Fastify itself refuses: a body that is too large, a broken length. Its texts name no content. */
const refuseUnparsed = (options: HttpOptions, request: FastifyRequest, reply: FastifyReply, thrown: unknown): void => {
  const status = thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500
  const error =
    status === 413
      ? fail('invalid_request', 'request.too_large', `The body is larger than ${options.limits.bodyBytes} bytes.`, { field: 'body', httpStatus: 413 })
      : status >= 400 && status < 500
        ? fail('invalid_request', 'request.malformed', 'The request is malformed.', { httpStatus: status })
        : asCofferError(thrown)
  if (error.kind === 'internal') options.log.failed(request.id, 'http', thrown)
  let target = unparsedTarget(request.raw.url)
  try {
    target = parseTarget(request.raw.url ?? '/')
  } catch {
    // the default door answers
  }
  options.doorOf(target).refuse({ request, reply, requestId: request.id, method: verbOf(request.method), target }, error)
}
