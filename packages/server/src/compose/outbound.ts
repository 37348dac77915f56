// Requests to servers that an administrator named (key sets, discovery documents, TokenReview): one deadline for all of it,
// a bounded body, no redirects, and no plain HTTP but to this machine.

import type { IncomingMessage } from 'node:http'
import { request as sendHttps } from 'node:https'
import { isIP } from 'node:net'
import { request as sendHttp } from '../lib/node/http.ts'
import type { Outbound, OutboundAnswer, OutboundRequest } from '../kernel/auth/method.ts'
import { fail, type CofferError } from '../kernel/errors.ts'

const TIMEOUT_MS = 30_000
const MAX_BYTES = 1024 * 1024
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

const targetOf = (text: string): URL => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw fail('invalid_request', 'outbound.bad_url', 'The address of the server to ask is not a URL.')
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail('invalid_request', 'outbound.bad_url', 'The address of the server to ask is not an HTTPS URL.')
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) throw fail('invalid_request', 'outbound.plain_http', 'The server to ask must be reached by HTTPS: plain HTTP is for this machine only.')
  if (url.username !== '' || url.password !== '') throw fail('invalid_request', 'outbound.credentials', 'The address of the server to ask must not hold a user or password.')
  return url
}

// Only host and path are named: a query may hold what is not for a log.
const failed = (url: URL, why: string, cause?: unknown): CofferError => fail('upstream_failed', 'outbound.failed', `${url.host}${url.pathname} ${why}.`, { cause })

const bodyOf = (url: URL, response: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES) response.destroy(failed(url, `answered with more than ${MAX_BYTES} bytes`))
      else chunks.push(chunk)
    })
    response.once('end', () => resolve(Buffer.concat(chunks)))
    response.once('error', reject)
    response.once('close', () => reject(failed(url, 'broke off its answer')))
  })

const contentTypeOf = ({ headers }: IncomingMessage): string => (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

// Node would take the name to ask for, and to compare the certificate with, from a Host header: it is the address's, whatever a header says.
const serverName = ({ hostname }: URL): string => (isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? hostname : '')

const ask = (url: URL, given: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer> =>
  new Promise((resolve, reject) => {
    const options = {
      method: given.method ?? 'GET',
      headers: { accept: 'application/json', ...(given.body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(given.body) }), ...given.headers },
      signal,
      agent: false,
    } as const
    const receive = (response: IncomingMessage): void => {
      bodyOf(url, response).then((body) => resolve({ status: response.statusCode ?? 0, body, contentType: contentTypeOf(response) }), reject)
    }
    const sent = url.protocol === 'http:' ? sendHttp(url, options, receive) : sendHttps(url, { ...options, servername: serverName(url), ...(given.caPem === undefined ? {} : { ca: given.caPem }) }, receive)
    sent.once('error', reject)
    sent.end(given.body)
  })

export const makeOutbound = (limits: { readonly timeoutMs: number } = { timeoutMs: TIMEOUT_MS }): Outbound => ({
  async ask(given) {
    const url = targetOf(given.url)
    try {
      return await ask(url, given, AbortSignal.timeout(limits.timeoutMs))
    } catch (error) {
      throw error instanceof Error && error.name === 'CofferError' ? error : failed(url, 'could not be asked', error)
    }
  },
})
