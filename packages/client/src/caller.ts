// One call: headers, checksum, time-out, retries, and the answer or error taken out of what the server wraps it in.

import { bodyChecksum } from './checksum.ts'
import { CofferError, isCofferError, kindOf } from './errors.ts'
import { requestParts, type CallOptions, type OperationFacts } from './operation.ts'
import { aborted, defaultRetry, delaySeconds, mayRetry, parseRetryAfter, pause, randomFraction, type RetryPolicy } from './retry.ts'
import { fetchTransport, type Transport, type WireResponse } from './transport.ts'

export interface ClientOptions {
  /** `https://coffer.example:8200`, without a path. */
  readonly address: string
  /** The token, or what gets it for each request (a file that an agent renews, for example). */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined
  readonly organization?: string | undefined
  /** Project of requests that name none. */
  readonly project?: string | undefined
  readonly transport?: Transport | undefined
  /** For one try, answer included. */
  readonly timeoutSeconds?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
}

export type Caller = (facts: OperationFacts, input: Readonly<Record<string, unknown>>, options?: CallOptions) => Promise<unknown>

const encoder = new TextEncoder()

/** The address with scheme, host and port only. @throws CofferError `client.address` (the address is not quoted: it could hold credentials) */
export const parseAddress = (address: string): string => {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || (url.pathname !== '/' && url.pathname !== '') || url.search !== '') {
    throw new CofferError('The address must look like https://host:port, without path or credentials.', { kind: 'invalid_request', code: 'client.address', field: 'address' })
  }
  return url.origin
}

export const createCaller = (options: ClientOptions): Caller => {
  const origin = parseAddress(options.address)
  const retry = { ...defaultRetry, ...options.retry }
  const transport = options.transport ?? fetchTransport
  return async (facts, input, callOptions = {}) => {
    const { target, body: text } = requestParts(facts, input)
    const body = text === undefined ? undefined : encoder.encode(text)
    const headers = await headersOf(options, facts, body, callOptions)
    const request = { method: facts.method, url: origin + target, headers, body }
    const timeoutSeconds = callOptions.timeoutSeconds ?? options.timeoutSeconds ?? 30
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once({ transport, request, facts, origin, timeoutSeconds, signal: callOptions.signal })
      } catch (error) {
        if (attempt >= retry.retries || !mayRetry(error, facts.repeat)) throw error
        await pause(delaySeconds(retry, attempt, error, randomFraction()), callOptions.signal)
      }
    }
  }
}

const headersOf = async (options: ClientOptions, facts: OperationFacts, body: Uint8Array<ArrayBuffer> | undefined, { idempotencyKey }: CallOptions): Promise<Record<string, string>> => {
  const token = typeof options.token === 'function' ? await options.token() : options.token
  if (token !== undefined && !/^[\x21-\x7E]*$/.test(token)) {
    throw new CofferError('The token holds characters that no token has. Was it copied whole, and nothing else with it?', { kind: 'unauthenticated', code: 'client.token' })
  }
  const headers: Record<string, string> = { accept: 'application/json' }
  if (token !== undefined && token !== '') headers['x-vault-token'] = token
  if (options.organization !== undefined) headers['x-coffer-organization'] = options.organization
  if (options.project !== undefined) headers['x-coffer-project'] = options.project
  // The same key for every try of one call: that is what makes trying again safe.
  if (facts.repeat === 'key') headers['idempotency-key'] = idempotencyKey ?? crypto.randomUUID()
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
    if (token !== undefined && token !== '') headers['x-coffer-body-hmac'] = await bodyChecksum(token, body)
  }
  return headers
}

interface Try {
  readonly transport: Transport
  readonly request: Omit<Parameters<Transport>[0], 'signal'>
  readonly facts: OperationFacts
  readonly origin: string
  readonly timeoutSeconds: number
  readonly signal: AbortSignal | undefined
}

const once = async ({ transport, request, facts, origin, timeoutSeconds, signal }: Try): Promise<unknown> => {
  const timeout = AbortSignal.timeout(timeoutSeconds * 1000)
  let response: WireResponse
  try {
    response = await transport({ ...request, signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) })
  } catch (error) {
    if (isCofferError(error)) throw error
    if (signal?.aborted === true) throw aborted(signal.reason)
    if (timeout.aborted) throw new CofferError(`No answer from ${origin} within ${timeoutSeconds} seconds.`, { kind: 'unavailable', code: 'client.timeout', cause: error })
    throw new CofferError(`${origin} cannot be reached.`, { kind: 'unavailable', code: 'client.unreachable', cause: error })
  }
  if (response.status < 200 || response.status > 299) throw errorOf(response, origin)
  return dataOf(response, facts, origin)
}

const dataOf = (response: WireResponse, facts: OperationFacts, origin: string): unknown => {
  if (response.status === 204 || (facts.bare === true && response.text === '')) return {}
  const parsed = parseObject(response.text)
  const data = facts.bare === true ? parsed : parsed?.['data']
  if (data === undefined || data === null) {
    throw new CofferError(`${origin} answered with something that is not Coffer's. Is the address right?`, { kind: 'internal', code: 'client.answer', status: response.status, requestId: response.header('x-request-id') })
  }
  return data
}

const parseObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // A non-null object that is no array can be read by name.
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** The native form `{error, message, data: {code, field, requestId}}`, or Vault's `{errors: [...]}`, or neither (a proxy's page). */
const errorOf = (response: WireResponse, origin: string): CofferError => {
  const { status } = response
  const parsed = parseObject(response.text)
  // Read by name only, each member checked.
  const data = typeof parsed?.['data'] === 'object' && parsed['data'] !== null ? (parsed['data'] as Record<string, unknown>) : {}
  const vault = Array.isArray(parsed?.['errors']) ? parsed['errors'].filter((line) => typeof line === 'string').join('; ') : undefined
  const message = textOf(parsed?.['message']) ?? textOf(vault) ?? `${origin} answered with status ${status}.`
  const code = textOf(data['code']) ?? (status === 503 && /seal/i.test(message) ? 'vault.sealed' : `http.${status}`)
  return new CofferError(message, {
    kind: kindOf(status, code),
    code,
    status,
    field: textOf(data['field']),
    requestId: textOf(data['requestId']) ?? response.header('x-request-id'),
    retryAfterSeconds: parseRetryAfter(response.header('retry-after'), Date.now()),
  })
}
