// The client certificate of a TLS connection, for the login that asks for it.

import { TLSSocket, type DetailedPeerCertificate } from 'node:tls'
import type { Peer } from '../../kernel/call.ts'
import type { HttpRequest } from './exchange.ts'

const MAX_CHAIN = 8

/** Undefined: not TLS, or no certificate was given. */
export const peerOf = ({ socket }: Pick<HttpRequest, 'socket'>): Peer | undefined => {
  if (!(socket instanceof TLSSocket)) return undefined
  const chain: Buffer[] = []
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // Without a certificate the object is empty; a self-signed one is its own issuer.
  while (Buffer.isBuffer(at?.raw) && chain.length < MAX_CHAIN && chain.at(-1)?.equals(at.raw) !== true) {
    chain.push(at.raw)
    at = at.issuerCertificate
  }
  return chain.length === 0 ? undefined : { isVerified: socket.authorized, chain }
}
