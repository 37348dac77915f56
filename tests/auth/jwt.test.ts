// The jwt method over the wire, against an issuer on loopback.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createHmac } from 'node:crypto'
import { startIssuer } from '../fakes/issuer.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const issuer = await startIssuer({ after })

const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_policies: ['ci'] }

/** A mount with a configuration and the role `r`. */
const configured = async (config: object, settings: object = {}): Promise<string> => {
  const at = await mount('jwt')
  await root.expect('POST', `/v1/auth/${at}/config`, config, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/r`, { ...role, ...settings }, { status: 204 })
  return at
}
const statusOf = async (at: string, jwt: string, name = 'r'): Promise<number> => (await login(`${at}/login`, { role: name, jwt })).status

test('a token verifies under a given key, a published one, and one found by discovery', async () => {
  for (const config of [{ jwt_validation_pubkeys: [await issuer.publicPem()] }, { jwks_url: `${issuer.address}/keys` }, { oidc_discovery_url: issuer.address, bound_issuer: issuer.address }]) {
    const at = await configured(config)
    const answer = await login(`${at}/login`, { role: 'r', jwt: await issuer.sign({ sub: 'repo:a/b:ref' }) })
    assert.equal(answer.status, 200, JSON.stringify(answer.json))
    assert.deepEqual(answer.json.auth.policies, ['ci', 'default'])
    assert.deepEqual(answer.json.auth.metadata, { role: 'r' })
    assert.equal((await root.as(answer.json.auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-repo:a/b:ref`)
  }
})

test('what a token says must fit the role', async () => {
  const at = await configured({ jwks_url: `${issuer.address}/keys`, bound_issuer: issuer.address }, { bound_subject: 'me', bound_claims: { env: ['prod', 'dev'], '/nested/n': 3 }, groups_claim: 'groups', claim_mappings: { env: 'environment' } })
  const good = { sub: 'me', env: 'prod', nested: { n: 3 }, groups: ['a'] }
  const answer = await login(`${at}/login`, { role: 'r', jwt: await issuer.sign(good) })
  assert.deepEqual(answer.json.auth.metadata, { role: 'r', environment: 'prod' })
  const now = Math.floor(Date.now() / 1000)
  const bad: readonly object[] = [
    { ...good, sub: 'you' }, { ...good, aud: 'other' }, { ...good, aud: [] }, { ...good, iss: 'http://elsewhere' }, { ...good, env: 'test' }, { ...good, env: undefined }, { ...good, nested: { n: '3' } }, { ...good, nested: null },
    { ...good, groups: undefined }, { ...good, groups: [1] }, { ...good, exp: now - 120 }, { ...good, nbf: now + 120 }, { ...good, iat: now + 120 }, { ...good, exp: 'soon' }, { ...good, sub: undefined },
    { ...good, iat: undefined, exp: undefined },
  ]
  for (const claims of bad) assert.equal(await statusOf(at, await issuer.sign(claims as Record<string, unknown>)), 400, JSON.stringify(claims))
})

test('claims are bound by patterns when the role says so', async () => {
  const at = await configured({ jwks_url: `${issuer.address}/keys` }, { bound_claims_type: 'glob', bound_claims: { sub: 'repo:acme/*:ref:refs/heads/*' } })
  assert.equal(await statusOf(at, await issuer.sign({ sub: 'repo:acme/x:ref:refs/heads/main' })), 200)
  assert.equal(await statusOf(at, await issuer.sign({ sub: 'repo:other/x:ref:refs/heads/main' })), 400)
  const exact = await configured({ jwks_url: `${issuer.address}/keys` }, { bound_claims: { sub: 'repo:acme/*' } })
  assert.equal(await statusOf(exact, await issuer.sign({ sub: 'repo:acme/x' })), 400)
})

test('neither an unsigned token nor one signed with the public key as a secret gets in', async () => {
  const pem = await issuer.publicPem()
  const at = await configured({ jwt_validation_pubkeys: [pem] })
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const payload = encode({ iss: issuer.address, aud: 'coffer', sub: 'me', iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300 })
  const none = `${encode({ alg: 'none' })}.${payload}.`
  const confusedHead = `${encode({ alg: 'HS256' })}.${payload}`
  const confused = `${confusedHead}.${createHmac('sha256', pem).update(confusedHead).digest('base64url')}`
  const signed = await issuer.sign({ sub: 'me' })
  const [head = '', , signature = ''] = signed.split('.')
  for (const token of [none, confused, `${head}.${payload}.${signature}`, `${head}.${payload}.`, 'x', 'a.b.c', `${signed}.x`]) assert.equal(await statusOf(at, token), 400, token)
  assert.equal(await statusOf(at, signed), 200)
  assert.equal((await root.call('POST', `/v1/auth/${at}/config`, { jwt_validation_pubkeys: [pem], jwt_supported_algs: ['HS256'] })).status, 400)
  await root.expect('POST', `/v1/auth/${at}/config`, { jwt_validation_pubkeys: [pem], jwt_supported_algs: ['RS256'] })
  assert.equal(await statusOf(at, signed), 400, 'ES256 is not in the list')
})

