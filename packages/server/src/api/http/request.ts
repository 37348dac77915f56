// From an HTTP request to what a door hands to the pipeline: headers by name, a bounded JSON body, and the checks that
// concern the message itself.

import { fail } from '../../kernel/errors.ts'
import { JsonError, parseJson } from '../../lib/json.ts'
import type { RawInput } from '../../kernel/input.ts'
import { bodyMatches, sameSecret } from '../../request/message.ts'
import type { HttpRequest } from './exchange.ts'

export interface Message {
  readonly token: string | undefined
  readonly namespace: string | undefined
  readonly project: string | undefined
  readonly idempotencyKey: string | undefined
  readonly sourceIp: string | undefined
}

export interface BodyLimits {
  readonly depth: number
  readonly bytes: number
  /** Numbers that a double cannot hold keep their digits: for documents that are stored and given back. */
  readonly exactNumbers?: boolean
  /** Go's clients write `null` where they have nothing to say. */
  readonly nullIsNothing?: boolean
  /** Whatever the content type says: Vault does not look, and real forms are read as such. */
  readonly anyType?: boolean
}

const MAX_HEADER_VALUE = 9000

/** Node's own request, too. */
type Headed = Pick<HttpRequest, 'headers' | 'rawHeaders'>

// What we read or what says how a message is to be read. Node joins repeated headers with a comma or drops the later ones.
const once: ReadonlySet<string> = new Set(['x-vault-token', 'authorization', 'x-coffer-organization', 'x-vault-namespace', 'x-coffer-project', 'idempotency-key', 'x-coffer-body-hmac', 'content-type', 'content-length', 'host', 'x-vault-wrap-ttl'])

/** @throws invalid_request: of a repeated header two readers could each take another value */
const refuseRepeated = (request: Headed): void => {
  const sent = request.rawHeaders
  // No name twice: the usual case, told without looking at any.
  if (sent === undefined || sent.length / 2 === Object.keys(request.headers).length) return
  const seen = new Set<string>()
  for (let i = 0; i < sent.length; i += 2) {
    const name = (sent[i] ?? '').toLowerCase()
    if (seen.has(name) && once.has(name)) throw fail('invalid_request', 'request.bad_header', `The header ${name} is repeated.`, { field: name })
    seen.add(name)
  }
}

/** One header, or undefined. */
export const header = (request: Headed, name: string): string | undefined => {
  const value = request.headers[name]
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string' || value.length > MAX_HEADER_VALUE) throw fail('invalid_request', 'request.bad_header', `The header ${name} is too long.`, { field: name })
  return value
}

/** X-Vault-Token, or Authorization: Bearer. Both and different: 400. */
const tokenOf = (request: Headed): string | undefined => {
  const own = header(request, 'x-vault-token')
  const authorization = header(request, 'authorization')
  const bearer = authorization !== undefined && /^bearer /i.test(authorization) ? authorization.slice(7).trim() : undefined
  if (own !== undefined && bearer !== undefined && !sameSecret(own, bearer)) throw fail('invalid_request', 'request.two_tokens', 'X-Vault-Token and Authorization name different tokens.', { field: 'X-Vault-Token' })
  return own ?? (bearer === '' ? undefined : bearer)
}

const either = (first: string | undefined, second: string | undefined, name: string): string | undefined => {
  if (first !== undefined && second !== undefined && first !== second) throw fail('invalid_request', 'request.both', `${name} is given in two headers that differ.`, { field: name })
  return first ?? second
}

/** What the headers say. @throws invalid_request */
export const readMessage = (request: Headed & Pick<HttpRequest, 'sourceIp'>): Message => {
  refuseRepeated(request)
  const idempotencyKey = header(request, 'idempotency-key')
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) throw fail('invalid_request', 'request.bad_header', 'Idempotency-Key has 1 to 255 printable ASCII characters.', { field: 'Idempotency-Key' })
  const project = header(request, 'x-coffer-project')
  if (project !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(project)) throw fail('invalid_request', 'project.bad_name', 'X-Coffer-Project is not the name of a project.', { field: 'X-Coffer-Project' })
  return {
    token: tokenOf(request),
    namespace: either(header(request, 'x-coffer-organization'), header(request, 'x-vault-namespace'), 'the organization'),
    project,
    idempotencyKey,
    sourceIp: request.sourceIp,
  }
}

