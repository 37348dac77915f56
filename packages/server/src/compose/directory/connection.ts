// One connection to a directory server: in the clear, by TLS, or upgraded by StartTLS (RFC 4511, 4.14) before anything else is said.
// The upgrade is done here, byte by byte, and not by the client on top: what arrives in the clear behind the answer to StartTLS could be
// an attacker's, and a client that connects anew by itself would send the password in the clear.

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { DirectoryServer, DirectoryTls } from '../../kernel/auth/directory.ts'

/** All that one login may read from a directory. */
const MAX_BYTES = 4 * 1024 * 1024
/** The client's parser goes one call deeper for each message in a piece, of which the smallest has 9 bytes. */
const PIECE_BYTES = 8 * 1024

/** LDAPMessage 1: ExtendedRequest 1.3.6.1.4.1.1466.20037. */
const START_TLS = Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16, ...Buffer.from('1.3.6.1.4.1.1466.20037')])
const MAX_START_TLS_ANSWER = 1024

/** The socket, bounded: at most so many bytes come in, in small pieces. It stands in for a socket that is open. */
class BoundedConnection extends Duplex {
  readonly connecting = false
  readonly readyState = 'open'
  readonly #socket: Socket
  #received = 0

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.once('end', () => this.push(null))
    socket.once('error', (error) => this.destroy(error))
    socket.once('close', () => this.destroy())
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#received > MAX_BYTES) {
      this.destroy(new Error(`the directory sent more than ${MAX_BYTES} bytes`))
      return
    }
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) this.push(chunk.subarray(at, at + PIECE_BYTES))
  }

  override _read(): void {
    // What comes is pushed as it comes: the bound on all of it is the bound on what waits.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, (error) => done(error))
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

/** Waits for the connection to be made. */
const established = (socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.removeAllListeners('error').removeAllListeners(event)
      if (error === undefined) return resolve(socket)
      socket.on('error', () => {}) // what a socket says that was given up
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => settle(new Error('it did not answer in time')), timeoutMs)
    socket.once(event, () => settle())
    socket.once('error', settle)
  })

const tlsOptions = (host: string, tls: DirectoryTls): ConnectionOptions => ({
  host,
  // A server name is not an address (RFC 6066, 3); the certificate is compared with either.
  ...(isIP(host) === 0 ? { servername: host } : {}),
  minVersion: tls.minVersion,
  maxVersion: tls.maxVersion,
  rejectUnauthorized: !tls.insecure,
  ...(tls.caPem === '' ? {} : { ca: tls.caPem }),
  ...(tls.clientCertificatePem === '' ? {} : { cert: tls.clientCertificatePem, key: tls.clientKeyPem }),
})

/** The result code of a message that is the answer to StartTLS, all of it and nothing behind it; undefined while it is not whole. @throws for anything else */
const startTlsResult = (bytes: Buffer): number | undefined => {
  if (bytes.length < 2) return undefined
  const short = bytes[1] ?? 0
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f
  if (bytes[0] !== 0x30 || lengthBytes > 2) throw new Error('it did not answer StartTLS')
  if (bytes.length < 2 + lengthBytes) return undefined
  const size = lengthBytes === 0 ? short : bytes.readUIntBE(2, lengthBytes)
  const start = 2 + lengthBytes
  if (bytes.length < start + size) return undefined
  if (bytes.length > start + size) throw new Error('it said more in the clear than the answer to StartTLS')
  const body = bytes.subarray(start)
  // messageID 1, then [APPLICATION 24] of one or three bytes of length, then the ENUMERATED result.
  const operation = body.indexOf(0x78)
  const result = body.indexOf(Buffer.from([0x0a, 0x01]))
  if (body[0] !== 0x02 || operation !== 3 || body[2] !== 1 || result < operation) throw new Error('it did not answer StartTLS')
  return body[result + 2]
}

const upgrade = async (socket: Socket, host: string, { tls, timeoutMs }: DirectoryServer): Promise<Socket> => {
  await new Promise<void>((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close')
      socket.pause()
      if (error === undefined) return resolve()
      socket.on('error', () => {}) // as above
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => settle(new Error('it did not answer StartTLS in time')), timeoutMs)
    socket.once('error', settle)
    socket.once('close', () => settle(new Error('it closed the connection')))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      try {
        if (answer.length > MAX_START_TLS_ANSWER) throw new Error('its answer to StartTLS is too long')
        const result = startTlsResult(answer)
        if (result !== undefined) settle(result === 0 ? undefined : new Error(`it refused StartTLS (result ${result})`))
      } catch (error) {
        settle(error instanceof Error ? error : new Error('it did not answer StartTLS'))
      }
    })
    socket.write(START_TLS)
  })
  return established(connectTls({ ...tlsOptions(host, tls), socket }), 'secureConnect', timeoutMs)
}

/** Where an address leads. @throws TypeError for what is no URL */
export const placeOf = (address: string): { readonly isTls: boolean; readonly host: string; readonly port: number } => {
  const url = new URL(address)
  const isTls = url.protocol === 'ldaps:'
  return { isTls, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (isTls ? 636 : 389) : Number(url.port) }
}

/** @throws any error when the server cannot be reached as it was asked for */
export const connectTo = async (address: string, server: DirectoryServer): Promise<Duplex> => {
  const { isTls, host, port } = placeOf(address)
  if (isTls) return new BoundedConnection(await established(connectTls({ ...tlsOptions(host, server.tls), port }), 'secureConnect', server.timeoutMs))
  const plain = await established(connectTcp({ host, port }), 'connect', server.timeoutMs)
  return new BoundedConnection(server.tls.startTls ? await upgrade(plain, host, server) : plain)
}
