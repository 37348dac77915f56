// Vault's namespaces as path prefixes: whoever may not enter an organization must not learn that it is there.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { exchange } from '../support/http.ts'
import { startDevServer } from '../support/server.ts'

const { server, root, rootToken } = await startDevServer({ after })
const owner = async (slug: string): Promise<string> => (await root.expect('POST', '/api/v1/organizations', { slug })).data.token
const acme = await owner('acme')
const globex = await owner('globex')
const limited = (await root.expect('POST', '/api/v1/tokens', { name: 'limited', project: 'secret', role: 'reader' })).data.token

const get = (path: string, token?: string) => exchange(server.address, 'GET', path, token === undefined ? {} : { token })

for (const [who, token] of [['another organization\'s owner', globex], ['a limited token of root', limited], ['nobody', undefined]] as const) {
  test(`${who} sees no difference between a path that begins with an organization and one that does not`, async () => {
    for (const path of ['secret/data/x', 'secret/metadata/x', 'sys/mounts', 'nope/x']) {
      const there = await get(`/v1/acme/${path}`, token)
      const nowhere = await get(`/v1/acmx/${path}`, token)
      assert.deepEqual([there.status, there.text.replaceAll('acme', 'acmx')], [nowhere.status, nowhere.text])
      assert.notEqual(there.status, 200)
    }
  })
}

test('a project called like somebody else\'s organization is reached by its name', async () => {
  await exchange(server.address, 'POST', '/api/v1/projects', { token: globex, body: { name: 'acme' } })
  assert.equal((await exchange(server.address, 'POST', '/v1/acme/data/x', { token: globex, body: { data: { a: '1' } } })).status, 200)
  assert.equal((await get('/v1/acme/data/x', globex)).json.data.data.a, '1')
})

test('its own owner and root enter it by the prefix', async () => {
  assert.equal((await exchange(server.address, 'POST', '/v1/acme/secret/data/y', { token: acme, body: { data: { b: '2' } } })).status, 200)
  for (const token of [acme, rootToken]) assert.equal((await get('/v1/acme/secret/data/y', token)).json.data.data.b, '2')
})

// Every path that somebody without a token, or with another organization's, can ask something of; with good input and with bad.
const asked: readonly (readonly [string, string, object?])[] = [
  ['GET', 'sys/leader'], ['GET', 'sys/replication/status'], ['GET', 'sys/internal/ui/mounts'], ['GET', 'sys/internal/ui/mounts/secret'], ['GET', 'sys/internal/specs/openapi'], ['GET', 'sys/mounts'], ['GET', 'sys/nothing'],
  ['POST', 'sys/wrapping/lookup', { token: 'hvs.x' }], ['POST', 'sys/wrapping/lookup', {}], ['POST', 'sys/wrapping/unwrap', { token: 'hvs.x' }],
  ['POST', 'sys/mfa/validate', {}], ['POST', 'sys/mfa/validate', { mfa_request_id: '1-x', mfa_payload: {} }], ['POST', 'sys/mfa/validate', { mfa_request_id: 7 }],
  ['GET', 'sys/generate-root/attempt'], ['POST', 'sys/generate-root/attempt', { otp: 'x' }], ['DELETE', 'sys/generate-root/attempt'], ['POST', 'sys/generate-root/update', { key: 'x', nonce: 'y' }], ['POST', 'sys/decode-token', { encoded_token: 'x', otp: 'y' }],
  ['GET', 'sys/rekey/init'], ['POST', 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1 }], ['POST', 'sys/rekey/update', { key: 'x', nonce: 'y' }], ['GET', 'sys/rekey-recovery-key/init'], ['GET', 'sys/rekey/verify'],
  ['POST', 'auth/userpass/login/ann', { password: 'x' }], ['GET', 'auth/userpass/login/ann'], ['PATCH', 'auth/userpass/login/ann', {}], ['POST', 'auth/people/login/ann', { password: 'x' }], ['GET', 'auth/people/login/ann'], ['POST', 'auth/token/create', {}],
  ['GET', 'secret/data/x'], ['PUT', 'secret/x', {}], ['LIST', 'secret/metadata'], ['DELETE', 'secret'], ['GET', 'cubbyhole/x'], ['GET', 'identity/entity/id/x'], ['GET', 'identity/oidc/nothing'],
]

await root.expect('POST', '/v1/sys/auth/people', { type: 'userpass' }, { status: 204 })

for (const [who, token] of [['nobody', undefined], ['another organization\'s owner', globex]] as const) {
  test(`${who} is answered alike in the name of an organization that is there and of one that is not`, async () => {
    for (const [method, path, body] of asked) {
      const ask = (slug: string) => exchange(server.address, method, `/v1/${path}`, { ...(token === undefined ? {} : { token }), ...(body === undefined ? {} : { body }), headers: { 'x-vault-namespace': slug } })
      const [there, nowhere] = [await ask('acme'), await ask('acmx')]
      const plain = (text: string): string => text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replaceAll('acme', 'acmx')
      assert.deepEqual([there.status, plain(there.text)], [nowhere.status, plain(nowhere.text)], `${method} ${path} ${JSON.stringify(body)}`)
    }
  })
}
