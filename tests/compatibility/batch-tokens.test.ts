// Batch tokens over the wire: what they can and cannot, and each thing with which they end, on every worker once it is
// answered.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Client, Json } from '../support/http.ts'
import { scratchDirectory, startDurableServer } from '../support/server.ts'

const scope = { after }
const open = await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', '2'] })
const { root } = open
/** Connections of their own, so that some reach each worker. */
const ASKED = 12

const writePolicy = (name: string, policy: string): Promise<unknown> => root.expect('PUT', `/api/v1/policies/${name}`, { kind: 'acl', body: policy })
await writePolicy('maker', 'path "auth/token/create*" { capabilities = ["update", "sudo"] }\npath "cubbyhole/*" { capabilities = ["create", "read", "update"] }')
await root.expect('PUT', '/v1/secret/data/shared', { data: { a: 'b' } })
await writePolicy('reads', 'path "secret/data/shared" { capabilities = ["read"] }')

const create = async (by: Client, body: object, path = 'create'): Promise<Json> => (await by.expect('POST', `/v1/auth/token/${path}`, body)).json.auth
const refusal = async (by: Client, path: string, body: object = {}, status = 400): Promise<string> => (await by.expect('POST', `/v1/${path}`, body, { status })).json.errors[0]

/** Who answers what to a token, over many connections. */
const statuses = async (token: string): Promise<readonly number[]> => {
  const seen = await Promise.all(Array.from({ length: ASKED }, async () => (await root.as(token).call('GET', '/v1/secret/data/shared')).status))
  return [...new Set(seen)]
}

const endsWith = async (token: string, take: () => Promise<unknown>): Promise<void> => {
  assert.deepEqual(await statuses(token), [200])
  await take()
  assert.deepEqual(await statuses(token), [403])
}

let mounted = 0
const mount = async (type: string, settings: object = {}): Promise<string> => {
  mounted += 1
  await root.expect('POST', `/v1/sys/auth/m${mounted}`, { type, ...settings }, { status: 204 })
  return `m${mounted}`
}

const approle = async (at: string, settings: object): Promise<() => Promise<Json>> => {
  await root.expect('POST', `/v1/auth/${at}/role/app`, { token_policies: 'reads', ...settings }, { status: 204 })
  const { role_id: roleId } = (await root.expect('GET', `/v1/auth/${at}/role/app/role-id`)).json.data
  const { secret_id: secretId } = (await root.expect('POST', `/v1/auth/${at}/role/app/secret-id`, {})).json.data
  return async () => (await root.as(undefined).expect('POST', `/v1/auth/${at}/login`, { role_id: roleId, secret_id: secretId })).json.auth
}

