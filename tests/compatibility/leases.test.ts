// sys/leases over the wire, for the leases that service tokens are: statuses, bodies and words are Vault's.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import type { Client } from '../support/http.ts'

const { root } = await startDevServer({ after })

const refused = async (answer: ReturnType<Client['call']>, status: number, errors: readonly string[]): Promise<void> => {
  const { status: got, json } = await answer
  assert.deepEqual([got, json.errors], [status, errors])
}
const denied = ['1 error occurred:\n\t* permission denied\n\n']
const make = async (body: Readonly<Record<string, unknown>> = {}): Promise<string> => (await root.expect('POST', '/v1/auth/token/create', { ttl: '1h', ...body })).json.auth.client_token as string
const keysBelow = async (prefix: string): Promise<readonly string[]> => (await root.expect('LIST', `/v1/sys/leases/lookup${prefix}`)).json.data.keys
const lives = async (token: string): Promise<boolean> => (await root.as(token).call('GET', '/v1/auth/token/lookup-self')).status === 200

/** The lease of a token that is the only one below its path. */
const leaseAt = async (path: string): Promise<string> => {
  const [only, ...others] = await keysBelow(`/${path}`)
  assert.equal(others.length, 0)
  return `${path}/${only}`
}

const login = async (name: string): Promise<string> => {
  await root.expect('POST', `/v1/auth/userpass/users/${name}`, { password: 'pw', token_ttl: '30m' }, { status: 204 })
  return (await root.expect('POST', `/v1/auth/userpass/login/${name}`, { password: 'pw' })).json.auth.client_token as string
}
await root.expect('POST', '/v1/sys/auth/userpass', { type: 'userpass' }, { status: 204 })

describe('leases of tokens', () => {
  test('are looked up, by POST and PUT', async () => {
    await login('ann')
    const id = await leaseAt('auth/userpass/login/ann')
    assert.match(id, /^auth\/userpass\/login\/ann\/h[0-9a-f]{64}$/)
    for (const method of ['POST', 'PUT']) {
      const { json } = await root.expect(method, '/v1/sys/leases/lookup', { lease_id: id })
      assert.deepEqual(Object.keys(json.data).sort(), ['expire_time', 'id', 'issue_time', 'last_renewal', 'renewable', 'ttl'])
      assert.deepEqual([json.data.id, json.data.renewable, json.data.last_renewal, json.lease_id, json.renewable, json.lease_duration], [id, true, null, '', false, 0])
      assert.ok(json.data.ttl > 1700 && json.data.ttl <= 1800)
    }
  })
  test('are listed by folder', async () => {
    await make()
    await login('bea')
    assert.ok((await keysBelow('')).includes('auth/'))
    assert.ok((await keysBelow('/auth/token/create')).every((key) => /^h[0-9a-f]{64}$/.test(key)))
    const folders = await keysBelow('/auth/userpass/login/')
    assert.ok(folders.includes('bea/'))
    assert.equal(new Set(folders).size, folders.length)
    assert.deepEqual((await root.expect('GET', '/v1/sys/leases/lookup/auth/userpass?list=true')).json.data.keys, ['login/'])
    await refused(root.call('LIST', '/v1/sys/leases/lookup/auth/nothing'), 404, [])
  })
  test('a token without an end has none', async () => {
    const before = await keysBelow('/auth/token/create')
    const forever = (await root.expect('POST', '/v1/auth/token/create', {})).json.auth.client_token as string
    assert.equal((await root.as(forever).expect('GET', '/v1/auth/token/lookup-self')).json.data.expire_time, null)
    assert.deepEqual(await keysBelow('/auth/token/create'), before)
  })
  test('are not renewed here', async () => {
    await login('cat')
    await refused(root.call('PUT', '/v1/sys/leases/renew', { lease_id: await leaseAt('auth/userpass/login/cat') }), 400, ['tokens cannot be renewed through this endpoint'])
    await root.expect('POST', '/v1/auth/token/roles/still', { renewable: false }, { status: 204 })
    await root.expect('POST', '/v1/auth/token/create/still', { ttl: '1h', policies: ['default'] })
    await refused(root.call('PUT', `/v1/sys/renew/${await leaseAt('auth/token/create/still')}`, {}), 400, ['lease is not renewable'])
    await refused(root.call('PUT', '/v1/sys/leases/renew', { lease_id: 'auth/userpass/login/cat/x' }), 400, ['lease not found'])
    await refused(root.call('PUT', '/v1/sys/leases/renew', {}), 400, ['lease_id must be specified'])
  })
  test('are ended one by one, with what was made from the token', async () => {
    for (const [name, path, body, status] of [['dan', 'leases/revoke', {}, 204], ['eve', 'revoke', {}, 204], ['fay', 'leases/revoke', { sync: false }, 202]] as const) {
      const token = await login(name)
      const id = await leaseAt(`auth/userpass/login/${name}`)
      await root.expect('PUT', `/v1/sys/${path}`, { lease_id: id, ...body }, { status })
      assert.equal(await lives(token), false)
      await refused(root.call('PUT', '/v1/sys/leases/lookup', { lease_id: id }), 400, ['invalid lease'])
      // What is not there has ended.
      await root.expect('PUT', `/v1/sys/${path}/${id}`, body, { status })
    }
    await refused(root.call('PUT', '/v1/sys/leases/revoke', {}), 400, ['lease_id must be specified'])
    await refused(root.call('PUT', '/v1/sys/leases/lookup', {}), 400, ['lease_id must be specified'])
  })
  test('are ended below a prefix, and no others', async () => {
    const tokens = await Promise.all(['gil', 'gilda'].map(login))
    await root.expect('PUT', '/v1/sys/leases/revoke-prefix/auth/userpass/login/gil', {}, { status: 204 })
    assert.deepEqual(await Promise.all(tokens.map(lives)), [false, true])
    await root.expect('PUT', '/v1/sys/revoke-prefix/auth/userpass', { sync: false }, { status: 202 })
    assert.deepEqual(await Promise.all(tokens.map(lives)), [false, false])
    await refused(root.call('LIST', '/v1/sys/leases/lookup/auth/userpass'), 404, [])
  })
  test('by force, too', async () => {
    const token = await login('hal')
    await root.expect('PUT', '/v1/sys/leases/revoke-force/auth/userpass/login/hal', undefined, { status: 204 })
    assert.equal(await lives(token), false)
  })
})

