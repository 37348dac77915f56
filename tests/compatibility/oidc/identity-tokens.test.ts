// Identity tokens over the wire: verified by a library that knows nothing of Coffer, and by the jwt method of a Coffer that trusts them.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { fresh, identityServer } from './support.ts'

const { root, nobody, address, person, jwt } = await identityServer({ after })
const issuer = `${address}/v1/identity/oidc`
const keySet = () => createRemoteJWKSet(new URL(`${issuer}/.well-known/keys`), { cooldownDuration: 0 })

const role = async (settings: object = {}, key: object = {}): Promise<string> => {
  const name = fresh('role')
  await root.expect('POST', `/v1/identity/oidc/key/${name}`, { allowed_client_ids: '*', ...key }, { status: 204 })
  await root.expect('POST', `/v1/identity/oidc/role/${name}`, { key: name, ...settings }, { status: 204 })
  return name
}

for (const algorithm of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
  test(`a token signed by ${algorithm} verifies under the published keys`, async () => {
    const name = await role({ client_id: 'the-audience', ttl: '10m', template: '{"name": {{identity.entity.name}}}' }, { algorithm })
    const ann = await person()
    const { payload, protectedHeader } = await jwtVerify(await jwt(ann, name), keySet(), { issuer, audience: 'the-audience', algorithms: [algorithm] })
    assert.deepEqual([protectedHeader.alg, payload.sub, payload['namespace'], payload['name']], [algorithm, ann.entity, 'root', `${ann.mount}/${ann.name}`])
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 600)
  })
}

test('discovery and keys are public, may be kept, and hold no private half', async () => {
  await role({}, { algorithm: 'ES256' })
  const discovered = await nobody.expect('GET', '/v1/identity/oidc/.well-known/openid-configuration')
  assert.deepEqual([discovered.json.issuer, discovered.json.jwks_uri, discovered.headers['cache-control'], discovered.headers['content-type']], [issuer, `${issuer}/.well-known/keys`, 'max-age=3600', 'application/json'])
  const keys = await nobody.expect('GET', '/v1/identity/oidc/.well-known/keys')
  assert.match(String(keys.headers['cache-control']), /^max-age=\d+$/)
  assert.ok(keys.json.keys.length >= 2)
  for (const key of keys.json.keys) for (const part of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[part], undefined)
})

test('the jwt method of a Coffer logs in with such a token, found by discovery', async () => {
  const name = await role({ client_id: 'another-coffer', ttl: '5m' })
  const ann = await person()
  await root.expect('POST', '/v1/sys/auth/workloads', { type: 'jwt' }, { status: 204 })
  await root.expect('POST', '/v1/auth/workloads/config', { oidc_discovery_url: issuer, bound_issuer: issuer }, { status: 204 })
  await root.expect('POST', '/v1/auth/workloads/role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['another-coffer'], token_policies: ['ci'] }, { status: 204 })
  const login = (token: string) => nobody.call('POST', '/v1/auth/workloads/login', { role: 'r', jwt: token })
  const token = await jwt(ann, name)
  const answer = await login(token)
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(answer.json.auth.policies, ['ci', 'default'])
  const [head, , signature] = token.split('.')
  const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'somebody-else' })).toString('base64url')
  assert.equal((await login(`${head}.${forged}.${signature}`)).status, 400)
})

