// The OpenID Connect provider over the wire: relying parties are oauth4webapi and the oidc method of another Coffer; then what attackers of
// the code flow try (RFC 9700, 4).

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import type { Answer, Json } from '../../support/http.ts'
import { killProcess } from '../../support/processes.ts'
import { startDevServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { form, fresh, identityServer, type Person } from './support.ts'

const REDIRECT = 'http://127.0.0.1:8251/callback'
const { server, root, nobody, address, person } = await identityServer({ after }, 2)
const insecure = { [oauth.allowInsecureRequests]: true }

await root.expect('POST', '/v1/identity/oidc/scope/profile', { template: '{"nickname": {{identity.entity.name}}, "teams": {{identity.entity.groups.names}}}' }, { status: 204 })
const provider = async (settings: object = {}): Promise<string> => {
  const name = fresh('provider')
  await root.expect('POST', `/v1/identity/oidc/provider/${name}`, { issuer: address, allowed_client_ids: '*', scopes_supported: 'profile', ...settings })
  return name
}
const relying = async (settings: object = {}): Promise<Json> => {
  const name = fresh('client')
  await root.expect('POST', `/v1/identity/oidc/client/${name}`, { redirect_uris: [REDIRECT, 'https://app.example.com/cb'], assignments: 'allow_all', ...settings }, { status: 204 })
  return { name, ...(await root.expect('GET', `/v1/identity/oidc/client/${name}`)).json.data }
}
const at = (name: string, what: string): string => `/v1/identity/oidc/provider/${name}/${what}`
const ask = (ann: Person, name: string, fields: Readonly<Record<string, string>>): Promise<Answer> => ann.client.call('GET', `${at(name, 'authorize')}?${new URLSearchParams({ redirect_uri: REDIRECT, scope: 'openid profile', response_type: 'code', state: 'state', ...fields }).toString()}`)
const codeOf = async (ann: Person, name: string, fields: Readonly<Record<string, string>>): Promise<string> => {
  const answer = await ask(ann, name, fields)
  assert.equal(answer.status, 200, answer.text)
  return answer.json.code as string
}
const exchange = (name: string, client: Json, fields: Readonly<Record<string, string>>): Promise<Answer> =>
  form(nobody, at(name, 'token'), { grant_type: 'authorization_code', redirect_uri: REDIRECT, client_id: client.client_id, ...(client.client_secret === undefined ? {} : { client_secret: client.client_secret }), ...fields })
const refused = (answer: Answer, error: string, status = 400): void => assert.deepEqual([answer.status, answer.json.error], [status, error], answer.text)
const s256 = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')
const VERIFIER = 'a-verifier-of-more-than-forty-three-characters-x'

const one = await provider()
const ann = await person()

for (const [how, authenticate] of [['in a header', oauth.ClientSecretBasic], ['in the form', oauth.ClientSecretPost], ['not at all', undefined]] as const) {
  test(`oauth4webapi logs somebody in, the client saying who it is ${how}`, async () => {
    const made = await relying(authenticate === undefined ? { client_type: 'public' } : {})
    const issuer = new URL(`${address}/v1/identity/oidc/provider/${one}`)
    const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
    const client: oauth.Client = { client_id: made.client_id }
    const [verifier, nonce, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomNonce(), oauth.generateRandomState()]
    const answer = await ask(ann, one, { client_id: made.client_id, nonce, state, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', max_age: '3600' })
    const parameters = oauth.validateAuthResponse(server, client, new URL(`${REDIRECT}?${new URLSearchParams(answer.json).toString()}`), state)
    const response = await oauth.authorizationCodeGrantRequest(server, client, authenticate === undefined ? oauth.None() : authenticate(made.client_secret), parameters, REDIRECT, verifier, insecure)
    assert.deepEqual([response.headers.get('cache-control'), response.headers.get('pragma')], ['no-store', 'no-cache'])
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce, requireIdToken: true, maxAge: 3600 })
    await oauth.validateApplicationLevelSignature(server, response, insecure)
    const claims = oauth.getValidatedIdTokenClaims(tokens)
    assert.deepEqual([claims?.sub, claims?.['nickname'], claims?.aud, tokens.expires_in], [ann.entity, `people/${ann.name}`, made.client_id, 86_400])
    const digest = createHash('sha256').update(tokens.access_token).digest()
    assert.equal(claims?.['at_hash'], digest.subarray(0, 16).toString('base64url'))
    const info = await oauth.processUserInfoResponse(server, client, ann.entity, await oauth.userInfoRequest(server, client, tokens.access_token, insecure))
    assert.deepEqual(info, { sub: ann.entity, nickname: `people/${ann.name}`, teams: null })
  })
}

test('somebody logs in at another Coffer with who they are here', async (t) => {
  const other = await startDevServer(t)
  const callback = 'http://localhost:8250/oidc/callback'
  const client = await relying({ redirect_uris: [callback] })
  const issuer = `${address}/v1/identity/oidc/provider/${one}`
  await other.root.expect('POST', '/v1/sys/auth/oidc', { type: 'oidc' }, { status: 204 })
  await other.root.expect('POST', '/v1/auth/oidc/config', { oidc_discovery_url: issuer, oidc_client_id: client.client_id, oidc_client_secret: client.client_secret, default_role: 'r', bound_issuer: issuer }, { status: 204 })
  await other.root.expect('POST', '/v1/auth/oidc/role/r', { user_claim: 'nickname', allowed_redirect_uris: [callback], oidc_scopes: ['profile'], token_policies: ['people'] }, { status: 204 })
  const elsewhere = other.root.as(undefined)
  const sent = new URL((await elsewhere.expect('POST', '/v1/auth/oidc/oidc/auth_url', { role: 'r', redirect_uri: callback })).json.data.auth_url as string)
  const answer = await ann.client.call('GET', `${at(one, 'authorize')}${sent.search}`)
  assert.equal(answer.status, 200, answer.text)
  const back = await elsewhere.call('GET', `/v1/auth/oidc/oidc/callback?${new URLSearchParams(answer.json).toString()}`)
  assert.equal(back.status, 200, back.text)
  assert.deepEqual(back.json.auth.policies, ['default', 'people'])
})

test('a code works once, whoever is asked how often at the same time', async () => {
  const client = await relying()
  for (let round = 0; round < 5; round += 1) {
    const code = await codeOf(ann, one, { client_id: client.client_id })
    const answers = await Promise.all(Array.from({ length: 8 }, () => exchange(one, client, { code })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400, 400, 400, 400, 400, 400])
    refused(await exchange(one, client, { code }), 'invalid_grant')
  }
})

test('a code is for its client, its provider and its address alone, and gone when it was tried elsewhere', async () => {
  const [client, thief, other] = [await relying(), await relying(), await provider()]
  const cases: readonly ((code: string) => Promise<Answer>)[] = [(code) => exchange(one, thief, { code }), (code) => exchange(other, client, { code }), (code) => exchange(one, client, { code, redirect_uri: 'https://app.example.com/cb' })]
  for (const attempt of cases) {
    const code = await codeOf(ann, one, { client_id: client.client_id })
    refused(await attempt(code), 'invalid_grant')
    refused(await exchange(one, client, { code }), 'invalid_grant')
  }
})

test('codes, access tokens and keys outlive the workers that made them', async () => {
  const client = await relying()
  const granted = (await exchange(one, client, { code: await codeOf(ann, one, { client_id: client.client_id }) })).json
  const code = await codeOf(ann, one, { client_id: client.client_id })
  const before = server.workers()
  for (const pid of before) killProcess(pid)
  await until(async () => server.workers().length === 2 && !server.workers().some((pid) => before.includes(pid)), 'other workers listen')
  const answer = await exchange(one, client, { code })
  assert.equal(answer.status, 200, answer.text)
  const keys = createRemoteJWKSet(new URL(`${address}${at(one, '.well-known/keys')}`))
  for (const { id_token: token } of [granted, answer.json]) assert.equal((await jwtVerify(token, keys)).payload.sub, ann.entity)
  assert.equal((await nobody.call('GET', at(one, 'userinfo'), undefined, { headers: { authorization: `Bearer ${granted.access_token}` } })).json.sub, ann.entity)
})

test('a client that does not prove who it is uses no code up', async () => {
  const client = await relying()
  const code = await codeOf(ann, one, { client_id: client.client_id })
  for (const secret of ['', 'wrong', `${client.client_secret}x`, client.client_secret.slice(0, -1)]) {
    const answer = await exchange(one, { ...client, client_secret: secret }, { code })
    refused(answer, 'invalid_client', 401)
    assert.equal(answer.headers['www-authenticate'], 'Basic')
  }
  const unknown = await exchange(one, { client_id: 'nobody', client_secret: client.client_secret }, { code })
  assert.deepEqual(unknown.json, (await exchange(one, { ...client, client_secret: 'wrong' }, { code })).json)
  assert.equal((await exchange(one, client, { code })).status, 200)
})

test('neither side can leave PKCE out', async () => {
  const client = await relying()
  const withChallenge = () => codeOf(ann, one, { client_id: client.client_id, code_challenge: s256(VERIFIER), code_challenge_method: 'S256' })
  refused(await exchange(one, client, { code: await withChallenge() }), 'invalid_request')
  refused(await exchange(one, client, { code: await withChallenge(), code_verifier: s256(VERIFIER) }), 'invalid_grant')
  refused(await exchange(one, client, { code: await codeOf(ann, one, { client_id: client.client_id }), code_verifier: VERIFIER }), 'invalid_request')
  refused(await ask(ann, one, { client_id: client.client_id, code_challenge: '' }), 'invalid_request')
  const open = await relying({ client_type: 'public' })
  refused(await ask(ann, one, { client_id: open.client_id }), 'invalid_request')
  assert.equal((await exchange(one, open, { code: await codeOf(ann, one, { client_id: open.client_id, code_challenge: s256(VERIFIER), code_challenge_method: 'S256' }), code_verifier: VERIFIER })).status, 200)
})

test('addresses are compared word for word; on this machine any port will do', async () => {
  const client = await relying()
  const asked = (address_: string) => ask(ann, one, { client_id: client.client_id, redirect_uri: address_ })
  for (const good of [REDIRECT, 'http://127.0.0.1:1/callback', 'http://127.0.0.1/callback', 'https://app.example.com/cb']) assert.equal((await asked(good)).status, 200, good)
  const bad = [
    'http://127.0.0.1:8251/callback/', 'http://127.0.0.1:8251/callback?x=1', 'http://127.0.0.1:8251/callback#x', 'https://127.0.0.1:8251/callback', 'http://localhost:8251/callback', 'http://127.0.0.1:8251/x/../callback', 'http://u:p@127.0.0.1:8251/callback', 'http://127.0.0.1:8251@evil.example/callback',
    'http://127.0.0.1.evil.example/callback', 'https://app.example.com/cb/', 'https://app.example.com:443/cb', 'https://APP.example.com/cb', 'https://app.example.com/cb?x', 'https://app.example.com/cb%00', 'javascript:alert(1)', '//app.example.com/cb', 'http://127.0.0.1:99999999/callback',
  ]
  for (const each of bad) refused(await asked(each), 'invalid_redirect_uri')
})

test('who is disabled, or not assigned any more, gets nothing for a code, and nothing is told of them', async () => {
  const [bob, carl] = [await person(), await person()]
  const assignment = fresh('assignment')
  await root.expect('POST', `/v1/identity/oidc/assignment/${assignment}`, { entity_ids: [bob.entity, carl.entity] }, { status: 204 })
  const client = await relying({ assignments: assignment })
  refused(await ask(ann, one, { client_id: client.client_id }), 'access_denied')
  const given = async (who: Person): Promise<string> => (await exchange(one, client, { code: await codeOf(who, one, { client_id: client.client_id }) })).json.access_token
  const [bobs, carls] = [await given(bob), await given(carl)]
  const [bobCode, carlCode] = [await codeOf(bob, one, { client_id: client.client_id }), await codeOf(carl, one, { client_id: client.client_id })]
  await root.expect('POST', `/v1/identity/entity/id/${bob.entity}`, { disabled: true }, { status: 204 })
  await root.expect('POST', `/v1/identity/oidc/assignment/${assignment}`, { entity_ids: [bob.entity] }, { status: 204 })
  refused(await exchange(one, client, { code: bobCode }), 'invalid_request')
  refused(await exchange(one, client, { code: carlCode }), 'invalid_request')
  const info = (token: string) => nobody.call('GET', at(one, 'userinfo'), undefined, { headers: { authorization: `Bearer ${token}` } })
  refused(await info(bobs), 'invalid_token', 401)
  refused(await info(carls), 'access_denied', 403)
})

test('an access token opens userinfo of its provider, and nothing else', async () => {
  const client = await relying({ access_token_ttl: '1h' })
  const other = await provider()
  const { access_token: token, id_token: idToken } = (await exchange(one, client, { code: await codeOf(ann, one, { client_id: client.client_id }) })).json
  const withToken = (target: string, headers: Readonly<Record<string, string>> = { authorization: `Bearer ${token}` }) => nobody.call('GET', target, undefined, { headers })
  assert.equal((await withToken(at(one, 'userinfo'))).json.sub, ann.entity)
  refused(await withToken(at(other, 'userinfo')), 'invalid_token', 401)
  refused(await withToken(at(one, 'userinfo'), { 'x-vault-token': token }), 'invalid_token', 401)
  for (const wrong of [idToken, `${token}x`, token.toLowerCase(), `cvo_${'a'.repeat(32)}zzzzzz`]) refused(await withToken(at(one, 'userinfo'), { authorization: `Bearer ${wrong}` }), 'invalid_token', 401)
  for (const target of ['/v1/auth/token/lookup-self', '/v1/secret/data/x', '/v1/identity/oidc/token/r', at(one, 'authorize')]) assert.equal((await withToken(target)).status, 403, target)
  await root.expect('DELETE', `/v1/identity/oidc/client/${client.name}`, undefined, { status: 204 })
  refused(await withToken(at(one, 'userinfo')), 'access_denied', 403)
})

test('another organization\'s clients, codes and access tokens are unknown', async () => {
  const slug = fresh('team')
  await root.expect('POST', `/v1/sys/namespaces/${slug}`, {})
  const client = await relying()
  const code = await codeOf(ann, one, { client_id: client.client_id })
  const there = at('default', 'token').replace('/v1/', `/v1/${slug}/`)
  refused(await form(nobody, there, { grant_type: 'authorization_code', redirect_uri: REDIRECT, code, client_id: client.client_id, client_secret: client.client_secret }), 'invalid_client', 401)
  const { access_token: token } = (await exchange(one, client, { code })).json
  refused(await nobody.call('GET', at('default', 'userinfo').replace('/v1/', `/v1/${slug}/`), undefined, { headers: { authorization: `Bearer ${token}` } }), 'invalid_token', 401)
  assert.equal((await root.call('GET', at('default', 'authorize'), undefined, { headers: { 'x-vault-namespace': slug } })).json.error, 'invalid_client_id')
})

test('secrets and codes are in no answer but their own', async () => {
  const client = await relying()
  const listed = await root.expect('LIST', '/v1/identity/oidc/client')
  assert.ok(!listed.text.includes(client.client_secret))
  const code = await codeOf(ann, one, { client_id: client.client_id, nonce: 'n' })
  const tokens = (await exchange(one, client, { code })).json
  assert.ok(!tokens.id_token.includes(client.client_secret))
  assert.equal(decodeJwt(tokens.id_token)['nonce'], 'n')
})

test('hostile forms and headers are 400, never more', async () => {
  const client = await relying()
  const send = (body: string, headers: Readonly<Record<string, string>> = {}) => nobody.call('POST', at(one, 'token'), body, { headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } })
  for (const body of ['grant_type=a&grant_type=b', '%', '=', '&&&', 'code[]=x', `code=${'x'.repeat(10_000)}`, 'client_id=%00&code=x', '[1]', '{"code":', Array.from({ length: 2000 }, (_, i) => `f${i}=1`).join('&')]) {
    const { status, text } = await send(body)
    assert.ok(status >= 400 && status < 500, `${body.slice(0, 40)}: ${status} ${text.slice(0, 100)}`)
  }
  for (const authorization of ['Basic', 'Basic !!!', 'Basic OjpvOg==', `Basic ${Buffer.from('%zz:%zz').toString('base64')}`, `Basic ${Buffer.from(`${client.client_id}:wrong`).toString('base64')}`]) {
    const { status } = await send('grant_type=authorization_code&code=x', { authorization })
    assert.ok(status === 400 || status === 401, `${authorization}: ${status}`)
  }
})
