// Requests over Node's own HTTP: starts faster than fetch, trusts the certificate authorities that were given, and checks
// the server's public key against a pin before the first byte of a request (and so the token) is sent.

import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import { getBuiltinModule } from 'node:process'
import { CofferError, type Transport, type WireRequest, type WireResponse } from '@coffer/sdk'

// An import would read every export of the module, and one of them (WebSocket) loads all of undici: 50 ms of CPU,
// measured on Node 24, which is more than everything else of a start together.
const { request: httpRequest } = getBuiltinModule('node:http')

export interface TransportOptions {
  readonly cacert: string | undefined
  readonly pin: string | undefined
  readonly skipVerify: boolean
}

const PIN = /^sha256\/([A-Za-z0-9+/]{43}=)$/

const refuse = (message: string, code: string, cause?: unknown): CofferError => new CofferError(message, { kind: code === 'client.pin' ? 'unauthenticated' : 'invalid_request', code, cause })

/** @throws CofferError when it is no pin */
export const parsePin = (pin: string): Buffer => {
  const [, base64] = PIN.exec(pin) ?? []
  if (base64 === undefined) throw refuse('A pin is sha256/ and 44 characters of base64: the SHA-256 of the server\'s public key (SPKI).', 'client.pin_form')
  return Buffer.from(base64, 'base64')
}

export const createTransport = (options: TransportOptions): Transport => {
  const pin = options.pin === undefined ? undefined : parsePin(options.pin)
  return async (wire) => {
    const url = new URL(wire.url)
    if (url.protocol === 'https:') return exchange(wire, url, await connect(url, options, pin, wire.signal))
    if (pin !== undefined) throw refuse('A pin needs an https address: without TLS there is no key to check.', 'client.pin_plain')
    return exchange(wire, url, undefined)
  }
}

/** The server's public key as a pin. */
export const pinOf = (spki: Uint8Array): string => `sha256/${createHash('sha256').update(spki).digest('base64')}`

const readAuthorities = (path: string | undefined): { readonly ca?: Buffer } => {
  if (path === undefined) return {}
  try {
    return { ca: readFileSync(path) }
  } catch (error) {
    throw refuse(`The certificate authorities in ${path} cannot be read.`, 'client.cacert', error)
  }
}

const connect = async (url: URL, { cacert, skipVerify }: TransportOptions, pin: Buffer | undefined, signal: AbortSignal): Promise<Socket> => {
  const { connect: connectTls } = await import('node:tls')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isName = !/^[\d.]+$|:/.test(host)
  const socket = connectTls({ host, port: Number(url.port === '' ? 443 : url.port), ...(isName ? { servername: host } : {}), ...readAuthorities(cacert), minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'], rejectUnauthorized: !skipVerify })
  const end = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed')))
    })
  } finally {
    signal.removeEventListener('abort', end)
  }
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
  if (pin !== undefined && (spki === undefined || !timingSafeEqual(createHash('sha256').update(spki).digest(), pin))) {
    socket.destroy()
    throw refuse('The server\'s public key is not the pinned one. Nothing was sent to it.', 'client.pin')
  }
  return socket
}

const exchange = ({ method, headers, body, signal }: WireRequest, url: URL, socket: Socket | undefined): Promise<WireResponse> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 80 : url.port,
      path: url.pathname + url.search,
      headers: { ...headers, host: url.host, 'user-agent': 'coffer-cli', ...(body === undefined ? {} : { 'content-length': body.length }) },
      signal,
      // An agent of its own would ignore the connection that is there already.
      ...(socket === undefined ? { agent: false } : { createConnection: () => socket }),
    }
    const request = httpRequest(options, (response) => {
      collect(response).then(resolve, reject)
    })
    request.once('error', reject)
    request.end(body)
  })

const collect = async (response: IncomingMessage): Promise<WireResponse> => {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(Buffer.from(chunk))
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name]
      return Array.isArray(value) ? value[0] : value
    },
    text: Buffer.concat(chunks).toString('utf8'),
  }
}
