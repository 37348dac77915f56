// OpenBao's inline authentication: headers that log in for this one request. Each parameter is base64url of
// {"key": ..., "value": ...}, so that its type and the case of its name survive. The token has one use and is never answered.

import { fail } from '../../kernel/errors.ts'
import { parsePath } from '../../kernel/path.ts'
import { encodeOutput } from '../../kernel/output.ts'
import { peerOf } from '../http/peer.ts'
import type { HttpExchange } from '../http/exchange.ts'
import { INLINE_PATH as PATH, inlineLoginOf } from '../http/warm.ts'
import { header, namesOf, parseObject, type Message } from '../http/request.ts'
import type { DoorRequest } from '../../request/exchange.ts'
import type { LimitedPlace } from '../../request/limits.ts'
import { resolved } from './unresolved.ts'
import { route, type Routed, type Routes, type VaultBackend } from './routing.ts'

const PREFIX = 'x-vault-inline-auth-'
const OPERATION = 'x-vault-inline-auth-operation'
const NAMESPACE = 'x-vault-inline-auth-namespace'
const PARAMETER = 'x-vault-inline-auth-parameter-'
const MAX_PARAMETERS = 32

const bad = (name: string, message: string): Error => fail('invalid_request', 'inline_auth.header', message, { field: name })

/** Whether the request wants to log in by its headers. */
export const wantsInlineAuth = ({ request }: HttpExchange): boolean => request.headers[PATH] !== undefined

const parametersOf = ({ request }: HttpExchange): Readonly<Record<string, unknown>> => {
  const sent = new Set<string>()
  const names: string[] = []
  for (const name of namesOf(request)) {
    if (!name.startsWith(PREFIX)) continue
    if (sent.has(name)) throw bad(PARAMETER, 'A header of the inline authentication is repeated.')
    sent.add(name)
    if (name.startsWith(PARAMETER)) names.push(name)
  }
  if (names.length > MAX_PARAMETERS) throw bad(PARAMETER, `At most ${MAX_PARAMETERS} parameters can be given inline.`)
  const found = new Map<string, unknown>()
  for (const name of names) {
    const text = header(request, name) ?? ''
    if (!/^[A-Za-z0-9_-]+$/.test(text)) throw bad(name, `The header ${name} is not base64url without padding.`)
    const { key, value, ...others } = parseObject(Buffer.from(text, 'base64url'), { depth: 16, bytes: 16_384, exactNumbers: true })
    if (typeof key !== 'string' || value === undefined || Object.keys(others).length > 0) throw bad(name, `The header ${name} is not an object of "key" and "value".`)
    if (found.has(key)) throw bad(name, 'Two parameters of the inline authentication have the same key.')
    found.set(key, value)
  }
  return Object.fromEntries(found)
}

/** A login is limited as one that comes by itself: nobody guesses faster by way of another request's headers. */
const placeOf = async (backend: VaultBackend, namespace: string | undefined, segments: readonly string[], body: Readonly<Record<string, unknown>>): Promise<LimitedPlace> => {
  const named = namespace === undefined || namespace === '' ? undefined : await backend.organization(namespace)
  const role = body['role'] ?? body['name']
  // What stands before `auth` is the namespace: no organization is called so.
  return { orgId: named ?? (await backend.organizationOfToken(undefined)), apiPath: segments.slice(segments.indexOf('auth')).join('/'), role: typeof role === 'string' ? role : undefined }
}

interface Prepared extends Pick<Routed, 'prepared' | 'params' | 'mount' | 'namespace'> {
  readonly limited: LimitedPlace | undefined
  readonly body: Readonly<Record<string, unknown>>
}

/** The login that the headers ask for. @throws what is refused before it is one */
const prepared = async (backend: VaultBackend, routes: Routes, exchange: HttpExchange, message: Message): Promise<Prepared> => {
  const { segments, named } = await resolved(backend, { exchange, message }, async () => {
    if (message.token !== undefined) throw bad(PATH, 'A request logs in by its headers or brings a token, not both.')
    const operation = header(exchange.request, OPERATION) ?? 'update'
    if (operation !== 'update' && operation !== 'create') throw bad(OPERATION, 'Inline authentication is an update.')
    return { ...parsePath((header(exchange.request, PATH) ?? '').replace(/^\/?v1\//, '')), named: { ...message, namespace: header(exchange.request, NAMESPACE) ?? message.namespace } }
  })
  return resolved(backend, { exchange, method: 'POST', segments, message: named }, async () => {
    const routed = await route(backend, routes, { method: 'POST', segments }, named)
    if (routed.prepared.operation.work !== 'login') throw bad(PATH, 'The path of the inline authentication is none of a login.')
    const body = parametersOf(exchange)
    return { ...routed, body, limited: backend.limits?.active === true ? await placeOf(backend, routed.namespace, segments, body) : undefined }
  })
}

const loginTo = async (backend: VaultBackend, routes: Routes, exchange: HttpExchange, message: Message, whenRecorded: DoorRequest['whenRecorded']): Promise<string> => {
  const { prepared: login, params, mount, namespace, limited, body } = await prepared(backend, routes, exchange, message)
  const answer = await login.run({
    limited,
    door: 'vault', requestId: exchange.requestId, leniency: 'lenient', token: undefined, namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp: message.sourceIp, mount,
    peer: () => peerOf(exchange.request), isForOneRequest: true, mfaHeader: header(exchange.request, 'x-vault-mfa'), loginName: inlineLoginOf(exchange.request, message.namespace), whenRecorded, raw: { path: params, query: {}, body },
  })
  const { auth } = encodeOutput(login.operation.output, answer.data ?? {}, true)
  const token = auth !== null && typeof auth === 'object' && 'client_token' in auth ? auth.client_token : undefined
  if (typeof token !== 'string') throw fail('internal', 'inline_auth.no_token', 'The login gave no token.')
  return token
}

/** So that clients log in otherwise instead of asking for something else. */
export const sayLoginFailed = ({ reply }: HttpExchange): void => {
  reply.header('x-vault-inline-auth-failed', 'true')
}

export interface InlineLogin {
  /** With the token of the login. */
  readonly message: Message
  /** Resolves when the login's record is durable: nothing is told or changed before. @throws what the login is refused with when it cannot be made so */
  recorded(): Promise<void>
}

/** @throws what the login throws; the answer then says by a header that it was the login's */
export const logInInline = async (backend: VaultBackend, routes: Routes, exchange: HttpExchange, message: Message): Promise<InlineLogin> => {
  let recorded: Promise<void> | undefined
  const whenRecorded = (promise: Promise<void>): void => {
    recorded = promise
    // Whoever waits for it hears of a failure, also when that comes before he waits.
    promise.catch(() => undefined)
  }
  const attempt = async <T>(work: () => Promise<T> | undefined): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      sayLoginFailed(exchange)
      throw error
    }
  }
  const token = await attempt(() => loginTo(backend, routes, exchange, message, whenRecorded))
  return { message: { ...message, token }, recorded: () => attempt(() => recorded) }
}
