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

const bearer = { authorization: 'Bearer root' }
const json = { 'content-type': 'application/json' }

/** Of what means nothing here the path is not said. Method and path as the record has them, its status, code and who asked. */
const unresolved: readonly (readonly [string, Asked, readonly [string, string, number, string, string?]])[] = [
  ['a path that is none', { path: '/v1/secret/data//x', token: 'root' }, ['GET', '', 400, 'path.invalid', 'token:root']],
  ['a path with a token in it', { path: '/v1/auth/..%2f/hvs.abc' }, ['GET', '', 400, 'path.invalid']],
  ['a native path that is none', { path: '/api/v1/secrets/%zz', headers: bearer }, ['GET', '', 400, 'path.invalid', 'token:root']],
  ['a query that is none', { path: '/v1/secret/data/x?version=%', token: 'root' }, ['GET', 'secret/data/x', 400, 'request.bad_escape', 'token:root']],
  ['bad JSON', { method: 'POST', path: '/v1/secret/data/x', token: 'root', body: '{' }, ['POST', 'secret/data/x', 400, 'request.bad_json', 'token:root']],
  ['bad JSON of a stranger', { method: 'POST', path: '/v1/secret/data/x', token: 'nobody', body: '{' }, ['POST', 'secret/data/x', 400, 'request.bad_json']],
  ['two tokens', { path: '/v1/secret/data/x', token: 'root', headers: { authorization: 'Bearer another' } }, ['GET', 'secret/data/x', 400, 'request.two_tokens']],
  ['a verb that means nothing', { method: 'OPTIONS', path: '/v1/secret/data/x', token: 'root' }, ['OPTIONS', 'secret/data/x', 405, 'request.method', 'token:root']],
  ['a patch of another type', { method: 'PATCH', path: '/v1/secret/data/x', token: 'root', body: '{}' }, ['PATCH', 'secret/data/x', 415, 'request.media_type', 'token:root']],
  ['a time of wrapping that is none', { path: '/v1/secret/data/x', token: 'root', headers: { 'x-vault-wrap-ttl': 'soon' } }, ['GET', 'secret/data/x', 400, 'wrapping.bad_ttl', 'token:root']],
  ['a login by a verb that it does not take', { method: 'DELETE', path: '/v1/auth/people/login/anna' }, ['DELETE', 'auth/people/login/anna', 405, 'request.login_method']],
  ['a login by headers beside a token', { path: '/v1/secret/data/x', token: 'root', headers: { 'x-vault-inline-auth-path': 'auth/people/login/anna' } }, ['GET', 'secret/data/x', 400, 'inline_auth.header', 'token:root']],
  ['a login by headers that are none', { path: '/v1/secret/data/x', headers: { 'x-vault-inline-auth-path': 'auth/people/login/anna', 'x-vault-inline-auth-parameter-a': '!' } }, ['POST', 'auth/people/login/anna', 400, 'inline_auth.header']],
  ['no native path', { path: '/api/v1/nothing', headers: bearer }, ['GET', '', 404, 'request.no_route', 'token:root']],
  ['no native verb of a path', { method: 'PATCH', path: '/api/v1/audit/events', headers: bearer }, ['PATCH', 'api/v1/audit/events', 405, 'request.method', 'token:root']],
  ['no native verb', { method: 'OPTIONS', path: '/api/v1/nothing' }, ['OPTIONS', '', 405, 'request.method']],
  ['a native body of another type', { method: 'POST', path: '/api/v1/secrets/x', headers: { ...bearer, 'content-type': 'text/plain' }, body: '{}' }, ['POST', 'api/v1/secrets/x', 415, 'request.media_type', 'token:root']],
  ['a body that is too large', { method: 'POST', path: '/v1/secret/data/x', token: 'root', headers: json, body: `{"data":"${'x'.repeat(1 << 20)}"}` }, ['POST', 'secret/data/x', 413, 'request.too_large', 'token:root']],
]

test('what is refused before it is known what it asks for is recorded: what was asked, by whom, and what the caller got', async () => {
  await ways.ok('POST', '/v1/sys/auth/people', { type: 'userpass' })
  for (const [what, asked, [method, path, status, code, principal]] of unresolved) {
    const [answered, record] = await refusal(asked)
    assert.equal(answered, status, what)
    assert.deepEqual([record['action'], record['metadata'], record['status'], record['errorCode'], record['principal']], ['request.unresolved', { method, ...(path === '' ? {} : { path }) }, status, code, principal], what)
  }
})

