// The part of a Kubernetes API server that logins ask: TokenReview, as its API has it (authentication.k8s.io/v1). Tokens are those
// of the issuer beside it; a service account that was deleted is known no more.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'
import { afterwards, type Scope } from '../support/cleanup.ts'
import type { Issuer } from './issuer.ts'

export interface FakeCluster {
  readonly address: string
  readonly reviewerToken: string
  /** A projected token of a service account. */
  token(namespace: string, name: string, audience?: string): Promise<string>
  delete(namespace: string, name: string): void
  reviews(): number
  /** Every review is answered like this until undone. */
  break(status: number | undefined, body?: string): void
}

interface Review {
  readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] }
}

export const startCluster = async (scope: Scope, issuer: Issuer): Promise<FakeCluster> => {
  const reviewerToken = 'reviewer-of-the-tests'
  const live = new Map<string, string>()
  let reviews = 0
  let broken: { readonly status: number; readonly body: string } | undefined
  const uidOf = (namespace: string, name: string): string => `uid-${namespace}-${name}`

  const review = ({ spec = {} }: Review): object => {
    const claims = decodeJwt(spec.token ?? '')
    const username = claims.sub ?? ''
    const audiences = [claims.aud ?? []].flat()
    const common = spec.audiences === undefined ? audiences : audiences.filter((each) => spec.audiences?.includes(each))
    const uid = live.get(username)
    if (uid === undefined || common.length === 0) return { authenticated: false, error: 'invalid bearer token' }
    return { authenticated: true, user: { username, uid, groups: ['system:serviceaccounts'] }, audiences: common }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const answer = (status: number, body: string): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
      if (request.url !== '/apis/authentication.k8s.io/v1/tokenreviews' || request.method !== 'POST') return answer(404, '{}')
      reviews += 1
      if (broken !== undefined) return answer(broken.status, broken.body)
      if (request.headers.authorization !== `Bearer ${reviewerToken}`) return answer(403, JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'Forbidden' }))
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as Review // what the client under test sent
      return answer(201, JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status: review(asked) }))
    })
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
    reviewerToken,
    token(namespace, name, audience = 'vault') {
      live.set(`system:serviceaccount:${namespace}:${name}`, uidOf(namespace, name))
      return issuer.sign({ sub: `system:serviceaccount:${namespace}:${name}`, aud: audience, 'kubernetes.io': { namespace, serviceaccount: { name, uid: uidOf(namespace, name) } } })
    },
    delete: (namespace, name) => void live.delete(`system:serviceaccount:${namespace}:${name}`),
    reviews: () => reviews,
    break: (status, body = '') => {
      broken = status === undefined ? undefined : { status, body }
    },
  }
}