test('a key rotates: what it signed stays valid until its time, and what signs next was known before', async () => {
  const name = await role({ ttl: '1m' }, { algorithm: 'ES256', verification_ttl: '1h' })
  const ann = await person()
  const before = await jwt(ann, name)
  const known = new Set((await nobody.expect('GET', '/v1/identity/oidc/.well-known/keys')).json.keys.map((key: { kid: string }) => key.kid))
  await root.expect('POST', `/v1/identity/oidc/key/${name}/rotate`, {}, { status: 204 })
  const later = await jwt(ann, name)
  const [{ kid: first }, { kid: second }] = [decodeProtectedHeader(before), decodeProtectedHeader(later)]
  assert.notEqual(first, second)
  assert.ok(known.has(second), 'who keeps keys need not fetch them again')
  for (const token of [before, later]) await jwtVerify(token, keySet(), { issuer })
  await root.expect('POST', `/v1/identity/oidc/key/${name}/rotate`, { verification_ttl: 0 }, { status: 204 })
  await assert.rejects(jwtVerify(later, keySet(), { issuer }), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await jwtVerify(before, keySet(), { issuer })
})

test('an algorithm that is changed makes new pairs; the old one verifies for its time', async () => {
  const name = await role({ ttl: '1m' }, { algorithm: 'ES256' })
  const ann = await person()
  const before = await jwt(ann, name)
  await root.expect('POST', `/v1/identity/oidc/key/${name}`, { algorithm: 'EdDSA' }, { status: 204 })
  const later = await jwt(ann, name)
  assert.equal(decodeProtectedHeader(later).alg, 'EdDSA')
  for (const token of [before, later]) await jwtVerify(token, keySet(), { issuer })
})

test('nothing that is filled in becomes another claim, nor replaces one of the token\'s own', async () => {
  const name = await role({ template: '{"m": {{identity.entity.metadata}}, "team": {{identity.entity.metadata.team}}, "none": {{identity.entity.metadata.constructor}}, "__proto__": {"sub": "x"}, "groups": {{identity.entity.groups.names}}, "alias": {{identity.entity.aliases.nowhere.name}}}' })
  const ann = await person()
  const team = '", "admin": true, "sub": "root", "x": "\\u0000\\'
  await root.expect('POST', `/v1/identity/entity/id/${ann.entity}`, { metadata: { team } }, { status: 204 })
  const claims = decodeJwt(await jwt(ann, name))
  assert.deepEqual([claims['team'], claims['m'], claims['none'], claims['admin'], claims.sub, claims['groups'], claims['alias']], [team, { team }, '', undefined, ann.entity, null, ''])
  assert.deepEqual(Object.keys(claims).sort(), ['__proto__', 'alias', 'aud', 'exp', 'groups', 'iat', 'iss', 'm', 'namespace', 'none', 'sub', 'team'])
})

test('groups that somebody is in are told as they are now', async () => {
  const name = await role({ template: '{"groups": {{identity.entity.groups.names}}}' })
  const ann = await person()
  const inner = fresh('inner')
  const { id } = (await root.expect('POST', '/v1/identity/group', { name: inner, member_entity_ids: [ann.entity] })).json.data
  const outer = fresh('outer')
  await root.expect('POST', '/v1/identity/group', { name: outer, member_group_ids: [id] })
  assert.deepEqual(decodeJwt(await jwt(ann, name))['groups'], [inner, outer])
  await root.expect('POST', `/v1/identity/group/id/${id}`, { member_entity_ids: [] })
  assert.equal(decodeJwt(await jwt(ann, name))['groups'], null)
})

test('introspection takes no forged algorithm, no other issuer\'s token, and nobody who is disabled', async () => {
  const name = await role({ client_id: 'aud', ttl: '5m' })
  const ann = await person()
  const token = await jwt(ann, name)
  const about = async (text: string, more: object = {}) => (await root.expect('POST', '/v1/identity/oidc/introspect', { token: text, ...more })).json
  assert.deepEqual(await about(token), { active: true })
  assert.deepEqual(await about(token, { client_id: 'aud' }), { active: true })
  assert.equal((await about(token, { client_id: 'b' })).active, false)
  const [, payload = '', signature = ''] = token.split('.')
  const { kid } = decodeProtectedHeader(token)
  const head = (alg: string): string => Buffer.from(JSON.stringify({ alg, kid })).toString('base64url')
  for (const forged of [`${head('none')}.${payload}.`, `${head('HS256')}.${payload}.${signature}`, `${head('RS384')}.${payload}.${signature}`, `${head('ES256')}.${payload}.${signature}`]) assert.deepEqual(await about(forged), { active: false, error: 'unable to validate the token signature' })
  await root.expect('POST', `/v1/identity/entity/id/${ann.entity}`, { disabled: true }, { status: 204 })
  assert.deepEqual(await about(token), { active: false, error: 'entity is disabled' })
})

test('another organization has keys, roles and an issuer of its own', async () => {
  const slug = fresh('team')
  await root.expect('POST', `/v1/sys/namespaces/${slug}`, {})
  const name = await role({ client_id: 'aud' })
  const ann = await person()
  const token = await jwt(ann, name)
  const of = { headers: { 'x-vault-namespace': slug } }
  assert.equal((await root.call('GET', `/v1/identity/oidc/role/${name}`, undefined, of)).status, 404)
  assert.deepEqual((await root.expect('POST', '/v1/identity/oidc/introspect', { token }, of)).json, { active: false, error: 'unable to validate the token signature' })
  await root.expect('POST', '/v1/identity/oidc/config', { issuer: address }, of)
  assert.equal((await nobody.expect('GET', `/v1/${slug}/identity/oidc/.well-known/openid-configuration`)).json.issuer, `${address}/v1/${slug}/identity/oidc`)
  const kids = (keys: readonly { readonly kid: string }[]) => keys.map(({ kid }) => kid)
  const others = kids((await nobody.expect('GET', `/v1/${slug}/identity/oidc/.well-known/keys`)).json.keys)
  assert.ok(!others.includes(decodeProtectedHeader(token).kid ?? ''))
  assert.equal((await root.call('GET', `/v1/identity/oidc/token/${name}`)).status, 400, 'root is nobody')
})

test('hostile names, templates and numbers are 400', async () => {
  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`
  for (const body of [{ template: '{{' }, { template: '{"a": {{identity.entity.id}}' }, { template: '{"a": {{}}}' }, { template: deep }, { template: `{"a": ${deep}}`, ttl: -1 }, { ttl: 'never' }, { key: ['a', 'b'] }, { template: 'x'.repeat(100_000) }, { client_id: 'x'.repeat(1000) }]) {
    const answer = await root.call('POST', '/v1/identity/oidc/role/hostile', { key: 'default', ...body })
    assert.equal(answer.status, 400, `${JSON.stringify(body).slice(0, 80)}: ${answer.text}`)
  }
  for (const name of ['a%2Fb', '..', '-a', 'a%00', 'a'.repeat(300)]) assert.ok([400, 404].includes((await root.call('POST', `/v1/identity/oidc/key/${name}`, {})).status), name)
})
