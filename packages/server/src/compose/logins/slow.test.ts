// A login takes as long as whoever is asked takes to answer. What has been changed meanwhile, and was answered, holds for it, too.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })
/** Called for every question, before it is answered. */
let onReview: () => Promise<void> = () => Promise.resolve()

/** An API server that knows one service account (authentication.k8s.io/v1, TokenReview). */
const startCluster = async (): Promise<Server> => {
  const server = createServer((request, response) => {
    request.resume()
    void onReview().then(() => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ kind: 'TokenReview', status: { authenticated: true, user: { username: 'system:serviceaccount:shop:till', uid: 'u-1' } } }))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return server
}

before(async () => {
  worker = await startTestWorker(scope)
  const cluster = await startCluster()
  scope.after(() => new Promise((resolve) => { cluster.closeAllConnections(); cluster.close(() => resolve()) }))
  const { port } = cluster.address() as AddressInfo // it listens on a port
  await ask('POST', 'sys/auth/pods', { type: 'kubernetes' })
  await ask('POST', 'auth/pods/config', { kubernetes_host: `http://127.0.0.1:${port}`, token_reviewer_jwt: 'reviewer', disable_local_ca_jwt: true })
})

interface Answer {
  readonly status: number
  readonly body: { readonly auth?: { readonly policies: readonly string[] }; readonly errors?: readonly string[]; readonly data?: { readonly keys: readonly string[] } }
}

const send = async (method: string, path: string, body?: object, token = 'root'): Promise<Answer> => {
  const response = await fetch(`${worker.origin}/v1/${path}`, { method, headers: { 'content-type': 'application/json', 'x-vault-token': token }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] }
}

const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
  const answer = await send(method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer
}

const writeRole = (type: string, policies: readonly string[]): Promise<Answer> =>
  ask('POST', 'auth/pods/role/till', { bound_service_account_names: 'till', bound_service_account_namespaces: 'shop', token_type: type, token_policies: policies })

const login = (): Promise<Answer> => send('POST', 'auth/pods/login', { role: 'till', jwt: 'ey.ey.ey' }, '')
const accessors = async (): Promise<number> => (await ask('LIST', 'auth/token/accessors')).body.data?.keys.length ?? 0

/** Logs in, and does that while the cluster is being asked. */
const during = async (change: () => Promise<unknown>): Promise<Answer> => {
  onReview = async () => {
    onReview = () => Promise.resolve()
    await change()
  }
  return login()
}

for (const type of ['service', 'batch']) {
  test(`a login for a ${type} token whose role is changed while the cluster is asked gets none, and the next one what the role says now`, async () => {
    await writeRole(type, ['before'])
    assert.deepEqual((await login()).body.auth?.policies, ['before', 'default'])
    const there = await accessors()
    const slow = await during(() => writeRole(type, ['after']))
    assert.deepEqual([slow.status, slow.body.auth], [503, undefined])
    assert.equal(await accessors(), there)
    assert.deepEqual((await login()).body.auth?.policies, ['after', 'default'])
  })

  test(`nor does one for a ${type} token whose role is deleted meanwhile, or made anew`, async () => {
    await writeRole(type, ['before'])
    assert.equal((await during(() => ask('DELETE', 'auth/pods/role/till'))).status, 503)
    await writeRole(type, ['before'])
    const anew = async (): Promise<void> => {
      await ask('DELETE', 'auth/pods/role/till')
      await writeRole(type, ['before'])
    }
    assert.equal((await during(anew)).status, 503)
    assert.equal((await login()).status, 200)
  })

  test(`a change of another role is nothing to a login for a ${type} token`, async () => {
    await writeRole(type, ['before'])
    assert.equal((await during(() => ask('POST', 'auth/pods/role/other', { bound_service_account_names: 'x', bound_service_account_namespaces: 'y' }))).status, 200)
  })
}
