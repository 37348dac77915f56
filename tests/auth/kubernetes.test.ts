// The kubernetes method over the wire: by TokenReview, by the issuer's keys alone, and by both.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startIssuer } from '../fakes/issuer.ts'
import { startCluster } from '../fakes/kubernetes.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const issuer = await startIssuer({ after })
const cluster = await startCluster({ after }, issuer)

const role = { bound_service_account_names: 'app', bound_service_account_namespaces: 'prod', audience: 'vault', token_policies: 'app', token_ttl: '10m' }
const review = { kubernetes_host: cluster.address, token_reviewer_jwt: cluster.reviewerToken }

const configured = async (config: object, settings: object = {}): Promise<string> => {
  const at = await mount('kubernetes')
  await root.expect('POST', `/v1/auth/${at}/config`, config, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/app`, { ...role, ...settings }, { status: 204 })
  return at
}
const statusOf = async (at: string, jwt: string): Promise<number> => (await login(`${at}/login`, { role: 'app', jwt })).status

test('a service account logs in by TokenReview, by keys without a reviewer, and by both', async () => {
  const token = await cluster.token('prod', 'app')
  for (const config of [review, { jwks_url: `${issuer.address}/keys` }, { oidc_discovery_url: issuer.address }, { pem_keys: [await issuer.publicPem()] }, { ...review, jwks_url: `${issuer.address}/keys` }]) {
    const at = await configured(config)
    const answer = await login(`${at}/login`, { role: 'app', jwt: token })
    assert.equal(answer.status, 200, `${JSON.stringify(config)} ${answer.text}`)
    const { auth } = answer.json
    assert.deepEqual([auth.policies, auth.lease_duration], [['app', 'default'], 600])
    assert.deepEqual(auth.metadata, { role: 'app', service_account_name: 'app', service_account_namespace: 'prod', service_account_uid: 'uid-prod-app', service_account_secret_name: '' })
    assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-prod-app`)
  }
})

test('names, namespaces and the audience are bound, with patterns', async () => {
  for (const config of [review, { jwks_url: `${issuer.address}/keys` }]) {
    const at = await configured(config, { bound_service_account_names: 'app-*', bound_service_account_namespaces: 'prod,team-*' })
    assert.equal(await statusOf(at, await cluster.token('team-a', 'app-1')), 200)
    for (const [namespace, name, audience] of [['prod', 'other', 'vault'], ['dev', 'app-1', 'vault'], ['prod', 'app-1', 'elsewhere']] as const) assert.equal(await statusOf(at, await cluster.token(namespace, name, audience)), 403, `${namespace} ${name} ${audience}`)
  }
})

test('a deleted service account is out at once by TokenReview', async () => {
  const at = await configured(review)
  const token = await cluster.token('prod', 'app')
  assert.equal(await statusOf(at, token), 200)
  cluster.delete('prod', 'app')
  assert.equal(await statusOf(at, token), 403)
})

test('a token of another issuer, of no service account, or that has expired is refused by keys', async () => {
  const at = await configured({ jwks_url: `${issuer.address}/keys` })
  const other = await startIssuer({ after })
  const claims = { sub: 'system:serviceaccount:prod:app', aud: 'vault', 'kubernetes.io': { serviceaccount: { uid: 'u' } } }
  assert.equal(await statusOf(at, await issuer.sign(claims)), 200)
  assert.equal(await statusOf(at, await other.sign(claims, { kid: 'key-1' })), 403)
  const expired = Math.floor(Date.now() / 1000) - 3600
  for (const change of [{ sub: 'somebody' }, { sub: 'system:serviceaccount:prod:app:x' }, { 'kubernetes.io': {} }, { exp: expired, iat: expired - 60 }, { exp: undefined, iat: undefined }]) {
    assert.equal(await statusOf(at, await issuer.sign({ ...claims, ...change } as Record<string, unknown>)), 403, JSON.stringify(change))
  }
  for (const junk of ['x', 'a.b.c']) assert.equal(await statusOf(at, junk), 403)
})

test('a signature is checked before the cluster is asked', async () => {
  const at = await configured({ ...review, jwks_url: `${issuer.address}/keys` })
  const other = await startIssuer({ after })
  const before = cluster.reviews()
  assert.equal(await statusOf(at, await other.sign({ sub: 'system:serviceaccount:prod:app', aud: 'vault' })), 403)
  assert.equal(cluster.reviews(), before)
})

test('a reviewer without the right is a denial; a cluster that is broken is a failure of the other side', async () => {
  const at = await configured({ kubernetes_host: cluster.address })
  const token = await cluster.token('prod', 'app')
  assert.equal(await statusOf(at, token), 403, 'the token itself may not review')
  await root.expect('POST', `/v1/auth/${at}/config`, review)
  for (const [status, body] of [[500, ''], [201, 'nonsense'], [201, '{"status": 3}']] as const) {
    cluster.break(status, body)
    assert.equal(await statusOf(at, token), 502)
  }
  cluster.break(201, '{"status": {"authenticated": true, "user": {"username": "system:serviceaccount:prod:app", "uid": "u"}}}')
  assert.equal(await statusOf(at, token), 403, 'a server that says nothing of audiences has not checked them')
  cluster.break(undefined)
  assert.equal(await statusOf(at, token), 200)
})

test('configuration and roles are read as written; the reviewer\'s token never comes out and does not follow another host', async () => {
  const at = await configured(review, { alias_name_source: 'serviceaccount_name' })
  const config = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.deepEqual([config.data.kubernetes_host, config.data.token_reviewer_jwt_set], [cluster.address, true])
  assert.ok(!config.text.includes(cluster.reviewerToken))
  const { data } = await root.expect('GET', `/v1/auth/${at}/role/app`)
  assert.deepEqual([data.bound_service_account_names, data.bound_service_account_namespaces, data.audience, data.alias_name_source, data.token_ttl], [['app'], ['prod'], 'vault', 'serviceaccount_name', 600])
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/role?list=true`)).data, { keys: ['app'] })
  await root.expect('POST', `/v1/auth/${at}/config`, { kubernetes_host: 'https://192.0.2.1' })
  assert.equal((await root.expect('GET', `/v1/auth/${at}/config`)).data.token_reviewer_jwt_set, false)
  await root.expect('DELETE', `/v1/auth/${at}/role/app`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `/v1/auth/${at}/role/app`)).status, 404)
})

test('what cannot be meant is refused', async () => {
  const at = await mount('kubernetes')
  const post = async (path: string, body: object): Promise<number> => (await root.call('POST', `/v1/auth/${at}/${path}`, body)).status
  for (const config of [{}, { kubernetes_host: 'cluster' }, { kubernetes_host: 'https://u:p@cluster' }, { kubernetes_host: 'https://cluster/path' }, { pem_keys: ['no key'] }, { jwks_url: `${issuer.address}/keys`, oidc_discovery_url: issuer.address }]) assert.equal(await post('config', config), 400, JSON.stringify(config))
  assert.deepEqual(errorsOf(await login(`${at}/login`, { role: 'app', jwt: 'x' })), ['invalid role name "app"'])
  for (const settings of [{ ...role, bound_service_account_names: [] }, { ...role, bound_service_account_namespaces: [] }, { ...role, bound_service_account_names: '*', bound_service_account_namespaces: '*' }, { ...role, alias_name_source: 'x' }]) assert.equal(await post('role/x', settings), 400, JSON.stringify(settings))
  assert.equal(await post('role/app', role), 204)
  assert.deepEqual(errorsOf(await login(`${at}/login`, { role: 'app', jwt: 'x' })), ['could not load backend configuration'])
})