test('it does not get larger than other records, however long its path', async () => {
  const [, { metadata }] = await refusal({ path: `/v1/${'a/'.repeat(3000)}a?x=%`, headers: { 'x-vault-namespace': 'n'.repeat(8000) } })
  const { path, namespace } = metadata as { readonly path: string; readonly namespace: string }
  assert.deepEqual([path.length, namespace.length], [512, 512])
})

test('it counts for rate limits, and what is one too many has no record', async () => {
  await ways.ok('POST', '/v1/sys/quotas/config', { rate_limit_exempt_paths: ['sys/quotas'] })
  await ways.ok('POST', '/v1/sys/quotas/rate-limit/all', { rate: 1, interval: '1h' })
  const asked: readonly Asked[] = [{ path: '/v1/secret/data//x' }, { method: 'POST', path: '/v1/secret/data/x', body: '{' }, { path: '/api/v1/nothing' }]
  await ways.send({ path: '/v1/secret/data/x' })
  const answers = await Promise.all(asked.map((each) => ways.send(each)))
  assert.deepEqual(answers.map(({ status }) => status), [429, 429, 429])
  await ways.ok('DELETE', '/v1/sys/quotas/rate-limit/all')
  await refusal({ path: '/api/v1/nothing' })
  for (const { requestId } of answers) assert.deepEqual((await worker.database.superuser.query('select 1 from coffer.audit_events where request_id = $1', [requestId])).rows, [])
})

test('wrapping without a time for it is decided and recorded as any other request', async () => {
  const path = '/v1/sys/wrapping/wrap'
  const [status, { action, errorCode, principal }] = await refusal({ method: 'POST', path, token: 'root', body: '{"a":"b"}' })
  assert.deepEqual([status, action, errorCode, principal], [400, 'wrapping.wrap', 'wrapping.not_asked', 'token:root'])
  assert.deepEqual((await refusal({ method: 'POST', path, token: await tokenOf({ policies: ['nothing'], no_default_policy: true }), body: '{}' }))[0], 403)
})

test('help on a path that is not there is recorded with what the caller got', async () => {
  const [status, { action, errorCode, status: recorded }] = await refusal({ path: '/v1/nowhere/at/all?help=1', token: 'root' })
  assert.deepEqual([status, action, errorCode, recorded], [404, 'vault.help', 'vault.no_handler', 404])
})

test('whoever has no right below a mount does not learn that it is there, by help or by what is wrong with a request', async () => {
  await ways.ok('POST', '/v1/sys/mounts/kept', { type: 'kv', options: { version: '1' } })
  const stranger = await tokenOf({ policies: ['nothing'] })
  const asked: readonly (readonly [string, string, string?])[] = [
    ['GET', 'data/x?help=1'], ['GET', '?help=1'], ['POST', 'data/x'], ['POST', 'data/x', '{}'], ['POST', 'data/x', '{"data":7}'], ['POST', 'data/x', '{"options":{"cas":"x"}}'], ['GET', 'data/x?version=-1'], ['POST', 'metadata/x', '{"max_versions":"many"}'],
    ['POST', 'delete/x', '{"versions":"x"}'], ['POST', 'destroy/x'], ['POST', 'config', '{"max_versions":[]}'], ['LIST', 'metadata?after=%00'], ['DELETE', 'data'], ['POST', 'users/x', '{"token_ttl":"soon"}'], ['POST', 'users/x'], ['LIST', 'users?after=%00'],
  ]
  for (const [there, nowhere] of [['secret', 'secrex'], ['kept', 'kepx'], ['auth/people', 'auth/peoplx']] as const) {
    for (const [method, path, body] of asked) {
      const ask = (mount: string) => ways.send({ method, path: `/v1/${mount}${path.startsWith('?') ? '' : '/'}${path}`, token: stranger, ...(body === undefined ? {} : { body }) })
      const [one, other] = [await ask(there), await ask(nowhere)]
      assert.deepEqual([one.status, one.body], [403, other.body], `${method} ${there} ${path} ${body}`)
      assert.equal(other.status, 403)
    }
  }
  const [, { decision, rule, errorCode }] = await refusal({ method: 'POST', path: '/v1/secret/data/x', token: stranger, body: '{}' })
  assert.deepEqual([decision, rule, errorCode], ['DENY', 'default-deny', 'policy.denied'])
  // Any right there, and it is said what is wrong.
  await ways.ok('PUT', '/v1/sys/policies/acl/one', { policy: 'path "secret/data/one" { capabilities = ["read"] }' })
  const knowing = await tokenOf({ policies: ['one'] })
  assert.equal((await ways.send({ path: '/v1/secret/data/x?help=1', token: knowing })).status, 200)
  assert.equal((await ways.send({ method: 'POST', path: '/v1/secret/data/x', token: knowing, body: '{}' })).status, 400)
})
