// The one HTTP listener of every door. Doors sit behind wildcard routes, because mounts change at run time; nothing of
// Fastify's own parsing, validation or logging runs per request (docs/adr/0003).

import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { asCofferError, fail, type CofferError } from '../../kernel/errors.ts'
import { parseTarget, type ParsedTarget } from '../../kernel/path.ts'
import { newRequestId } from '../../request/message.ts'

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
  readonly log: { failed(requestId: string, where: string, error: unknown): void }
}

const EMPTY_TARGET: ParsedTarget = { segments: Object.freeze([]) as never, trailingSlash: false, query: '' }

const makeServer = (options: HttpOptions): FastifyInstance => {
  const { limits, tls } = options
  const common = { maxHeaderSize: limits.headerBytes, requestTimeout: limits.requestSeconds * 1000, headersTimeout: Math.min(limits.requestSeconds, 30) * 1000, keepAliveTimeout: 75_000, joinDuplicateHeaders: false }
  return fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    exposeHeadRoutes: false,
    requestTimeout: common.requestTimeout,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    genReqId: newRequestId,
    frameworkErrors: (error, request, reply) => void refuseUnparsed(options, request, reply, error),
    serverFactory: (handler) =>
      tls === undefined
        ? createHttp(common, handler)
        : createHttps({ ...common, cert: tls.cert, key: tls.key, minVersion: tls.minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3', ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }) }, handler),
  })
}

/** Builds the listener; nothing listens yet. */
export const buildHttp = (options: HttpOptions): FastifyInstance => {
  const app = makeServer(options)
  // Bodies stay bytes: they are parsed with bounds by the door, once.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => refuseUnparsed(options, request, reply, error))
  app.setNotFoundHandler((request, reply) => serve(options, request, reply))
  app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'], url: '/*', handler: (request, reply) => serve(options, request, reply) })
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    if (options.tls !== undefined) reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains')
  })
  return app
}

const serve = async (options: HttpOptions, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
  let exchange: HttpExchange = { request, reply, requestId: request.id, method: request.method, target: EMPTY_TARGET }
  let door = options.doorOf(EMPTY_TARGET)
  try {
    exchange = { ...exchange, target: parseTarget(request.raw.url ?? '/') }
    door = options.doorOf(exchange.target)
    await door.handle(exchange)
  } catch (thrown) {
    const error = asCofferError(thrown)
    if (error.kind === 'internal' && error.code === 'internal') options.log.failed(request.id, 'http', thrown)
    door.refuse(exchange, error)
  }
  await reply
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
  let target = EMPTY_TARGET
  try {
    target = parseTarget(request.raw.url ?? '/')
  } catch {
    // the default door answers
  }
  options.doorOf(target).refuse({ request, reply, requestId: request.id, method: request.method, target }, error)
}
