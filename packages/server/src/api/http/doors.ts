// The native and the flat door: names and envelopes, nothing else. Each route is a prepared operation.

import { encodeOutput } from '../../kernel/output.ts'
import { fail, type CofferError } from '../../kernel/errors.ts'
import type { RawInput } from '../../kernel/input.ts'
import type { Implemented, Method, Operation } from '../../kernel/operation.ts'
import { parseQuery } from '../../kernel/path.ts'
import type { Answer, WarmForm } from '../../request/exchange.ts'
import type { Runner } from '../../request/pipeline.ts'
import type { Refuser } from '../../request/unresolved.ts'
import { readBody, readMessage, traitsOf, type Message } from './request.ts'
import { isPlainRead, plainBody } from './warm.ts'
import { addHeaders } from './reply.ts'
import { Router, type Match } from './router.ts'
import { refusedEarly } from './unresolved.ts'
import type { Door, HttpExchange, HttpRequest } from './exchange.ts'

export interface DoorLimits {
  readonly depth: number
  readonly bodyBytes: number
}

export interface NativeDoorOptions {
  readonly name: 'rest' | 'flat'
  readonly limits: DoorLimits
  /** Undefined while sealed. */
  runners(): ReadonlyMap<string, Runner> | undefined
  /** For requests that no operation could be found for; undefined while sealed. */
  refuser(): Refuser | undefined
  readonly operations: readonly Pick<Implemented, 'operation'>[]
}

const methods: ReadonlySet<string> = new Set<Method>(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** Retry-After and the like. */
export const errorHeaders = (exchange: HttpExchange, error: CofferError, status = error.httpStatus): void => {
  const { reply } = exchange
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  else if (error.httpStatus === 503) reply.header('retry-after', '1')
  if (status === 401 && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', 'Bearer')
}

const JSON_TYPE = 'application/json; charset=utf-8'

const sendJson = (exchange: HttpExchange, status: number, body: string): void => {
  exchange.reply.code(status).header('content-type', JSON_TYPE).send(body)
}

/** The whole body for an operation's data. */
const render = (name: NativeDoorOptions['name'], operation: Operation, answered: Answer['data']): string => {
  const data = answered === undefined ? null : encodeOutput(operation.output, answered)
  return JSON.stringify(name === 'flat' ? data : { error: false, message: operation.summary, data })
}

/** For what a plan may answer the next time: plain reads, and those that say in a body what they read. It outlives the request, and keeps nothing of it. */
const warmForm = (name: NativeDoorOptions['name'], operation: Operation, request: HttpRequest): WarmForm | undefined => {
  const { method, url: target } = request
  const isAsked = method === 'POST' && operation.work === 'read'
  if (!isAsked && !isPlainRead(request)) return undefined
  const body = isAsked ? plainBody(request) : undefined
  return isAsked && body === undefined ? undefined : { target, contentType: JSON_TYPE, render: (data) => render(name, operation, data), body }
}

interface Read {
  readonly operation: Operation
  readonly params: Match<Operation>['params']
  readonly runner: Runner
  readonly message: Message
  readonly query: RawInput['query']
  readonly body: RawInput['body']
}

/** What is asked. @throws what is refused before it is known */
const reader = ({ limits, runners }: NativeDoorOptions, router: Router<Operation>): ((exchange: HttpExchange) => Read) => {
  const bodyLimits = { depth: limits.depth, bytes: limits.bodyBytes }
  return ({ request, target }) => {
    const { method } = request
    if (!methods.has(method)) throw fail('invalid_request', 'request.method', `The method ${method} is not known here.`, { field: 'method', httpStatus: 405 })
    if (target.trailingSlash) throw fail('not_found', 'request.no_route', 'There is nothing at this path. Native paths have no trailing slash.')
    const { target: operation, params } = router.match(method, target.segments)
    const runner = runners()?.get(operation.id)
    if (runner === undefined) throw fail('sealed', 'seal.sealed', 'The server is sealed. Unseal it first.')
    const message = readMessage(request)
    const body = readBody(request, bodyLimits, message.token)
    if (body !== undefined && (method === 'GET' || method === 'DELETE')) throw fail('invalid_request', 'request.unexpected_body', `${method} takes no body.`, { field: 'body' })
    return { operation, params, runner, message, query: parseQuery(target.query), body }
  }
}

/** `{error, message, data}` for the native door, bare bodies for the flat one; errors of both in the native form. */
export const nativeDoor = (options: NativeDoorOptions): Door => {
  const router = new Router(options.operations.map(({ operation }) => ({ method: operation.method, pattern: operation.path, target: operation })))
  const read = reader(options, router)
  const unread: Door['unread'] = (exchange, thrown) => {
    const isKnown = !exchange.target.trailingSlash && router.at(exchange.target.segments).length > 0
    return refusedEarly({ door: options.name, refuse: options.refuser(), exchange, startedAt: performance.now(), path: isKnown ? undefined : '' }, thrown)
  }
  return {
    async handle(exchange) {
      const { request } = exchange
      let asked: Read
      try {
        asked = read(exchange)
      } catch (thrown) {
        throw await unread(exchange, thrown)
      }
      const { operation, params, runner, message, query, body } = asked
      const answer = await runner({
        door: options.name,
        requestId: exchange.requestId,
        raw: { path: params, query, body },
        leniency: 'strict',
        token: message.token,
        namespace: message.namespace,
        organizationHeader: message.namespace,
        projectHeader: message.project,
        idempotencyKey: message.idempotencyKey,
        sourceIp: message.sourceIp,
        tell: (headers) => addHeaders(exchange, headers),
        ...traitsOf(request),
        warm: warmForm(options.name, operation, request),
      })
      sendJson(exchange, answer.status, render(options.name, operation, answer.data))
    },
    unread,
    refuse(exchange, error) {
      errorHeaders(exchange, error)
      sendJson(exchange, error.httpStatus, JSON.stringify({ error: true, message: error.message, data: { code: error.code, ...(error.field === undefined ? {} : { field: error.field }), requestId: exchange.requestId } }))
    },
  }
}
