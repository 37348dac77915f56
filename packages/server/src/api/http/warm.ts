// The shortcut in front of all doors: a plain read that a compiled plan can answer never reaches Fastify, the router or a
// promise. Everything else goes on as if this were not here.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CofferError } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import type { AnswerHead, Deliver, Leave, WarmFacts, WarmInlineFacts, WarmLoginFacts, WarmReply } from '../../request/warm.ts'
import { WARM_STATUS } from '../../request/warm/turn.ts'
import { loginNameOf } from '../../request/message.ts'
import { headText, httpDate } from './answer-head.ts'
import type { PlainHead } from './connections/plain-head.ts'
import type { HttpRequest } from './exchange.ts'
import type { Sink } from './reply.ts'
import { isTakenForJson, readMessage } from './request.ts'

export interface WarmSource {
  /** Headers whose presence sends a request the general way; mostly there are none. */
  readonly leaves?: readonly string[] | undefined
  /** Whether requests for this target may ask in a body for what a plan knows. */
  takesBodies?(target: string): boolean
  begin(facts: WarmFacts, deliver: Deliver, leave: Leave): boolean
  beginInline(facts: WarmInlineFacts, deliver: Deliver): boolean
  /** Whether a login for this target may be a plan's. */
  takesLogins?(target: string): boolean
  beginLogin?(facts: WarmLoginFacts, deliver: Deliver): boolean
}

/** How a plan that was begun ends: one of them is called, once. */
export interface Outcomes {
  readonly deliver: Deliver
  readonly leave: Leave
}

/** What a request was refused with after its plan had begun: the door renders it. */
export interface WarmRefusal {
  readonly error: CofferError
  readonly requestId: string
}

/** The bytes of one message, and what its head says. */
export interface PlainMessage {
  readonly head: PlainHead
  readonly packet: Buffer
}

export interface WholeOutcomes {
  readonly send: Sink
  /** It is the door's, for whatever reason. */
  readonly general: (refusal?: WarmRefusal) => void
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

const BODIED = ['content-length', 'transfer-encoding', 'idempotency-key'] as const

/** Of the product's own headers, those that a plan takes into account. Any other, also one that is not known yet, goes the general way. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['x-vault-token', 'x-vault-request', 'x-coffer-project', 'x-vault-namespace', 'x-coffer-organization'])

/** A GET without a body, and with nothing said but who asks for what. */
export const isPlainRead = (request: Pick<IncomingMessage, 'method' | 'headers'>): boolean => {
  const { method, headers } = request
  return method === 'GET' && isBodiless(headers) && saysNothingElse(headers)
}

const isBodiless = (headers: IncomingMessage['headers']): boolean => {
  for (const name of BODIED) if (headers[name] !== undefined) return false
  return true
}

const isUnknown = (name: string): boolean => (name.startsWith('x-vault-') || name.startsWith('x-coffer-')) && !UNDERSTOOD.has(name)

const saysNothingElse = (headers: IncomingMessage['headers']): boolean => {
  for (const name in headers) if (isUnknown(name)) return false
  return true
}

/** Of a body that says what is read; plans remember it. */
const MOST_BODY_BYTES = 1024

/** The body of a POST that says what is read in it, and nothing besides but who asks; undefined for every other request. */
export const plainBody = ({ method, headers, body }: Pick<HttpRequest, 'method' | 'headers' | 'body'>): string | undefined => {
  if (method !== 'POST' || headers['idempotency-key'] !== undefined || (body !== undefined && body.length > MOST_BODY_BYTES)) return undefined
  const type = headers['content-type']
  return isTakenForJson(type) && saysNothingElse(headers) ? (body?.toString('latin1') ?? '') : undefined
}

const INLINE = 'x-vault-inline-auth-'
/** Without it no request logs in by its headers. */
export const INLINE_PATH = `${INLINE}path`

/**
 * What names the login of a read that has nothing else to say than how it logs in, and what it wants; undefined for any other request. All headers of
 * the login go in, as they came: a plan knows nothing of what they mean.
 */
export const inlineLoginOf = (request: Pick<IncomingMessage, 'method' | 'headers'>, organizationHeader: string | undefined): string | undefined => {
  const { method, headers } = request
  if (method !== 'GET' || headers[INLINE_PATH] === undefined || !isBodiless(headers)) return undefined
  let said = ''
  for (const name in headers) {
    // No value holds a line break.
    if (name.startsWith(INLINE)) said += `${name}\n${String(headers[name])}\n`
    else if (isUnknown(name)) return undefined
  }
  return loginNameOf(organizationHeader, said)
}

/**
 * What names a login that comes as the body of a request; undefined for a request that says more. Only to be asked about a path of logins, because all of
 * the body goes in.
 */
export const loginOf = ({ method, url, headers, body }: Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>, organizationHeader: string | undefined): string | undefined => {
  if ((method !== 'POST' && method !== 'PUT') || body === undefined || headers['transfer-encoding'] !== undefined || headers['idempotency-key'] !== undefined || !saysNothingElse(headers)) return undefined
  return loginNameOf(organizationHeader, `${method} ${url}\n${headers['content-type'] ?? ''}\n${body.toString('latin1')}`)
}

const NONE: readonly string[] = []

/** Whether the request has a header that only the general way looks at. Mostly there are none to look for. */
const isLeft = ({ leaves }: WarmSource, { headers }: Pick<IncomingMessage, 'headers'>): boolean => leaves !== undefined && leaves.some((name) => headers[name] !== undefined)

export class WarmDoor {
  readonly #source: () => WarmSource | undefined
  readonly #headers: readonly string[]
  readonly #answerHead: AnswerHead
  readonly #refusals = new WeakMap<IncomingMessage, WarmRefusal>()