describe('what a batch token is', () => {
  test('it has no accessor, cannot be renewed, and looks at itself', async () => {
    const auth = await create(root, { type: 'batch', policies: ['reads'], ttl: '1h', meta: { team: 'a' }, display_name: 'x' })
    assert.match(auth.client_token, /^hvb\.[A-Za-z0-9_-]+$/)
    assert.deepEqual([auth.accessor, auth.renewable, auth.token_type, auth.lease_duration, auth.num_uses, auth.orphan], ['', false, 'batch', 3600, 0, false])
    assert.deepEqual([(await root.as(`${auth.client_token}.root`).call('GET', '/v1/auth/token/lookup-self')).status, (await root.as(`${auth.client_token}.`).call('GET', '/v1/auth/token/lookup-self')).status], [403, 403], 'it has one spelling')
    const { data } = (await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json
    const { creation_time, expire_time, issue_time, ttl, id, ...rest } = data
    assert.equal(id, auth.client_token)
    assert.equal(Date.parse(expire_time) - Date.parse(issue_time), 3_600_000)
    assert.ok(ttl <= 3600 && ttl > 3500 && creation_time > 1_700_000_000)
    assert.deepEqual(rest, {
      accessor: '', creation_ttl: 3600, display_name: 'token-x', entity_id: '', explicit_max_ttl: 0, meta: { team: 'a' }, num_uses: 0, orphan: false, path: 'auth/token/create', policies: ['default', 'reads'], renewable: false, type: 'batch',
    })
    assert.equal((await root.expect('POST', '/v1/auth/token/lookup', { token: auth.client_token })).json.data.type, 'batch')
    assert.deepEqual((await root.as(auth.client_token).expect('POST', '/v1/sys/capabilities-self', { paths: ['secret/data/shared'] })).json['secret/data/shared'], ['read'])
    assert.deepEqual((await root.expect('POST', '/v1/sys/capabilities', { token: auth.client_token, paths: ['secret/data/shared'] })).json['secret/data/shared'], ['read'])
    assert.ok(!(await root.expect('LIST', '/v1/auth/token/accessors')).json.data.keys.includes(''))
  })
  test('what it cannot be is refused in Vault\'s words', async () => {
    const wrong = (body: object): Promise<string> => refusal(root, 'auth/token/create', { type: 'batch', policies: ['reads'], ...body })
    assert.equal(await wrong({ num_uses: 3 }), 'batch tokens cannot have "num_uses" set')
    assert.equal(await wrong({ period: '1h' }), 'batch tokens cannot have "period" set')
    assert.equal(await wrong({ explicit_max_ttl: '1h' }), 'batch tokens cannot have "explicit_max_ttl" set')
    assert.equal(await wrong({ policies: ['root'] }), 'batch tokens cannot be root tokens')
  })
  test('what it cannot do is refused in Vault\'s words', async () => {
    const { client_token: token } = await create(root, { type: 'batch', policies: ['maker'], ttl: '1h' })
    const batch = root.as(token)
    assert.equal(await refusal(batch, 'auth/token/create'), 'batch tokens cannot create more tokens')
    assert.equal(await refusal(batch, 'auth/token/renew-self'), 'batch tokens cannot be renewed')
    assert.equal(await refusal(root, 'auth/token/renew', { token }), 'batch tokens cannot be renewed')
    assert.equal(await refusal(batch, 'auth/token/revoke-self'), 'batch tokens cannot be revoked')
    assert.equal(await refusal(root, 'auth/token/revoke', { token }), 'batch tokens cannot be revoked')
    assert.equal(await refusal(root, 'auth/token/revoke-orphan', { token }), 'batch tokens cannot be revoked')
    assert.equal(await refusal(batch, 'cubbyhole/x', { a: 'b' }), 'cubbyhole operations are only supported by "service" type tokens')
    await batch.expect('GET', '/v1/auth/token/lookup-self')
  })
  test('nothing that resembles one gets in', async () => {
    const { client_token: token } = await create(root, { type: 'batch', policies: ['reads'], ttl: '1h' })
    const middle = Math.floor(token.length / 2)
    const altered = token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1)
    for (const text of [altered, token.slice(0, -4), 'hvb.', 'hvb.AQ', `hvb.${'A'.repeat(400)}`, `${token}.nowhere`, token.replace('hvb.', 'hvs.')]) assert.equal((await root.as(text).call('GET', '/v1/secret/data/shared')).status, 403, text)
  })
  test('it ends by itself', async () => {
    const { client_token: token } = await create(root, { type: 'batch', policies: ['reads'], ttl: '1s' })
    await new Promise((resolve) => setTimeout(resolve, 1300))
    assert.deepEqual(await statuses(token), [403])
  })
  test('one that would not fit into a header is refused', async () => {
    assert.match(await refusal(root, 'auth/token/create', { type: 'batch', policies: ['reads'], meta: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, 'x'.repeat(200)])) }), /longer than 8000 characters/)
  })
})

describe('what ends a batch token', () => {
  test('its parent does, revoked or expired; an orphan lives on', async () => {
    const parent = await create(root, { policies: ['maker', 'reads'], ttl: '1h' })
    const child = await create(root.as(parent.client_token), { type: 'batch', policies: ['reads'] })
    const orphan = await create(root.as(parent.client_token), { type: 'batch', policies: ['reads'] }, 'create-orphan')
    assert.equal(orphan.orphan, true)
    await endsWith(child.client_token, () => root.expect('POST', '/v1/auth/token/revoke', { token: parent.client_token }))
    assert.deepEqual(await statuses(orphan.client_token), [200])
    const brief = await create(root, { policies: ['maker', 'reads'], ttl: '2s' })
    const longer = await create(root.as(brief.client_token), { type: 'batch', policies: ['reads'], ttl: '1h' })
    assert.deepEqual(await statuses(longer.client_token), [200])
    await new Promise((resolve) => setTimeout(resolve, 2300))
    assert.deepEqual(await statuses(longer.client_token), [403])
  })
  test('a parent that is renewed carries its child with it', async () => {
    const parent = await create(root, { policies: ['maker', 'reads'], ttl: '2s' })
    const child = await create(root.as(parent.client_token), { type: 'batch', policies: ['reads'], ttl: '1h' })
    assert.deepEqual(await statuses(child.client_token), [200])
    await root.expect('POST', '/v1/auth/token/renew', { token: parent.client_token, increment: '1h' })
    await new Promise((resolve) => setTimeout(resolve, 2300))
    assert.deepEqual(await statuses(child.client_token), [200])
  })
  test('the token role that gave it does when it is deleted, and stays ended when the name is taken again', async () => {
    const role = { orphan: true, renewable: false, token_type: 'batch', allowed_policies: ['reads'] }
    await root.expect('POST', '/v1/auth/token/roles/b', role, { status: 204 })
    const auth = await create(root, {}, 'create/b')
    assert.match(auth.client_token, /^hvb\./)
    await endsWith(auth.client_token, () => root.expect('DELETE', '/v1/auth/token/roles/b', undefined, { status: 204 }))
    await root.expect('POST', '/v1/auth/token/roles/b', role, { status: 204 })
    assert.deepEqual(await statuses(auth.client_token), [403])
  })
  test('the role of an auth method does when it is deleted', async () => {
    const at = await mount('approle')
    const login = await approle(at, { token_type: 'batch', token_ttl: '20m' })
    const auth = await login()
    assert.deepEqual([auth.token_type, auth.accessor, auth.renewable, auth.lease_duration, auth.orphan, auth.policies], ['batch', '', false, 1200, true, ['default', 'reads']])
    await endsWith(auth.client_token, () => root.expect('DELETE', `/v1/auth/${at}/role/app`, undefined, { status: 204 }))
    await approle(at, { token_type: 'batch' })
    assert.deepEqual(await statuses(auth.client_token), [403])
  })
  test('the mount does when it is disabled, and stays ended when the path is taken again', async () => {
    const at = await mount('approle')
    const { client_token: token } = await (await approle(at, { token_type: 'batch' }))()
    await endsWith(token, () => root.expect('DELETE', `/v1/sys/auth/${at}`, undefined, { status: 204 }))
    await root.expect('POST', `/v1/sys/auth/${at}`, { type: 'approle' }, { status: 204 })
    await approle(at, { token_type: 'batch' })
    assert.deepEqual(await statuses(token), [403])
  })
  test('the mount does when it moves', async () => {
    const at = await mount('approle')
    const { client_token: token } = await (await approle(at, { token_type: 'batch' }))()
    await endsWith(token, () => root.expect('POST', '/v1/sys/remount', { from: `auth/${at}`, to: `auth/${at}-moved` }))
  })
})