/** Of the headers that came, each name as often as it came. */
export const namesOf = ({ headers, rawHeaders }: Headed): readonly string[] => (rawHeaders === undefined ? Object.keys(headers) : rawHeaders.filter((_each, index) => index % 2 === 0).map((name) => name.toLowerCase()))

/** What only records of audit devices say. */
export const traitsOf = (request: HttpRequest): { readonly sourcePort: () => number | undefined; readonly headers: (name: string) => string | undefined } => ({
  sourcePort: () => request.socket.remotePort,
  headers: (name) => textOf(request.headers[name]),
})

export const textOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join(', ') : value)

const NOTHING = Buffer.alloc(0)

/**
 * The body as an object, or undefined when there is none.
 * @throws invalid_request for anything but one JSON object; 415 for another content type; nothing of the body is repeated; unavailable when there is no room for what is in it
 */
export const readBody = (request: HttpRequest, limits: BodyLimits, token: string | undefined): RawInput['body'] => {
  const { body: bytes } = request
  checkBodyHmac(request, bytes ?? NOTHING, token)
  if (bytes === undefined || bytes.length === 0) return undefined
  const type = header(request, 'content-type')
  if (limits.anyType === true) return isForm(type, bytes) ? parseForm(bytes) : bodyOf(bytes, limits, request)
  if (!isTakenForJson(type)) throw fail('invalid_request', 'request.media_type', 'The body must be application/json.', { field: 'Content-Type', httpStatus: 415 })
  return bodyOf(bytes, limits, request)
}

/** curl -d says form-urlencoded whatever it sends; Vault takes it, and so does every example of its users. It must be JSON all the same. */
export const isTakenForJson = (type: string | undefined): boolean => type === undefined || /^application\/(json|[a-z0-9.+-]+\+json|x-www-form-urlencoded)\s*(;|$)/i.test(type)

const bodyOf = (bytes: Buffer, limits: BodyLimits, { claim }: HttpRequest): RawInput['body'] =>
  (limits.nullIsNothing === true && bytes.length < 16 && bytes.toString('latin1').trim() === 'null' ? undefined : parseObject(bytes, limits, claim === undefined ? undefined : (weight) => claim.grow(weight)))

const MAX_FORM_FIELDS = 1000

/** curl -d says form-urlencoded whatever it sends: only what begins like no JSON object is one. */
const isForm = (type: string | undefined, bytes: Buffer): boolean => type !== undefined && /^application\/x-www-form-urlencoded\s*(;|$)/i.test(type) && /^[A-Za-z0-9_%.+-]+=/.test(bytes.subarray(0, 512).toString('latin1'))

/** A field that comes once is a text, one that is repeated a list of them. */
const parseForm = (bytes: Buffer): Readonly<Record<string, unknown>> => {
  const given = new URLSearchParams(bytes.toString('utf8'))
  if (given.size > MAX_FORM_FIELDS) throw fail('invalid_request', 'request.bad_form', `A form has at most ${MAX_FORM_FIELDS} fields.`, { field: 'body' })
  return Object.fromEntries([...new Set(given.keys())].map((name) => {
    const values = given.getAll(name)
    return [name, values.length === 1 ? values[0] : values]
  }))
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value)

/** @param weigh is told what the object takes */
export const parseObject = (bytes: Buffer, limits: BodyLimits, weigh?: (bytes: number) => void): Readonly<Record<string, unknown>> => {
  try {
    const parsed = parseJson(bytes, { maxDepth: limits.depth, maxBytes: limits.bytes, ...(limits.exactNumbers === true ? { exactNumbers: true } : {}), ...(weigh === undefined ? {} : { weigh }) })
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw fail('invalid_request', 'request.not_object', `The body must be a JSON object, and is of type ${kindOf(parsed)}.`, { field: 'body' })
    return parsed as Readonly<Record<string, unknown>> // an object, as just checked
  } catch (error) {
    if (error instanceof JsonError) throw fail('invalid_request', 'request.bad_json', `The body is not valid JSON: ${error.message}.`, { field: 'body' })
    throw error
  }
}

/** Clients may send an HMAC of the body under their token: a proxy that changed the body on its way is found. */
const checkBodyHmac = (request: HttpRequest, body: Buffer, token: string | undefined): void => {
  const given = header(request, 'x-coffer-body-hmac')
  if (given === undefined) return
  if (token === undefined || !bodyMatches(given, token, body)) throw fail('invalid_request', 'request.body_hmac', 'X-Coffer-Body-HMAC does not fit the body: it was changed on its way, or made with another token.', { field: 'X-Coffer-Body-HMAC' })
}
