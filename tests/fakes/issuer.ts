// An issuer of signed tokens on loopback: a key set, a discovery document, and keys that can be exchanged under way.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { afterwards, type Scope } from '../support/cleanup.ts'

export interface Issuer {
  readonly address: string
  /** Fetches of the key set so far. */
  fetches(): number
  publicPem(): Promise<string>
  /** A token of five minutes for the audience `coffer`; claims given here replace that. */
  sign(claims: JWTPayload, header?: { readonly kid?: string; readonly alg?: string }): Promise<string>
  /** Publishes a new key instead of the old; tokens are signed with it from now on. */
  rotate(): Promise<void>
  /** What the server answers instead of its documents, until undone. */
  break(status: number | undefined, body?: string): void
}

interface Signer {
  readonly kid: string
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

const makeSigner = async (alg: string, number: number): Promise<Signer> => ({ kid: `key-${number}`, ...(await generateKeyPair(alg, { extractable: true })) })

export const startIssuer = async (scope: Scope, alg = 'ES256'): Promise<Issuer> => {
  let number = 1
  let signer = await makeSigner(alg, number)
  let fetches = 0
  let broken: { readonly status: number; readonly body: string } | undefined
  const server = createServer((request, response) => {
    const answer = (status: number, body: string): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (request.url === '/keys') fetches += 1
    if (broken !== undefined) return answer(broken.status, broken.body)
    if (request.url === '/keys') {
      void exportJWK(signer.publicKey).then((jwk) => answer(200, JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'symmetric' }, { ...jwk, kid: signer.kid, use: 'sig', alg }] })))
      return
    }
    if (request.url === '/.well-known/openid-configuration') return answer(200, JSON.stringify({ issuer: address, jwks_uri: `${address}/keys` }))
    return answer(404, '{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // a TCP listener has one
  afterwards(scope, async () => {
    const closed = once(server, 'close')
    server.close().closeAllConnections()
    await closed
  })
  return {
    address,
    fetches: () => fetches,
    publicPem: () => exportSPKI(signer.publicKey),
    sign: (claims, header = {}) =>
      new SignJWT({ iss: address, aud: 'coffer', iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300, ...claims })
        .setProtectedHeader({ alg, kid: signer.kid, ...header })
        .sign(signer.privateKey),
    async rotate() {
      number += 1
      signer = await makeSigner(alg, number)
    },
    break: (status, body = '') => {
      broken = status === undefined ? undefined : { status, body }
    },
  }
}
