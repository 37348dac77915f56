// What the client knows of an operation, and how an input becomes a request line and a body.

import { CofferError } from './errors.ts'

export interface OperationFacts {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `:name` is one segment, `:name+` one or more. */
  readonly path: string
  /** Inputs that go into the query although the request has a body. */
  readonly query: readonly string[]
  /** `safe`: changes nothing. `key`: an Idempotency-Key makes the server do it once. `never`: a second try could do it twice. */
  readonly repeat: 'safe' | 'key' | 'never'
  /** Answers without the `{error, message, data}` around them. */
  readonly bare?: boolean
  /** A DELETE that takes its input in a body. */
  readonly sendsBody?: boolean
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutSeconds?: number
  /** Chosen by the client when absent. Give your own to repeat a write across restarts. */
  readonly idempotencyKey?: string
}

export interface RequestParts {
  readonly target: string
  readonly body: string | undefined
}

/**
 * URL parsers fold `.` and `..` away before anything is sent, and no escape keeps them from it (URL Standard, 4.1): a
 * secret called `../tokens/x` would become a request for a token. The server takes no such path anyway.
 */
const refuseDots = (name: string, value: string): void => {
  if (value.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new CofferError(`"${name}" must not have "." or ".." as a part of the path.`, { kind: 'invalid_request', code: 'client.path', field: name })
  }
}

/**
 * `/secrets/:key+` and `/secrets/:key+/permanent` are two operations, and a key may have many parts. The server reads
 * `/secrets/x/permanent` as the second, so a key with that end cannot be meant for the first.
 */
export const refuseOtherOperation = (facts: OperationFacts, input: Readonly<Record<string, unknown>>, all: Readonly<Record<string, OperationFacts>>): void => {
  const parameter = /:([A-Za-z]+)\+$/.exec(facts.path)?.[1]
  const value = parameter === undefined ? undefined : input[parameter]
  if (parameter === undefined || typeof value !== 'string') return
  for (const { method, path } of Object.values(all)) {
    const end = path.startsWith(`${facts.path}/`) ? path.slice(facts.path.length) : undefined
    if (method === facts.method && end !== undefined && value.endsWith(end)) {
      throw new CofferError(`"${parameter}" must not end with "${end}": the server would take it for another request. Name the secret by its id.`, { kind: 'invalid_request', code: 'client.path', field: parameter })
    }
  }
}

const escapePath = (value: string, many: boolean): string => (many ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value))

/** Path parameters are escaped once, the rest goes where the contract says. Undefined means absent. */
export const requestParts = (facts: OperationFacts, input: Readonly<Record<string, unknown>>): RequestParts => {
  const left = new Map(Object.entries(input).filter(([, value]) => value !== undefined))
  const path = facts.path.replace(/:([A-Za-z]+)(\+?)/g, (_, name: string, many: string) => {
    const value = left.get(name)
    left.delete(name)
    if (typeof value !== 'string' || value === '') throw new CofferError(`"${name}" must be a text that is not empty.`, { kind: 'invalid_request', code: 'client.path', field: name })
    refuseDots(name, value)
    return escapePath(value, many === '+')
  })
  const hasBody = facts.sendsBody === true || (facts.method !== 'GET' && facts.method !== 'DELETE')
  const query = new URLSearchParams()
  const body: Record<string, unknown> = {}
  for (const [name, value] of left) {
    if (hasBody && !facts.query.includes(name)) body[name] = value
    else query.set(name, String(value))
  }
  const search = query.toString()
  return { target: search === '' ? path : `${path}?${search}`, body: hasBody ? JSON.stringify(body) : undefined }
}
