// The one HTTP listener of every door. Doors sit behind wildcard routes, because mounts change at run time; nothing of
// Fastify's own parsing, validation or logging runs per request (docs/adr/0003).

import type { Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { createServer as createHttp, ServerResponse } from '../../lib/node/http.ts'
import { newRequestId } from '../../request/message.ts'
import { BodyRoom } from '../body-room.ts'
import { Answering, type AnsweringOptions } from './answering.ts'
import { collectBodies, keepUntilGone } from './bodies.ts'
import { standIns, stopReading, takeForeignVerb, whenAnswered } from './connections/foreign-verbs.ts'
import { Front } from './connections/front.ts'
import { nodeRequest, nodeSink } from './node-exchange.ts'
import { inTurn } from './connections/in-turn.ts'
import { ignoreUpgrades } from './connections/upgrades.ts'
import { WarmDoor, type WarmRefusal, type WarmSource } from './warm.ts'

export interface HttpOptions extends AnsweringOptions {
  readonly limits: {
    readonly headerBytes: number
    readonly bodyBytes: number
    readonly requestSeconds: number
    /** How often connections that are past a limit are looked for; five seconds when absent. */
    readonly checkMs?: number
  }
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined; readonly minVersion: '1.2' | '1.3' } | undefined
  /** Compiled plans; undefined while sealed or draining. */
  warm?(): WarmSource | undefined
}

const KEEP_ALIVE_SECONDS = 75
const MOST_HEADERS_SECONDS = 30
/** Node's own 30 seconds would be a large part of the limits that it looks after. */
const CHECK_MS = 5000

const headersMs = ({ requestSeconds }: HttpOptions['limits']): number => Math.min(requestSeconds, MOST_HEADERS_SECONDS) * 1000

/** On every answer, besides its request id. */
const commonHeaders = ({ tls }: HttpOptions): readonly string[] => ['cache-control', 'no-store', 'x-content-type-options', 'nosniff', ...(tls === undefined ? [] : ['strict-transport-security', 'max-age=31536000; includeSubDomains'])]

/**
 * Every suite of TLS 1.3 is a good one, so the client has what it would rather have, which is the one that its machine is fast at (RFC 9325, 4.2.1 asks for no order there; Vault
 * and Mozilla's recommended configurations do the same). Some of 1.2 are better than others.
 */
const honorsOrder = (tls: NonNullable<HttpOptions['tls']>): boolean => tls.minVersion === '1.2'

const refusals: Readonly<Record<string, string>> = Object.freeze({ ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout', HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large' })

/** What the client does not take within this time is lost. */
const REFUSAL_MS = 5000

/** What the parser itself refuses gets a plain answer, after those that the connection still owes; nothing of the request is in it. */
const refuseConnection = (error: Error & { readonly code?: string }, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!(socket instanceof Socket)) {
    socket.destroy(error)
    return
  }
  stopReading(socket)
  whenAnswered(socket, () => {
    const status = refusals[error.code ?? ''] ?? '400 Bad Request'
    const body = JSON.stringify({ errors: [status.slice(4).toLowerCase()] })
    // Behind the beginning of an answer it would be part of that.
    const isBegun = '_httpMessage' in socket && socket._httpMessage instanceof ServerResponse && socket._httpMessage.headersSent
    if (socket.writable && !isBegun) socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
    socket.destroySoon()
    const late = setTimeout(() => socket.destroy(), REFUSAL_MS).unref()
    socket.once('close', () => clearTimeout(late))
  })
}

/** What a request expects: "100 Continue" is said when it is its turn. Any other expectation may be ignored (RFC 9110, 10.1.1); Node would refuse it before anything here sees the request. */
const meetExpectations = (server: Server, { request, expecting }: ReturnType<typeof inTurn>): void => {
  server.on('checkContinue', expecting)
  server.on('checkExpectation', request)
}

