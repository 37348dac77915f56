// The signed request that a client hands over, taken apart and made anew: of what it says only what a GetCallerIdentity needs goes out,
// everything else is refused. It is the one thing between a client and what our request to STS says, so it allows and does not forbid.

import { isObject, JsonError, parseJson, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Client } from './records.ts'

export interface Given {
  readonly method: string
  readonly url: string
  readonly body: string
  readonly headers: string
}

export interface SignedRequest {
  readonly host: string
  readonly region: string
  readonly body: string
  /** To be sent as they are, Host included. */
  readonly headers: Readonly<Record<string, string>>
}

export class RequestError extends Error {
  readonly code = 'aws_request'
}

const SERVER_ID = 'x-vault-aws-iam-server-id'
/** Hosts of STS itself, in its partitions and by private endpoints. */
const STS_HOST = /^(sts(-fips)?(\.[a-z0-9-]{4,32})?|vpce-[a-z0-9-]{4,64}\.sts\.[a-z0-9-]{4,32}\.vpce)\.amazonaws\.com(\.cn)?$/
const BODY = /^(Action=GetCallerIdentity&Version=\d{4}-\d\d-\d\d|Version=\d{4}-\d\d-\d\d&Action=GetCallerIdentity)$/
const AUTHORIZATION = /^AWS4-HMAC-SHA256 Credential=[A-Za-z0-9]{16,128}\/(\d{8})\/([a-z0-9-]{4,32})\/sts\/aws4_request, ?SignedHeaders=([a-z0-9;-]{1,1024}), ?Signature=[0-9a-f]{64}$/
const CONTENT_TYPE = /^application\/x-www-form-urlencoded(; ?charset=utf-8)?$/i
/** May be signed, and are then sent. */
const ALLOWED: ReadonlySet<string> = new Set(['content-length', 'content-type', 'host', 'user-agent', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token', 'x-amz-user-agent', 'amz-sdk-invocation-id', 'amz-sdk-request', SERVER_ID])
const SKEW_MS = 15 * 60_000

const decoded = (what: string, text: string): string => {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new RequestError(`failed to base64 decode ${what}`)
  return Buffer.from(text, 'base64').toString('latin1')
}

const hostOf = (url: string, stsEndpoint: string): string => {
  const match = /^https?:\/\/([a-z0-9.-]{1,253}(?::\d{1,5})?)\/?$/i.exec(url)
  if (match === null) throw new RequestError('error parsing iam_request_url: it must be the address of STS without path, user or query')
  const host = (match[1] ?? '').toLowerCase()
  // What the request is sent to is configured; what it says that it is sent to may still be read by whatever stands before it.
  if (!STS_HOST.test(host.replace(/:443$/, '')) && host !== (stsEndpoint === '' ? '' : new URL(stsEndpoint).host)) throw new RequestError('error parsing iam_request_url: its host is not one of STS')
  return host
}

const headerObject = (text: string): JsonObject => {
  const json = text.trimStart().startsWith('{') ? text : decoded('iam_request_headers', text)
  let parsed: JsonValue
  try {
    parsed = parseJson(json, { maxDepth: 3, maxBytes: 32_768 })
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new RequestError('failed to JSON decode iam_request_headers')
  }
  if (!isObject(parsed)) throw new RequestError('failed to JSON decode iam_request_headers')
  return parsed
}

/** Names in lower case; one value each. */
const headersOf = (text: string): ReadonlyMap<string, string> => {
  const entries = Object.entries(headerObject(text))
  if (entries.length === 0 || entries.length > 40) throw new RequestError('missing iam_request_headers')
  const headers = new Map<string, string>()
  for (const [name, given] of entries) {
    const values = Array.isArray(given) ? (given as readonly JsonValue[]) : [given]
    const [only] = values
    const value = typeof only === 'number' ? String(only) : only
    const key = name.toLowerCase()
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name)) throw new RequestError('invalid request header')
    if (values.length !== 1 || typeof value !== 'string' || !/^[\x20-\x7e]{0,8192}$/.test(value)) throw new RequestError(`invalid request header: ${name}: it needs one value of printable characters`)
    if (headers.has(key)) throw new RequestError(`invalid request header: ${name}: it is there twice`)
    headers.set(key, value)
  }
  return headers
}

const checkTime = (time: string, day: string, now: number): void => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)
  const at = match === null ? Number.NaN : Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]), Number(match[4]), Number(match[5]), Number(match[6]))
  if (!(Math.abs(now - at) <= SKEW_MS) || !time.startsWith(day)) throw new RequestError('the request was not signed within the last 15 minutes')
}

const checkServerId = (client: Client, headers: ReadonlyMap<string, string>, signed: readonly string[]): void => {
  if (client.serverId === '') return
  const given = headers.get(SERVER_ID)
  if (given === undefined || given === '') throw new RequestError('error validating X-Vault-AWS-IAM-Server-ID header: missing header "X-Vault-AWS-IAM-Server-ID"')
  if (given !== client.serverId) throw new RequestError(`error validating X-Vault-AWS-IAM-Server-ID header: expected ${JSON.stringify(client.serverId)} but got ${JSON.stringify(given.slice(0, 256))}`)
  if (!signed.includes(SERVER_ID)) throw new RequestError("error validating X-Vault-AWS-IAM-Server-ID header: vault header wasn't signed")
}

/** @throws RequestError for everything but a GetCallerIdentity that was signed for STS just now */
export const readRequest = (given: Given, client: Client, now: number): SignedRequest => {
  if (given.method !== 'POST') throw new RequestError("invalid iam_http_request_method; currently only 'POST' is supported")
  const host = hostOf(decoded('iam_request_url', given.url), client.stsEndpoint)
  const body = decoded('iam_request_body', given.body)
  if (!BODY.test(body)) throw new RequestError('iam request body is invalid')
  const headers = headersOf(given.headers)
  const authorization = headers.get('authorization')
  if (authorization === undefined) throw new RequestError('missing Authorization header')
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) throw new RequestError('the Authorization header is not the signature of a request to STS')
  const [, day = '', region = '', names = ''] = match
  const signed = names.split(';')
  if (new Set(signed).size !== signed.length || !signed.includes('host') || !signed.includes('x-amz-date')) throw new RequestError('the signature must cover the headers host and x-amz-date, and each once')
  const allowed = (name: string): boolean => ALLOWED.has(name) || client.allowedHeaders.includes(name)
  const unknown = [...signed, ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))].find((name) => !allowed(name))
  if (unknown !== undefined) throw new RequestError(`invalid request header: ${unknown}`)
  checkServerId(client, headers, signed)
  checkTime(headers.get('x-amz-date') ?? '', day, now)
  const host2 = headers.get('host')
  if (host2 !== undefined && host2.toLowerCase() !== host) throw new RequestError('invalid request header: host: it is not that of iam_request_url')
  const contentType = headers.get('content-type') ?? 'application/x-www-form-urlencoded; charset=utf-8'
  if (!CONTENT_TYPE.test(contentType)) throw new RequestError('invalid request header: content-type')
  const length = headers.get('content-length')
  if (length !== undefined && length !== String(body.length)) throw new RequestError('invalid request header: content-length')
  const sent = signed.filter((name) => name !== 'content-length').flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? ''] as const] : []))
  const security = headers.get('x-amz-security-token')
  return {
    host, region, body,
    headers: {
      ...Object.fromEntries(sent), ...(security === undefined ? {} : { 'x-amz-security-token': security }),
      host: host2 ?? host, authorization, 'content-type': contentType, 'content-length': String(body.length), accept: 'text/xml',
    },
  }
}
