// One HTTP request as it is written: no redirects, no normalising of the path, no retries.

import { Agent, request as send, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'

/** Whatever a server said. The shape is what assertions are about, so nothing is claimed of it here. */
// oxlint-disable-next-line typescript/no-explicit-any -- see above; `unknown` would put a cast into every assertion
export type Json = any

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly requestId: string
  /** The body as JSON. */
  readonly json: Json
  /** `data` of the native envelope. */
  readonly data: Json
}

export interface Call {
  readonly token?: string | undefined
  readonly headers?: OutgoingHttpHeaders
  /** An object is sent as JSON, text and bytes as they are. */
  readonly body?: unknown
  readonly agent?: Agent
  readonly timeoutMs?: number
}

const bytesOf = (body: unknown): Buffer | undefined => {
  if (body === undefined) return undefined
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Fails only when no answer came: refused, cut off, timed out. */
export const exchange = (address: string, method: string, target: string, call: Call = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address)
    const body = bytesOf(call.body)
    const headers: OutgoingHttpHeaders = {
      ...(call.token === undefined ? {} : { 'x-vault-token': call.token }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      ...call.headers,
    }
    const request = send({ hostname, port, method, path: target, headers, agent: call.agent ?? false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        const json = parsed(text) as Json
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, requestId: String(response.headers['x-request-id'] ?? ''), json, data: json?.data })
      })
    })
    request.setTimeout(call.timeoutMs ?? 60_000, () => request.destroy(new Error(`no answer to ${method} ${target}`)))
    request.once('error', (cause) => reject(new Error(`${method} ${target} was not answered: ${cause.message}`, { cause })))
    request.end(body)
  })

export interface Client {
  readonly address: string
  call(method: string, target: string, body?: unknown, more?: Call): Promise<Answer>
  /** The same, and fails unless the answer has this status (default: any 2xx). */
  expect(method: string, target: string, body?: unknown, more?: Call & { readonly status?: number }): Promise<Answer>
  as(token: string | undefined): Client
  close(): void
}

/** Calls over kept connections, at most `connections` of them, with one token. */
export const client = (address: string, token?: string, connections = 4): Client => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const call: Client['call'] = (method, target, body, more = {}) => exchange(address, method, target, { token, agent, body, ...more })
  return {
    address,
    call,
    async expect(method, target, body, more = {}) {
      const answer = await call(method, target, body, more)
      const isGood = more.status === undefined ? answer.status >= 200 && answer.status < 300 : answer.status === more.status
      if (!isGood) throw new Error(`${method} ${target} was answered ${answer.status}: ${answer.text.slice(0, 400)}`)
      return answer
    },
    as: (other) => client(address, other, connections),
    close: () => agent.destroy(),
  }
}