describe('rights', () => {
  const holder = async (name: string, policy: string): Promise<Client> => {
    await root.expect('PUT', `/v1/sys/policies/acl/${name}`, { policy }, { status: 204 })
    return root.as(await make({ policies: [name] }))
  }
  test('lists and prefixes want sudo, one lease does not', async () => {
    const plain = await holder('lease-plain', 'path "sys/leases/*" { capabilities = ["create", "update", "list"] }')
    await login('ida')
    const id = await leaseAt('auth/userpass/login/ida')
    await refused(plain.call('LIST', '/v1/sys/leases/lookup/auth/userpass'), 403, denied)
    for (const path of ['revoke-prefix', 'revoke-force']) await refused(plain.call('PUT', `/v1/sys/leases/${path}/auth/userpass`, {}), 403, denied)
    await refused(plain.call('GET', '/v1/sys/leases?type=irrevocable'), 403, denied)
    await plain.expect('PUT', '/v1/sys/leases/lookup', { lease_id: id })
    await plain.expect('PUT', '/v1/sys/leases/revoke', { lease_id: id }, { status: 204 })
    const operator = await holder('lease-sudo', 'path "sys/leases/*" { capabilities = ["update", "list", "sudo"] }')
    await operator.expect('LIST', '/v1/sys/leases/lookup/auth')
    await operator.expect('PUT', '/v1/sys/leases/revoke-prefix/auth/userpass', {}, { status: 204 })
  })
  test('nobody without a right learns which leases there are', async () => {
    const nobody = root.as(await make({ policies: ['default'] }))
    await refused(nobody.call('LIST', '/v1/sys/leases/lookup'), 403, denied)
    await refused(nobody.call('PUT', '/v1/sys/leases/revoke', { lease_id: 'auth/token/create/x' }), 403, denied)
    await refused(nobody.call('PUT', '/v1/sys/leases/lookup', { lease_id: 'auth/token/create/x' }), 400, ['invalid lease'])
  })
  test('leases of one organization are unknown to another', async () => {
    const { json } = await root.expect('POST', '/v1/sys/namespaces/tenant', {})
    assert.match(json.data.path, /tenant/)
    await root.expect('POST', '/v1/tenant/sys/auth/userpass', { type: 'userpass' }, { status: 204 })
    await root.expect('POST', '/v1/tenant/auth/userpass/users/ann', { password: 'pw' }, { status: 204 })
    const token = (await root.expect('POST', '/v1/tenant/auth/userpass/login/ann', { password: 'pw' })).json.auth.client_token as string
    const [leaf] = (await root.expect('LIST', '/v1/tenant/sys/leases/lookup/auth/userpass/login/ann')).json.data.keys
    assert.match(leaf, /^h[0-9a-f]{64}\.[0-9A-Za-z]+$/)
    const id = `auth/userpass/login/ann/${leaf}`
    await refused(root.call('PUT', '/v1/sys/leases/lookup', { lease_id: id }), 400, ['invalid lease'])
    await root.expect('PUT', '/v1/sys/leases/revoke', { lease_id: id }, { status: 204 })
    assert.equal(await lives(token), true)
    assert.equal((await root.expect('PUT', '/v1/tenant/sys/leases/lookup', { lease_id: id })).json.data.id, id)
    await root.expect('PUT', '/v1/tenant/sys/leases/revoke', { lease_id: id }, { status: 204 })
    assert.equal(await lives(token), false)
  })
})

describe('the rest', () => {
  test('tidy is begun; counts and lists are of irrevocable leases', async () => {
    const tidy = await root.expect('POST', '/v1/sys/leases/tidy', {}, { status: 202 })
    assert.match(tidy.json.warnings[0], /^Tidy operation successfully started\./)
    assert.deepEqual((await root.expect('GET', '/v1/sys/leases/count?type=irrevocable')).json.data, { counts: {}, lease_count: 0 })
    assert.deepEqual((await root.expect('GET', '/v1/sys/leases?type=irrevocable&limit=none')).json.data, { lease_count: 0, leases: [] })
    await refused(root.call('GET', '/v1/sys/leases?type=irrevocable&limit=0'), 400, ["limit must be 'none' or a positive integer"])
    for (const path of ['leases', 'leases/count']) await refused(root.call('GET', `/v1/sys/${path}`), 404, [])
  })
  test('hostile ids and prefixes are refused or found nowhere', async () => {
    for (const id of ['\u0000', '../x', `${'h'.repeat(64)}`, `/h${'0'.repeat(64)}`, `auth/token/create/h${'A'.repeat(64)}`, "' or 1=1 --", 'x'.repeat(1025)]) {
      const { status } = await root.call('PUT', '/v1/sys/leases/lookup', { lease_id: id })
      assert.equal(status, 400)
    }
    for (const path of ['LIST /v1/sys/leases/lookup/%00', 'LIST /v1/sys/leases/lookup/a//b', 'PUT /v1/sys/leases/revoke-prefix/..']) {
      const [method = '', target = ''] = path.split(' ')
      assert.equal((await root.call(method, target)).status, 400)
    }
  })
})
