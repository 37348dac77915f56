// The gcp method over the wire, with tokens as Google and service accounts make them.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startGoogle } from '../fakes/google.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const google = await startGoogle({ after })
const ACCOUNT = 'builder@acme-prod.iam.gserviceaccount.com'
const AUDIENCE = { aud: 'https://vault.example/vault/app' }
const COMPUTE = { project_id: 'acme-prod', project_number: 42, zone: 'europe-west1-b', instance_id: '4711', instance_name: 'web1', instance_creation_timestamp: 1_700_000_000 }
const instance = (compute: object = {}, claims: object = {}): Promise<string> => google.signed({ ...AUDIENCE, sub: '123456789012345678901', email: ACCOUNT, email_verified: true, google: { compute_engine: { ...COMPUTE, ...compute } }, ...claims } as Record<string, unknown>)

const configured = async (role: object, config: object = {}): Promise<string> => {
  const at = await mount('gcp')
  await root.expect('POST', `/v1/auth/${at}/config`, { custom_endpoint: { api: google.address }, ...config }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/app`, { token_policies: 'app', ...role }, { status: 204 })
  return at
}
const enter = (at: string, jwt: string, role = 'app') => login(`${at}/login`, { role, jwt })
const now = (): number => Math.floor(Date.now() / 1000)

test('a service account logs in with a token that it signed itself', async () => {
  const at = await configured({ type: 'iam', bound_service_accounts: ACCOUNT, bound_projects: 'acme-prod', token_ttl: '10m', add_group_aliases: true })
  const answer = await enter(at, await google.self(ACCOUNT, AUDIENCE))
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual([auth.policies, auth.lease_duration, auth.metadata], [['app', 'default'], 600, { role: 'app', project_id: 'acme-prod', service_account_id: '', service_account_email: ACCOUNT }])
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-${ACCOUNT}`)
  assert.equal((await enter(at, await google.self(ACCOUNT, { aud: 'vault/app' }))).status, 200)
})

test('other accounts, audiences and times are refused', async () => {
  const at = await configured({ type: 'iam', bound_service_accounts: ACCOUNT })
  const bad = [{ aud: 'vault/other' }, { aud: 'https://vault.example/vault/app/x' }, { aud: 'https://vault.example/notvault/app' }, { aud: ['vault/app', 'elsewhere'] }, { aud: undefined }, { ...AUDIENCE, exp: now() - 120 }, { ...AUDIENCE, exp: undefined }, { ...AUDIENCE, exp: now() + 1200 }, { ...AUDIENCE, nbf: now() + 300 }]
  for (const claims of bad) assert.equal((await enter(at, await google.self(ACCOUNT, claims as Record<string, unknown>))).status, 400, JSON.stringify(claims))
  assert.match(errorsOf(await enter(at, await google.self(ACCOUNT, { ...AUDIENCE, exp: now() + 1200 })))[0] ?? '', /^role requires that service account JWTs expire within 900 seconds$/)
  const before = google.requests().length
  for (const account of ['eve@acme-prod.iam.gserviceaccount.com', 'eve@example.org', '../../oauth2/v3/certs', '']) assert.equal((await enter(at, await google.self(account, AUDIENCE))).status, 400, account)
  assert.deepEqual(google.requests().slice(before).filter((path) => path.includes('service_accounts')), [], 'nobody makes us ask for keys of accounts that are none of ours')
  for (const jwt of ['x', 'a.b.c', '']) assert.equal((await enter(at, jwt)).status, 400)
  const forged = await google.self('eve@acme-prod.iam.gserviceaccount.com', { ...AUDIENCE, sub: ACCOUNT })
  assert.equal((await enter(at, forged)).status, 400)
})

test('every account of bound projects; the project is the one in its address', async () => {
  const at = await configured({ type: 'iam', bound_service_accounts: '*', bound_projects: 'acme-prod' })
  assert.equal((await enter(at, await google.self('any@acme-prod.iam.gserviceaccount.com', AUDIENCE))).status, 200)
  for (const account of ['any@other.iam.gserviceaccount.com', 'acme-prod@developer.gserviceaccount.com', '123456789012345678901']) assert.equal((await enter(at, await google.self(account, AUDIENCE))).status, 400, account)
  for (const role of [{ type: 'iam', bound_service_accounts: '*' }, { type: 'gce' }, { type: 'iam' }, {}, { type: 'x', bound_projects: 'p' }, { type: 'iam', bound_service_accounts: 'a', bound_zones: 'z' }, { type: 'gce', bound_projects: 'p', max_jwt_exp: 60 }, { type: 'gce', bound_projects: 'p', bound_labels: 'a:b' }, { type: 'gce', bound_projects: 'p', bound_instance_groups: 'g' }]) {
    assert.equal((await root.call('POST', `/v1/auth/${at}/role/bad`, role)).status, 400, JSON.stringify(role))
  }
})