const makeServer = (options: HttpOptions, warm: WarmDoor, answering: Answering): FastifyInstance => {
  const { limits, tls } = options
  const common = { maxHeaderSize: limits.headerBytes, requestTimeout: limits.requestSeconds * 1000, headersTimeout: headersMs(limits), keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000, joinDuplicateHeaders: false, requireHostHeader: false, connectionsCheckingInterval: limits.checkMs ?? CHECK_MS }
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
    frameworkErrors: (error, request, reply) => refuseUnparsed(options, answering, request, reply, error),
    serverFactory: (handler) => {
      const turns = inTurn(warm.before(handler))
      const made = tls === undefined
        ? createHttp(common, turns.request)
        : createHttps({ ...common, handshakeTimeout: common.headersTimeout, cert: tls.cert, key: tls.key, minVersion: tls.minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3', honorCipherOrder: honorsOrder(tls), ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }) }, turns.request)
      meetExpectations(made, turns)
      return made
    },
  })
  server.current = app.server
  ignoreUpgrades(app.server, (socket) => refuseConnection(Object.assign(new Error('too many headers'), { code: 'HPE_HEADER_OVERFLOW' }), socket))
  for (const verb of standIns) app.addHttpMethod(verb, { hasBody: true })
  return app
}

/** Builds the listener; nothing listens yet. */
export const buildHttp = (options: HttpOptions): FastifyInstance => {
  const headers = commonHeaders(options)
  const answering = new Answering(options, headers)
  const warm = new WarmDoor(() => options.warm?.(), { headers, keepAliveSeconds: KEEP_ALIVE_SECONDS })
  const app = makeServer(options, warm, answering)
  const room = new BodyRoom(options.limits.bodyBytes)
  const front = new Front({ warm, answering, room, limits: { ...options.limits, headersMs: headersMs(options.limits) }, keepAliveSeconds: KEEP_ALIVE_SECONDS })
  front.attach(app.server, options.tls === undefined ? 'connection' : 'secureConnection')
  // Bodies stay bytes: they are parsed with bounds by the door, once.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', collectBodies(room, options.limits.bodyBytes))
  app.setErrorHandler((error, request, reply) => refuseUnparsed(options, answering, request, reply, error))
  const serve = (request: FastifyRequest, reply: FastifyReply): void => {
    const asked = nodeRequest(request)
    const send = nodeSink(reply)
    const refusal = warm.refusalOf(request.raw)
    const general = (late?: WarmRefusal): void => {
      const [claiming, sink] = keepUntilGone(room, asked, send)
      answering.answer(claiming, late?.requestId ?? request.id, sink, late?.error ?? refusal?.error)
    }
    if (refusal !== undefined || !warm.beginWhole(asked, { send, general })) general()
  }
  app.setNotFoundHandler(serve)
  app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', ...standIns], url: '/*', handler: serve })
  app.addHook('preClose', () => closeFront(app.server, front))
  return app
}

const SWEEP_MS = 50

/** Closing ends connections that Node takes for idle; one whose answer the front has under way looks so. One with a request of Node's under way is idle later, and would be kept. */
const closeFront = async (server: Server, front: Front): Promise<void> => {
  await front.close()
  if (!server.listening) return
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  server.once('close', () => clearInterval(sweep))
}

/** What is refused before there is a whole request: a body that is too large, a broken length, one that finds no room. Fastify's texts name no content. */
const refuseUnparsed = (options: HttpOptions, answering: Answering, request: FastifyRequest, reply: FastifyReply, thrown: unknown): void => {
  const status = thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500
  const error =
    status === 413
      ? fail('invalid_request', 'request.too_large', `The body is larger than ${options.limits.bodyBytes} bytes.`, { field: 'body', httpStatus: 413 })
      : status >= 400 && status < 500
        ? fail('invalid_request', 'request.malformed', 'The request is malformed.', { httpStatus: status })
        : asCofferError(thrown)
  answering.refuse(nodeRequest(request), request.id, nodeSink(reply), error)
}
