// The listening socket. grpc-js cannot share a port among processes, nor ask for a lowest TLS version, so the socket is
// ours: plain or TLS, and grpc-js is given each connection that stands.

import { createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { ServerCredentials, type Server as GrpcServer } from '@grpc/grpc-js'
import { fail } from '../../kernel/errors.ts'

export interface GrpcTls {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** Authorities of client certificates. A client without one is let in: its token says who it is. */
  readonly clientCa?: string | undefined
  readonly minVersion: '1.2' | '1.3'
}

export interface Listen {
  readonly host: string
  readonly port: number
  /** Several processes listen on the same port. */
  readonly reusePort: boolean
}

export interface Listener {
  readonly port: number
  /** Refuses new connections; those that stand are grpc-js' to end. */
  close(): void
}

const MAX_CONNECTIONS = 10_000
const HANDSHAKE_MS = 10_000

/** A certificate that none of the authorities signed is an error of its owner's, not an anonymous visit. */
const isWelcome = (socket: TLSSocket): boolean => socket.authorized || Object.keys(socket.getPeerCertificate()).length === 0

const secureServer = (tls: GrpcTls, accept: (socket: Socket) => void): Server => {
  const server = createTlsServer({
    cert: tls.cert,
    key: tls.key,
    minVersion: tls.minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
    // The only protocol of gRPC; without it in common the handshake fails (RFC 7301, 3.2).
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_MS,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
  })
  server.on('secureConnection', (socket) => {
    // Errors of a connection that ended are seen as its end.
    socket.on('error', () => socket.destroy())
    if (tls.clientCa === undefined || isWelcome(socket)) accept(socket)
    else socket.destroy()
  })
  // A failed handshake is the client's concern.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return server
}

/** @throws unavailable `grpc.cannot_listen` */
export const listen = async (grpc: GrpcServer, at: Listen, tls: GrpcTls | undefined): Promise<Listener> => {
  // TLS ends in front of grpc-js, which therefore sees plain HTTP/2.
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
  const accept = (socket: Socket): void => injector.injectConnection(socket)
  const server = tls === undefined ? createPlainServer({ noDelay: true }, accept) : secureServer(tls, accept)
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const code = 'code' in cause ? String(cause.code) : 'unknown'
      reject(fail('unavailable', 'grpc.cannot_listen', `The gRPC listener cannot have its address (${code}). Choose another one with --grpc-listen.`, { cause, field: 'grpc.listen' }))
    })
    server.listen({ host: at.host, port: at.port, reusePort: at.reusePort, exclusive: true }, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', () => undefined)
  const bound = server.address()
  return { port: typeof bound === 'object' && bound !== null ? bound.port : at.port, close: () => void server.close() }
}