test('made-up key ids do not make the server fetch again and again', async () => {
  const moving = await startIssuer({ after })
  const at = await configured({ oidc_discovery_url: moving.address })
  assert.equal(await statusOf(at, await moving.sign({ sub: 'me' })), 200)
  const before = moving.fetches()
  for (let i = 0; i < 20; i += 1) assert.equal(await statusOf(at, await moving.sign({ sub: 'me' }, { kid: `made-up-${i}` })), 400)
  assert.ok(moving.fetches() - before <= 2)
})

test('an issuer that does not answer as one is refused when it is configured', async () => {
  const odd = await startIssuer({ after })
  const at = await mount('jwt')
  const refuse = async (config: object): Promise<void> => assert.equal((await root.call('POST', `/v1/auth/${at}/config`, config)).status, 400, JSON.stringify(config))
  await refuse({ jwks_url: `${odd.address}/nothing` })
  await refuse({ jwks_url: 'http://192.0.2.1/keys' })
  await refuse({ jwks_url: 'not an address' })
  await refuse({ jwks_url: 'http://user:password@127.0.0.1/keys' })
  await refuse({ oidc_discovery_url: `${odd.address}/other` })
  await refuse({ jwt_validation_pubkeys: ['no key'] })
  await refuse({ jwks_url: `${odd.address}/keys`, oidc_discovery_url: odd.address })
  await refuse({})
  odd.break(200, '{"keys": 3}')
  await refuse({ jwks_url: `${odd.address}/keys` })
  odd.break(200, '{"issuer": "https://elsewhere", "jwks_uri": "https://elsewhere/keys"}')
  await refuse({ oidc_discovery_url: odd.address })
  odd.break(200, ' '.repeat(2 * 1024 * 1024))
  await refuse({ jwks_url: `${odd.address}/keys` })
  assert.equal((await root.call('GET', `/v1/auth/${at}/config`)).status, 404)
  assert.deepEqual(errorsOf(await login(`${at}/login`, { role: 'r', jwt: 'x' })), ['could not load configuration'])
})

test('keys that are known verify also while the issuer is away', async () => {
  const gone = await startIssuer({ after })
  const at = await mount('jwt')
  await root.expect('POST', `/v1/auth/${at}/config`, { jwks_url: `${gone.address}/keys` })
  await root.expect('POST', `/v1/auth/${at}/role/r`, role)
  const token = await gone.sign({ sub: 'me' })
  gone.break(500)
  assert.equal(await statusOf(at, token), 200)
})

test('roles and configuration are read as they were written; the default role is used', async () => {
  const at = await configured({ jwks_url: `${issuer.address}/keys`, default_role: 'R' }, { bound_claims: { a: ['b'] }, claim_mappings: { a: 'x' }, expiration_leeway: 10, max_age: 0 })
  const { data } = await root.expect('GET', `/v1/auth/${at}/role/r`)
  assert.deepEqual([data.role_type, data.bound_audiences, data.bound_claims, data.claim_mappings, data.expiration_leeway, data.user_claim, data.token_policies], ['jwt', ['coffer'], { a: ['b'] }, { a: 'x' }, 10, 'sub', ['ci']])
  assert.equal((await login(`${at}/login`, { jwt: await issuer.sign({ sub: 'me', a: 'b' }) })).status, 200)
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/role?list=true`)).data, { keys: ['r'] })
  const config = (await root.expect('GET', `/v1/auth/${at}/config`)).data
  assert.deepEqual([config.jwks_url, config.default_role], [`${issuer.address}/keys`, 'r'])
  await root.expect('DELETE', `/v1/auth/${at}/role/r`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `/v1/auth/${at}/role/r`)).status, 404)
  assert.equal(await statusOf(at, await issuer.sign({ sub: 'me', a: 'b' })), 400)
})

test('roles that would take anybody are refused', async () => {
  const at = await mount('jwt')
  const refuse = async (settings: object): Promise<void> => assert.equal((await root.call('POST', `/v1/auth/${at}/role/x`, settings)).status, 400, JSON.stringify(settings))
  await refuse({ ...role, bound_audiences: [] })
  await refuse({ ...role, user_claim: '' })
  await refuse({ ...role, role_type: 'saml' })
  await refuse({ ...role, role_type: 'oidc' })
  await refuse({ ...role, bound_claims: { a: { b: 1 } } })
  await refuse({ ...role, bound_claims_type: 'glob', bound_claims: { a: 1 } })
  await refuse({ ...role, claim_mappings: { a: 'role' } })
  await refuse({ ...role, claim_mappings: { a: 'x', b: 'x' } })
})