  /** @param options.headers names and values, one after the other, that every answer has */
  constructor(source: () => WarmSource | undefined, options: { readonly headers: readonly string[]; readonly keepAliveSeconds: number }) {
    this.#source = source
    this.#headers = options.headers
    this.#answerHead = answerHead(options)
  }

  /** The request's handler: the plan if there is one, else the general way. */
  before(general: Handler): Handler {
    return (request, response) => {
      if (!this.#begin(request, response, general)) general(request, response)
    }
  }

  /** The plan of a message that Node has not seen; its reply's body is the whole answer, head and all. False, or `leave`: nothing has happened. */
  beginPlain({ head, packet }: PlainMessage, sourceIp: string | undefined, { deliver, leave }: Outcomes): boolean {
    const source = this.#source()
    if (source === undefined || isLeft(source, head)) return false
    const { method, target, headers } = head
    const asked = { method, url: target, headers, sourceIp }
    if (method === 'POST' || method === 'PUT') return takesBody(source, target) && beginAsked(source, { ...asked, body: packet.subarray(head.length) }, { deliver, leave }, this.#answerHead)
    if (!isPlainRead(head)) return beginInline(source, asked, deliver, this.#answerHead)
    const facts = factsOf(asked, { head: this.#answerHead })
    return facts !== undefined && source.begin(facts, deliver, leave)
  }

  /** The plan of a request that came whole by another way. True: `send` has its answer, or `general` is called. */
  beginWhole(request: HttpRequest, { send, general }: WholeOutcomes): boolean {
    const source = this.#source()
    if (source === undefined || (request.method !== 'POST' && request.method !== 'PUT') || !takesBody(source, request.url) || isLeft(source, request)) return false
    const deliver: Deliver = (error, reply) => {
      if (error === undefined) return send({ status: WARM_STATUS, headers: this.#headersOf(reply), body: reply.body }, () => wipe(reply.body))
      wipe(reply.body)
      return general({ error, requestId: reply.requestId })
    }
    return beginAsked(source, request, { deliver, leave: () => general() })
  }

  /** Why a request that comes the general way after all must be refused. */
  refusalOf(request: IncomingMessage): WarmRefusal | undefined {
    return this.#refusals.get(request)
  }

  #begin(request: IncomingMessage, response: ServerResponse, general: Handler): boolean {
    const source = this.#source()
    if (source === undefined || isLeft(source, request)) return false
    const asked = { method: request.method, url: request.url, headers: request.headers, rawHeaders: request.rawHeaders, sourceIp: request.socket.remoteAddress }
    const deliver: Deliver = (error, reply) => {
      if (error === undefined) return this.#send(response, reply)
      wipe(reply.body)
      this.#refusals.set(request, { error, requestId: reply.requestId })
      general(request, response)
    }
    if (!isPlainRead(request)) return beginInline(source, asked, deliver)
    const facts = factsOf(asked)
    return facts !== undefined && source.begin(facts, deliver, () => general(request, response))
  }

  #headersOf({ requestId, contentType, headers }: WarmReply): readonly string[] {
    return ['content-type', contentType, 'x-request-id', requestId, ...this.#headers, ...(headers ?? NONE)]
  }

  #send(response: ServerResponse, reply: WarmReply): void {
    const { body, contentLength } = reply
    if (response.destroyed || response.closed) return wipe(body)
    response.writeHead(WARM_STATUS, [...this.#headersOf(reply), 'content-length', contentLength])
    // Comes when the bytes are the kernel's, and also when the connection broke before.
    response.once('close', () => wipe(body))
    response.end(body)
    return undefined
  }
}

type Read = Parameters<typeof readMessage>[0] & Pick<IncomingMessage, 'method' | 'url'>

const takesBody = (source: WarmSource, target: string): boolean => source.takesBodies?.(target) === true || source.takesLogins?.(target) === true

/** Of a request that says in its body what it reads, or logs in by it. */
const beginAsked = (source: WarmSource, request: Read & Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>, { deliver, leave }: Outcomes, head?: AnswerHead): boolean => {
  if (source.takesLogins?.(request.url) === true) return beginLogin(source, request, deliver, head)
  const body = plainBody(request)
  const facts = body === undefined ? undefined : factsOf(request, { head, body })
  return facts !== undefined && source.begin(facts, deliver, leave)
}

const beginLogin = (source: WarmSource, request: Parameters<typeof loginOf>[0] & Read, deliver: Deliver, head: AnswerHead | undefined): boolean => {
  try {
    const { token, namespace, sourceIp } = readMessage(request)
    const loginName = token === undefined ? loginOf(request, namespace) : undefined
    return loginName !== undefined && source.beginLogin?.({ loginName, sourceIp, head }, deliver) === true
  } catch {
    return false
  }
}

const beginInline = (source: WarmSource, request: Read, deliver: Deliver, head?: AnswerHead): boolean => {
  if (request.headers[INLINE_PATH] === undefined) return false
  const facts = inlineFactsOf(request, head)
  return facts !== undefined && source.beginInline(facts, deliver)
}

/** Undefined for headers that the general way refuses, or that a plan does not understand, and for requests that have a token. */
const inlineFactsOf = (request: Read, head: AnswerHead | undefined): WarmInlineFacts | undefined => {
  try {
    const { token, namespace, project, sourceIp } = readMessage(request)
    const loginName = token === undefined ? inlineLoginOf(request, namespace) : undefined
    return loginName === undefined || request.url === undefined ? undefined : { target: request.url, loginName, organizationHeader: namespace, projectHeader: project, sourceIp, head }
  } catch {
    return undefined
  }
}

/** Undefined for headers that the general way refuses, and for requests without a token. */
const factsOf = (request: Read, { head, body }: Pick<WarmFacts, 'head' | 'body'> = {}): WarmFacts | undefined => {
  try {
    const { token, namespace, project, sourceIp } = readMessage(request)
    return token === undefined || request.url === undefined ? undefined : { target: request.url, token, organizationHeader: namespace, projectHeader: project, sourceIp, head, body }
  } catch {
    return undefined
  }
}

const answerHead = ({ headers, keepAliveSeconds }: { readonly headers: readonly string[]; readonly keepAliveSeconds: number }): AnswerHead => ({
  date: httpDate,
  text: ({ contentType, contentLength, id, date }) => headText({ status: WARM_STATUS, headers: ['content-type', contentType, 'x-request-id', id, ...headers], contentLength, date }, keepAliveSeconds),
})
