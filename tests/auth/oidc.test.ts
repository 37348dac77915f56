// The redirect flow of the oidc method over the wire, at a real OpenID Connect provider.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Answer } from '../support/http.ts'
import { startOpenIdProvider } from '../support/openid-provider.ts'
import { authServer, errorsOf } from './support.ts'

const REDIRECT = 'http://localhost:8250/oidc/callback'
const SECRET = 'the-client-secret-of-the-tests'
const { root, nobody, mount } = await authServer({ after })
const provider = await startOpenIdProvider({ after }, { clientId: 'coffer', clientSecret: SECRET, redirectUris: [REDIRECT], claims: (login) => ({ groups: [`${login}s`, 'all'], email: `${login}@example.org` }) })

const role = { user_claim: 'email', groups_claim: 'groups', allowed_redirect_uris: [REDIRECT], oidc_scopes: ['openid'], claim_mappings: { sub: 'subject' }, token_policies: ['people'] }
const config = { oidc_discovery_url: provider.issuer, oidc_client_id: 'coffer', oidc_client_secret: SECRET, default_role: 'r', bound_issuer: provider.issuer }

const configured = async (settings: object = {}): Promise<string> => {
  const at = await mount('oidc')
  await root.expect('POST', `/v1/auth/${at}/config`, config, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/r`, { ...role, ...settings }, { status: 204 })
  return at
}
const addressOf = async (at: string, body: object = {}): Promise<string> => (await nobody.expect('POST', `/v1/auth/${at}/oidc/auth_url`, { role: 'r', redirect_uri: REDIRECT, ...body })).json.data.auth_url as string
const back = (at: string, query: Readonly<Record<string, string>>): Promise<Answer> => nobody.call('GET', `/v1/auth/${at}/oidc/callback?${new URLSearchParams(query).toString()}`)
/** What the provider sent the browser back with. */
const answered = async (address: string, login = 'ann'): Promise<Record<string, string>> => {
  const url = await provider.browse(address, login)
  assert.ok(url.startsWith(REDIRECT), url)
  return Object.fromEntries(new URL(url).searchParams)
}

test('a person logs in with a browser, and is who the issuer says', async () => {
  const at = await configured()
  const address = await addressOf(at, { client_nonce: 'of-the-client' })
  const asked = new URL(address).searchParams
  assert.deepEqual([asked.get('response_type'), asked.get('code_challenge_method'), asked.get('scope'), asked.get('client_id')], ['code', 'S256', 'openid', 'coffer'])
  const answer = await back(at, { ...(await answered(address)), client_nonce: 'of-the-client' })
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual(auth.policies, ['default', 'people'])
  assert.deepEqual(auth.metadata, { role: 'r', subject: 'ann' })
  const look = (await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data
  assert.equal(look.display_name, `${at}-ann@example.org`)
})

test('a state works once, and only with the nonce of the client that began', async () => {
  const at = await configured()
  const first = await answered(await addressOf(at, { client_nonce: 'right' }))
  assert.deepEqual(errorsOf(await back(at, { ...first, client_nonce: 'wrong' })), ['invalid client_nonce'])
  assert.deepEqual(errorsOf(await back(at, { ...first, client_nonce: 'right' })), ['Vault login failed. Expired or missing OAuth state.'])
  const second = await answered(await addressOf(at))
  assert.equal((await back(at, second)).status, 200)
  assert.deepEqual(errorsOf(await back(at, second)), ['Vault login failed. Expired or missing OAuth state.'])
})

test('a code of one login does not finish another, nor at another mount', async () => {
  const [one, other] = [await configured(), await configured()]
  const ann = await answered(await addressOf(one), 'ann')
  const bob = await answered(await addressOf(one), 'bob')
  const mixed = await back(one, { ...ann, state: bob['state'] ?? '' })
  assert.equal(mixed.status, 400)
  assert.match(errorsOf(mixed)[0] ?? '', /^Vault login failed\. Error exchanging oidc code/)
  assert.deepEqual(errorsOf(await back(other, ann)), ['Vault login failed. Expired or missing OAuth state.'])
})

test('a batch token of such a login ends with the role that gave it', async () => {
  const at = await configured({ token_type: 'batch' })
  const { client_token: token } = (await back(at, await answered(await addressOf(at)))).json.auth
  assert.match(token, /^hvb\./)
  await root.as(token).expect('GET', '/v1/auth/token/lookup-self')
  await root.expect('DELETE', `/v1/auth/${at}/role/r`, undefined, { status: 204 })
  await root.as(token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
})

test('what the issuer says must fit the role', async () => {
  for (const settings of [{ bound_claims: { groups: 'operators' } }, { bound_subject: 'bob' }, { bound_audiences: ['another'] }, { user_claim: 'nickname' }, { groups_claim: 'nothing' }]) {
    const at = await configured(settings)
    assert.equal((await back(at, await answered(await addressOf(at)))).status, 400, JSON.stringify(settings))
  }
  const at = await configured({ bound_claims: { groups: ['anns'] } })
  assert.equal((await back(at, await answered(await addressOf(at)))).status, 200)
})

test('only addresses that the role allows are sent a browser back to; on this machine any port will do', async () => {
  const at = await configured()
  assert.equal(await addressOf(at, { redirect_uri: 'https://evil.example/oidc/callback' }), '')
  assert.equal(await addressOf(at, { redirect_uri: 'http://localhost:8250/elsewhere' }), '')
  assert.equal(await addressOf(at, { redirect_uri: 'http://localhost.evil.example:8250/oidc/callback' }), '')
  assert.notEqual(await addressOf(at, { redirect_uri: 'http://localhost:9999/oidc/callback' }), '')
  const jwtRole = await mount('jwt')
  await root.expect('POST', `/v1/auth/${jwtRole}/config`, config, { status: 204 })
  await root.expect('POST', `/v1/auth/${jwtRole}/role/r`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'] }, { status: 204 })
  assert.equal(await addressOf(jwtRole), '')
})

test('bad input is told as Vault tells it, and the client secret never', async () => {
  const at = await configured()
  const url = (body: object) => nobody.call('POST', `/v1/auth/${at}/oidc/auth_url`, body)
  assert.deepEqual(errorsOf(await url({ role: 'r' })), ['missing redirect_uri'])
  assert.deepEqual(errorsOf(await url({ role: 'none', redirect_uri: REDIRECT })), ['role "none" could not be found'])
  assert.deepEqual(errorsOf(await back(at, { state: '../../x', code: 'y' })), ['Vault login failed. Expired or missing OAuth state.'])
  const { state } = await answered(await addressOf(at))
  assert.deepEqual(errorsOf(await back(at, { state: state ?? '' })), ['Vault login failed. No code or id_token received.'])
  const refused = new URL(await addressOf(at)).searchParams.get('state') ?? ''
  assert.match(errorsOf(await back(at, { state: refused, error: 'access_denied' }))[0] ?? '', /access_denied/)
  const read = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.ok(!read.text.includes(SECRET))
  assert.equal(read.json.data.oidc_client_id, 'coffer')
  for (const wrong of [{ ...config, oidc_client_id: '' }, { ...config, oidc_response_types: 'id_token' }, { ...config, oidc_response_mode: 'form_post' }, { jwks_url: `${provider.issuer}/jwks`, oidc_client_id: 'coffer' }]) {
    assert.equal((await root.call('POST', `/v1/auth/${at}/config`, wrong)).status, 400, JSON.stringify(wrong))
  }
  const plain = await mount('jwt')
  await root.expect('POST', `/v1/auth/${plain}/config`, { oidc_discovery_url: provider.issuer }, { status: 204 })
  assert.deepEqual(errorsOf(await nobody.call('POST', `/v1/auth/${plain}/oidc/auth_url`, { role: 'r', redirect_uri: REDIRECT })), ['OIDC login is not configured for this mount'])
})

test('a public client needs no secret: PKCE binds the code to who asked for it', async () => {
  const open = await startOpenIdProvider({ after }, { clientId: 'public', redirectUris: [REDIRECT], claims: () => ({}) })
  const at = await mount('oidc')
  await root.expect('POST', `/v1/auth/${at}/config`, { oidc_discovery_url: open.issuer, oidc_client_id: 'public' }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/r`, { user_claim: 'sub', allowed_redirect_uris: [REDIRECT], token_policies: ['people'] }, { status: 204 })
  const url = await open.browse(await addressOf(at), 'ann')
  assert.equal((await back(at, Object.fromEntries(new URL(url).searchParams))).status, 200)
})
