// A record says the status that its caller got, whatever the operation's own is, and whether it was written before the answer or with the write.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastFirst } from '../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
})

type Headers = Readonly<Record<string, string>>

interface Sent {
  readonly status: number
  readonly requestId: string
  readonly body: { readonly auth?: { readonly accessor?: string }; readonly wrap_info?: { readonly token: string }; readonly data?: { readonly items?: readonly { readonly action: string; readonly status: number }[] } }
}

const send = async (method: string, path: string, body?: object, headers: Headers = { 'x-vault-token': 'root' }): Promise<Sent> => {
  const response = await fetch(`${worker.origin}/${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, requestId: response.headers.get('x-request-id') ?? '', body: (text === '' ? {} : JSON.parse(text)) as Sent['body'] }
}

/** Every status that the records of a request have, once they are shipped. */
const recordedOf = async (requestId: string): Promise<readonly string[]> => {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await send('GET', `api/v1/audit/events?requestId=${requestId}`, undefined, { authorization: 'Bearer root' })
    const items = found.body.data?.items ?? []
    if (items.length > 0) return items.map(({ status }) => String(status))
    await sleep(50)
  }
  return []
}

const says = async (sent: Sent, status: number): Promise<void> => {
  assert.equal(sent.status, status)
  assert.deepEqual([...new Set(await recordedOf(sent.requestId))], [String(status)])
}

test('writes that have nothing to say are recorded with 204, and with what they were answered when they have', async () => {
  await says(await send('POST', 'v1/secret/data/a', { data: { x: '1' } }), 200)
  await says(await send('DELETE', 'v1/secret/data/a'), 204)
  await says(await send('POST', 'v1/secret/metadata/b', { max_versions: 3 }), 204)
  await says(await send('PUT', 'v1/sys/policies/acl/quiet', { policy: 'path "secret/data/*" { capabilities = ["read"] }' }), 204)
  await says(await send('PUT', 'v1/sys/policies/acl/Loud', { policy: 'path "secret/data/*" { capabilities = ["read"] }' }), 200)
  await says(await send('POST', 'v1/sys/mounts/secret/tune', { description: 'said' }), 204)
  await says(await send('POST', 'v1/identity/entity', { name: 'anna' }), 200)
  await says(await send('POST', 'v1/identity/entity', { name: 'anna', metadata: { team: 'a' } }), 204)
  await says(await send('POST', 'v1/identity/oidc/provider/p', {}), 204)
  await says(await send('POST', 'v1/identity/oidc/provider/p', { issuer: 'https://issuer.example' }), 200)
  await says(await send('POST', 'v1/identity/oidc/config', { issuer: 'https://issuer.example' }), 200)
  await says(await send('POST', 'v1/identity/oidc/config', { issuer: '' }), 204)
  const { auth } = (await send('POST', 'v1/auth/token/create', {})).body
  await says(await send('POST', 'v1/auth/token/revoke-accessor', { accessor: auth?.accessor }), 204)
  await says(await send('POST', 'v1/auth/token/revoke-accessor', { accessor: auth?.accessor }), 200)
  await says(await send('POST', 'v1/sys/leases/revoke-prefix/none', { sync: false }), 202)
  await says(await send('POST', 'v1/sys/leases/revoke-prefix/none', { sync: true }), 204)
})

test('a write through the native door is recorded with the status of its contract', async () => {
  const bearer = { authorization: 'Bearer root' }
  await says(await send('POST', 'api/v1/secrets/n?environment=dev', { value: '1' }, bearer), 200)
  await says(await send('POST', 'api/v1/versions/n?environment=dev', { value: '2' }, bearer), 201)
  await says(await send('POST', 'api/v1/secrets/n?environment=dev', { value: '1', expectedPreviousVersion: 7 }, bearer), 409)
  await says(await send('GET', 'api/v1/secrets/n?environment=dev', undefined, { authorization: 'Bearer nobody' }), 401)
})

test('refusals are recorded as each door puts them', async () => {
  await send('POST', 'v1/secret/data/cas', { data: { x: '1' } })
  await says(await send('POST', 'v1/secret/data/cas', { data: { x: '2' }, options: { cas: 7 } }), 400)
  await says(await send('GET', 'v1/secret/data/cas', undefined, { 'x-vault-token': 'nobody' }), 403)
  await says(await send('GET', 'v1/secret/data/nothing'), 404)
})

test('what the door tells instead of the operation is what the record says', async () => {
  await says(await send('GET', 'v1/secret/data/cas', undefined, { 'x-vault-namespace': 'nowhere' }), 403)
  const wrapped = await send('GET', 'v1/secret/data/cas', undefined, { 'x-vault-token': 'root', 'x-vault-wrap-ttl': '60' })
  const token = wrapped.body.wrap_info?.token ?? ''
  await says(await send('POST', 'v1/sys/wrapping/unwrap', {}, { 'x-vault-token': token }), 200)
  await says(await send('POST', 'v1/sys/wrapping/unwrap', {}, { 'x-vault-token': token }), 400)
})
