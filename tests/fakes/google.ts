// Where Google publishes keys: its own, and those of each service account. Tokens are signed as Google and as the accounts sign them.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { afterwards, type Scope } from '../support/cleanup.ts'

export interface FakeGoogle {
  readonly address: string
  /** Paths that were asked for. */
  requests(): readonly string[]
  /** A token that an account signed; it has a key from now on. */
  self(account: string, claims: JWTPayload): Promise<string>
  /** A token that Google signed for an account or instance. */
  signed(claims: JWTPayload): Promise<string>
}

interface Signer {
  readonly kid: string
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

const makeSigner = async (kid: string): Promise<Signer> => ({ kid, ...(await generateKeyPair('RS256', { extractable: true })) })
const now = (): number => Math.floor(Date.now() / 1000)
const keySet = async (signer: Signer): Promise<string> => JSON.stringify({ keys: [{ ...(await exportJWK(signer.publicKey)), kid: signer.kid, alg: 'RS256', use: 'sig' }] })
const sign = (signer: Signer, claims: JWTPayload): Promise<string> => new SignJWT({ iat: now(), exp: now() + 600, ...claims }).setProtectedHeader({ alg: 'RS256', kid: signer.kid }).sign(signer.privateKey)

export const startGoogle = async (scope: Scope): Promise<FakeGoogle> => {
  const google = await makeSigner('google-1')
  const accounts = new Map<string, Signer>()
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    requests.push(path)
    const signer = path === '/oauth2/v3/certs' ? google : accounts.get(decodeURIComponent(/^\/service_accounts\/v1\/jwk\/([^/?]+)$/.exec(path)?.[1] ?? ''))
    if (signer === undefined) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"error": {"code": 404}}')
    return void keySet(signer).then((body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(scope, async () => {
    const closed = once(server, 'close')
    server.close().closeAllConnections()
    await closed
  })
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // a TCP listener has one
    requests: () => requests,
    async self(account, claims) {
      const signer = accounts.get(account) ?? (await makeSigner(`of-${account}`))
      accounts.set(account, signer)
      return sign(signer, { sub: account, ...claims })
    },
    signed: (claims) => sign(google, { iss: 'https://accounts.google.com', ...claims }),
  }
}