describe('who gives batch tokens', () => {
  test('the mount decides where the role says nothing, and overrides where it is set hard', async () => {
    const table: readonly (readonly [string, string, string])[] = [
      ['default-service', 'default', 'service'], ['default-service', 'batch', 'batch'], ['default-batch', 'default', 'batch'], ['default-batch', 'service', 'service'], ['service', 'batch', 'service'], ['batch', 'service', 'batch'],
    ]
    for (const [ofMount, ofRole, expected] of table) {
      const at = await mount('approle', { config: { token_type: ofMount } })
      const auth = await (await approle(at, { token_type: ofRole }))()
      assert.equal(auth.token_type, expected, `${ofMount} and ${ofRole}`)
    }
  })
  test('a user with a password may be given one', async () => {
    const at = await mount('userpass')
    await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: 'correct horse', token_policies: 'reads', token_type: 'batch' }, { status: 204 })
    const { auth } = (await root.as(undefined).expect('POST', `/v1/auth/${at}/login/ann`, { password: 'correct horse' })).json
    assert.match(auth.client_token, /^hvb\./)
    await endsWith(auth.client_token, () => root.expect('DELETE', `/v1/auth/${at}/users/ann`, undefined, { status: 204 }))
  })
  test('settings that a batch token cannot have are refused on the role', async () => {
    const at = await mount('approle')
    assert.equal(await refusal(root, `auth/${at}/role/x`, { token_type: 'batch', token_num_uses: 2 }), "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")
    assert.equal(await refusal(root, `auth/${at}/role/x`, { token_type: 'batch', token_period: '1h' }), "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")
  })
  test('addresses bind it', async () => {
    const at = await mount('approle')
    const { client_token: token } = await (await approle(at, { token_type: 'batch', token_bound_cidrs: '127.0.0.0/8' }))()
    assert.deepEqual(await statuses(token), [200])
    await root.expect('POST', `/v1/auth/${at}/role/app`, { token_bound_cidrs: '10.0.0.0/8' }, { status: 204 })
    assert.deepEqual(await statuses(token), [200], 'a token is bound as its role was')
  })
})

test('an organization opens no batch token of another, and ends with all of its own', async () => {
  await root.expect('POST', '/v1/sys/namespaces/team', {})
  const team = { headers: { 'x-vault-namespace': 'team' } }
  const { auth } = (await root.expect('POST', '/v1/auth/token/create', { type: 'batch', policies: ['default'], ttl: '1h' }, team)).json
  assert.match(auth.client_token, /^hvb\.[A-Za-z0-9_-]+\.[A-Za-z0-9]+$/)
  const self = (token: string): Promise<number> => root.as(token).call('GET', '/v1/auth/token/lookup-self').then(({ status }) => status)
  assert.equal(await self(auth.client_token), 200)
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data.namespace_path, 'team/')
  // Without its end the token names root, whose key did not seal it.
  assert.equal(await self(auth.client_token.slice(0, auth.client_token.lastIndexOf('.'))), 403)
})