test('an instance logs in with its identity token; projects, zones, regions and accounts are bound', async () => {
  const at = await configured({ type: 'gce', bound_projects: 'acme-prod', bound_zones: 'europe-west1-b', bound_service_accounts: ACCOUNT })
  const answer = await enter(at, await instance())
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(answer.json.auth.metadata, { role: 'app', project_id: 'acme-prod', project_number: '42', zone: 'europe-west1-b', instance_id: '4711', instance_name: 'web1', instance_creation_timestamp: '1700000000', service_account_id: '123456789012345678901', service_account_email: ACCOUNT })
  for (const [compute, claims] of [[{ project_id: 'other' }, {}], [{ zone: 'europe-west1-c' }, {}], [{ instance_id: '' }, {}], [{}, { email: 'eve@acme-prod.iam.gserviceaccount.com' }], [{}, { email_verified: false }], [{}, { iss: 'https://example.org' }], [{}, { google: undefined }], [{}, { aud: 'x' }]] as const) assert.equal((await enter(at, await instance(compute, claims))).status, 400, JSON.stringify([compute, claims]))
  const byRegion = await configured({ type: 'gce', bound_projects: 'acme-prod', bound_regions: 'europe-west1' })
  assert.equal((await enter(byRegion, await instance({ zone: 'europe-west1-d' }))).status, 200)
  assert.equal((await enter(byRegion, await instance({ zone: 'europe-west2-d' }))).status, 400)
  assert.equal((await enter(byRegion, await google.self(ACCOUNT, { ...AUDIENCE, google: { compute_engine: COMPUTE } }))).status, 400, 'an account cannot say that it is an instance')
})

test('tokens of instances count for accounts unless the role says otherwise', async () => {
  const at = await configured({ type: 'iam', bound_service_accounts: '123456789012345678901' })
  assert.equal((await enter(at, await instance())).status, 200)
  await root.expect('POST', `/v1/auth/${at}/role/app`, { allow_gce_inference: false }, { status: 204 })
  assert.equal((await enter(at, await instance())).status, 400)
  assert.equal((await enter(at, await google.self('123456789012345678901', AUDIENCE))).status, 200)
})

test('aliases, service accounts of a role, and what is read back', async () => {
  const key = { client_email: ACCOUNT, client_id: '1', private_key_id: 'k', project_id: 'acme-prod', private_key: 'never-kept' }
  const at = await configured({ type: 'iam', bound_service_accounts: ACCOUNT }, { iam_alias: 'unique_id', credentials: JSON.stringify(key) })
  assert.match(errorsOf(await enter(at, await google.self(ACCOUNT, AUDIENCE)))[0] ?? '', /^unable to create alias/)
  await root.expect('POST', `/v1/auth/${at}/role/app/service-accounts`, { add: ['123456789012345678901'], remove: [ACCOUNT] }, { status: 204 })
  assert.equal((await enter(at, await google.self('123456789012345678901', AUDIENCE))).status, 200)
  assert.equal((await enter(at, await google.self(ACCOUNT, AUDIENCE))).status, 400)
  assert.equal((await root.call('POST', `/v1/auth/${at}/role/app/service-accounts`, {})).status, 400)
  const config = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.ok(!config.text.includes('never-kept'))
  assert.deepEqual([config.data.client_email, config.data.project_id, config.data.iam_alias, config.data.gce_alias], [ACCOUNT, 'acme-prod', 'unique_id', 'role_id'])
  const { data } = await root.expect('GET', `/v1/auth/${at}/role/app`)
  assert.deepEqual([data.type, data.bound_service_accounts, data.max_jwt_exp, data.allow_gce_inference], ['iam', ['123456789012345678901'], 900, true])
  assert.equal((await root.call('POST', `/v1/auth/${at}/role/app`, { type: 'gce' })).status, 400)
  for (const path of ['role', 'roles']) assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/${path}`)).data, { keys: ['app'] })
  for (const bad of [{ iam_alias: 'x' }, { custom_endpoint: { x: 'https://x' } }, { custom_endpoint: { api: 'file:///x' } }, { credentials: 'x' }, { iam_metadata: ['x'] }]) assert.equal((await root.call('POST', `/v1/auth/${at}/config`, bad)).status, 400, JSON.stringify(bad))
})
