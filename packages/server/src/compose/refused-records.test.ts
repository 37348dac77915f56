// Whatever is refused has one record, which says what the caller got.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { lastFirst } from '../kernel/testing/scope.ts'
import { bothWays, type Asked, type BothWays } from './testing/both-ways.ts'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

let worker: TestWorker
let ways: BothWays
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
})

type Event = Readonly<Record<string, unknown>>

const eventsOf = async (requestId: string): Promise<readonly Event[]> => (await ways.recordOf({ requestId })).map((record) => JSON.parse(record) as Event)

/** The one record of a request, and the status that it was answered with. */
const refusal = async (asked: Asked): Promise<readonly [number, Event]> => {
  const answer = await ways.send(asked)
  const records = await eventsOf(answer.requestId)
  assert.equal(records.length, 1, JSON.stringify(records))
  return [answer.status, records[0] ?? {}]
}

const tokenOf = async (request: object): Promise<string> => {
  const { auth } = (await ways.ok('POST', '/v1/auth/token/create', request)) as { readonly auth: { readonly client_token: string } }
  return auth.client_token
}

test('a path that begins with the name of an organization that the token may not enter is one request, with one record', async () => {
  await ways.ok('POST', '/v1/sys/namespaces/acme')
  await ways.ok('PUT', '/v1/sys/policies/acl/looking', { policy: 'path "*" { capabilities = ["read"] }' })
  const [limited, seeing] = [await tokenOf({ policies: ['nothing'], num_uses: 2 }), await tokenOf({ policies: ['looking'] })]
  const path = '/v1/acme/secret/data/x'
  // Once with each of its uses.
  for (const expected of [403, 403]) {
    const [status, { action, decision, errorCode, status: recorded }] = await refusal({ path, token: limited })
    assert.deepEqual([status, action, decision, errorCode, recorded], [expected, 'vault.unknown-path', 'DENY', 'policy.denied', expected])
  }
  assert.equal((await refusal({ path, token: limited }))[1]['errorCode'], 'token.used_up')
  const [status, { action, errorCode, status: recorded }] = await refusal({ path, token: seeing })
  assert.deepEqual([status, action, errorCode, recorded], [404, 'vault.unknown-path', 'vault.no_handler', 404])
  // An operation of the whole server says no more of the organization than any other.
  assert.deepEqual((await ways.send({ path: '/v1/acme/sys/config/cors', token: seeing })).body.replaceAll('acme', 'acmx'), (await ways.send({ path: '/v1/acmx/sys/config/cors', token: seeing })).body)
  // Whose token it is does not matter for what is public there.
  await ways.ok('POST', '/v1/acme/sys/auth/userpass', { type: 'userpass' })
  await ways.ok('POST', '/v1/acme/auth/userpass/users/anna', { password: 'a long passphrase' })
  await ways.ok('POST', '/v1/acme/auth/userpass/login/anna', { password: 'a long passphrase' }, seeing)
})
