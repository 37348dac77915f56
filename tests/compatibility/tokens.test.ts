// auth/token over the wire: statuses, bodies and texts that Vault's clients read.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import type { Client, Json } from '../support/http.ts'

const open = await startDevServer({ after })
const { root } = open

const create = async (by: Client, body: object, path = 'create'): Promise<Json> => (await by.expect('POST', `/v1/auth/token/${path}`, body)).json.auth
const writePolicy = (name: string, policy: string): Promise<unknown> => root.expect('PUT', `/api/v1/policies/${name}`, { kind: 'acl', body: policy })

describe('making tokens', () => {
  test('a token of root has what it asks for, and default', async () => {
    const auth = await create(root, { policies: ['dev'], ttl: '1h', display_name: 'build bot', meta: { team: 'a' } })
    assert.match(auth.client_token, /^hvs\./)
    assert.deepEqual(auth.policies, ['default', 'dev'])
    assert.deepEqual(auth.token_policies, ['default', 'dev'])
    assert.equal(auth.lease_duration, 3600)
    assert.equal(auth.token_type, 'service')
    assert.equal(auth.orphan, false)
    assert.equal(auth.renewable, true)
    assert.deepEqual(auth.metadata, { team: 'a' })
    const { json } = await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')
    assert.equal(json.data.display_name, 'token-build-bot')
    assert.equal(json.data.id, auth.client_token)
    assert.equal(json.data.path, 'auth/token/create')
    assert.equal(json.data.creation_ttl, 3600)
    assert.equal(json.data.type, 'service')
  })
  test('a policy that nobody wrote is a warning', async () => {
    const { json } = await root.expect('POST', '/v1/auth/token/create', { policies: ['nobody-wrote-this'] })
    assert.deepEqual(json.warnings, ['Policy "nobody-wrote-this" does not exist'])
  })
  test('default can be left out, and then the token may not look at itself', async () => {
    const auth = await create(root, { policies: ['dev'], no_default_policy: true })
    assert.deepEqual(auth.policies, ['dev'])
    const refused = await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    assert.deepEqual(refused.json, { errors: ['1 error occurred:\n\t* permission denied\n\n'] })
  })
  test('a token without rights of its own gives no more than it has', async () => {
    await writePolicy('maker', 'path "auth/token/create" { capabilities = ["update"] }\npath "auth/token/create-orphan" { capabilities = ["update"] }')
    const maker = root.as((await create(root, { policies: ['maker'], ttl: '1h' })).client_token)
    const refused = async (body: object, words: string): Promise<void> => assert.deepEqual((await maker.expect('POST', '/v1/auth/token/create', body, { status: 400 })).json, { errors: [words] })
    await refused({ policies: ['other'] }, 'child policies must be subset of parent')
    await refused({ policies: ['root'] }, 'child policies must be subset of parent')
    await refused({ no_parent: true }, 'root or sudo privileges required to create orphan token')
    await refused({ period: '1h' }, 'root or sudo privileges required to create periodic token')
    await refused({ id: 'mine' }, 'root or sudo privileges required to specify token id')
    await refused({ num_uses: -1 }, 'number of uses cannot be negative')
    await refused({ type: 'nonsense' }, "invalid 'token_type' value")
    await refused({ policies: ['maker', 'response-wrapping'] }, 'child policies must be subset of parent')
    assert.deepEqual((await create(maker, {})).policies, ['default', 'maker'])
    assert.equal((await create(maker, {}, 'create-orphan')).orphan, true)
  })
  test('sudo makes no root token', async () => {
    await writePolicy('sudoer', 'path "auth/token/create" { capabilities = ["update", "sudo"] }')
    const sudoer = root.as((await create(root, { policies: ['sudoer'], ttl: '1h' })).client_token)
    assert.deepEqual((await sudoer.expect('POST', '/v1/auth/token/create', { policies: ['root'] }, { status: 400 })).json.errors, ['root tokens may not be created without parent token being root'])
    assert.deepEqual((await create(sudoer, { policies: ['anything'] })).policies, ['anything', 'default'])
  })
  test('a text of its own makes a token of that text, once', async () => {
    const auth = await create(root, { id: 'a-text-of-my-own', policies: ['default'] })
    assert.equal(auth.client_token, 'a-text-of-my-own')
    await root.as('a-text-of-my-own').expect('GET', '/v1/auth/token/lookup-self')
    await root.expect('POST', '/v1/auth/token/create', { id: 'a-text-of-my-own' }, { status: 400 })
    for (const [id, words] of [['hvs.mine', "custom token ID cannot have the 'hvs.' prefix"], ['s.mine', "custom token ID cannot have the 's.' prefix"], ['hvb.mine', "custom token ID cannot have a '.' in the value"]] as const) {
      assert.deepEqual((await root.expect('POST', '/v1/auth/token/create', { id }, { status: 400 })).json.errors, [words])
    }
  })
  test('uses are counted, and a counted token makes no others', async () => {
    const { client_token: token } = await create(root, { num_uses: 3, policies: ['maker'] })
    const counted = root.as(token)
    assert.equal((await counted.expect('GET', '/v1/auth/token/lookup-self')).json.data.num_uses, 2)
    assert.deepEqual((await counted.expect('POST', '/v1/auth/token/create', {}, { status: 400 })).json.errors, ['restricted use token cannot generate child tokens'])
    await counted.expect('GET', '/v1/auth/token/lookup-self')
    const gone = await counted.expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    assert.deepEqual(gone.json, { errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'] })
  })
  test('a TTL above the maximum is capped with a warning', async () => {
    const { json } = await root.expect('POST', '/v1/auth/token/create', { policies: ['default'], ttl: '10000h' })
    assert.equal(json.auth.lease_duration, 2_764_800)
    assert.deepEqual(json.warnings, ['TTL of "10000h" exceeded the effective max_ttl of "768h"; TTL value is capped accordingly'])
  })
  test('what is made of an unknown field is a warning', async () => {
    const { json } = await root.expect('PUT', '/v1/auth/token/create', { policies: ['default'], nonsense: 1, another: null })
    assert.deepEqual(json.warnings, ['Endpoint ignored these unrecognized parameters: [another nonsense]'])
  })
})

describe('looking at tokens', () => {
  test('root is shown as Vault shows it', async () => {
    const { data } = (await root.expect('GET', '/v1/auth/token/lookup-self')).json
    assert.deepEqual({ ...data, accessor: '', creation_time: 0 }, {
      id: open.rootToken, accessor: '', policies: ['root'], path: 'auth/token/root', meta: null, display_name: 'root', num_uses: 0, orphan: true, creation_time: 0, creation_ttl: 0,
      expire_time: null, ttl: 0, explicit_max_ttl: 0, entity_id: '', type: 'service',
    })
  })
  test('by token and by accessor; the latter does not tell the token', async () => {
    const auth = await create(root, { policies: ['default'], ttl: 60 })
    assert.equal((await root.expect('POST', '/v1/auth/token/lookup', { token: auth.client_token })).json.data.accessor, auth.accessor)
    const { data } = (await root.expect('POST', '/v1/auth/token/lookup-accessor', { accessor: auth.accessor })).json
    assert.equal(data.id, '')
    assert.equal(data.creation_ttl, 60)
    assert.equal((await root.expect('POST', '/v1/auth/token/lookup-self', {})).json.data.id, open.rootToken)
    assert.equal((await root.expect('POST', '/v1/auth/token/lookup', {})).json.data.id, open.rootToken)
  })
  test('what is not there is refused in Vault\'s words', async () => {
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/lookup', { token: 'hvs.nobody' }, { status: 403 })).json, { errors: ['bad token'] })
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/lookup-accessor', { accessor: 'nothing' }, { status: 400 })).json, { errors: ['1 error occurred:\n\t* invalid accessor\n\n'] })
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/lookup-accessor', {}, { status: 400 })).json, { errors: ['1 error occurred:\n\t* missing accessor\n\n'] })
    assert.deepEqual((await root.as('hvs.nobody').expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })).json.errors.length, 1)
    await root.as(undefined).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    assert.deepEqual((await root.expect('DELETE', '/v1/auth/token/lookup-self', undefined, { status: 405 })).json, { errors: ['1 error occurred:\n\t* unsupported operation\n\n'] })
  })
  test('accessors are listed to those with sudo', async () => {
    const auth = await create(root, { policies: ['default'] })
    const { keys } = (await root.expect('GET', '/v1/auth/token/accessors?list=true')).json.data
    assert.ok(keys.includes(auth.accessor))
    await root.as(auth.client_token).expect('GET', '/v1/auth/token/accessors?list=true', undefined, { status: 403 })
  })
})

describe('renewing and revoking tokens', () => {
  test('a periodic token is renewed by its period for ever', async () => {
    const auth = await create(root, { policies: ['default'], period: '2h' })
    assert.equal(auth.lease_duration, 7200)
    const renewed = (await root.as(auth.client_token).expect('POST', '/v1/auth/token/renew-self', { increment: '50h' })).json.auth
    assert.equal(renewed.lease_duration, 7200)
    assert.equal(renewed.client_token, auth.client_token)
    const { data } = (await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json
    assert.equal(data.period, 7200)
    assert.equal(typeof data.last_renewal_time, 'number')
  })
  test('a renewal gives what is asked for, up to the explicit maximum', async () => {
    const auth = await create(root, { policies: ['default'], ttl: '1h', explicit_max_ttl: '2h' })
    assert.equal((await root.expect('POST', '/v1/auth/token/renew', { token: auth.client_token, increment: 600 })).json.auth.lease_duration, 600)
    const { json } = await root.expect('POST', '/v1/auth/token/renew-accessor', { accessor: auth.accessor, increment: '9h' })
    assert.ok(json.auth.lease_duration <= 7200 && json.auth.lease_duration > 7000)
    assert.equal(json.auth.client_token, '')
    assert.equal(json.warnings.length, 1)
  })
  test('what cannot be renewed is not', async () => {
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/renew-self', {}, { status: 400 })).json.errors, ['lease is not renewable'])
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/renew', { token: 'hvs.x' }, { status: 400 })).json.errors, ['token not found'])
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/renew', {}, { status: 400 })).json.errors, ['missing token ID'])
  })
  test('children go with their parent, orphans stay', async () => {
    const parent = await create(root, { policies: ['maker'], ttl: '1h' })
    const by = root.as(parent.client_token)
    const child = await create(by, {})
    const grandchild = await create(root.as(child.client_token), {})
    const orphan = await create(by, {}, 'create-orphan')
    await root.expect('POST', '/v1/auth/token/revoke', { token: parent.client_token }, { status: 204 })
    for (const token of [parent, child, grandchild]) await root.as(token.client_token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    await root.as(orphan.client_token).expect('GET', '/v1/auth/token/lookup-self')
    await root.expect('POST', '/v1/auth/token/revoke', { token: parent.client_token }, { status: 204 })
  })
  test('revoke-orphan leaves the children, as orphans', async () => {
    const parent = await create(root, { policies: ['maker'], ttl: '1h' })
    const child = await create(root.as(parent.client_token), {})
    await root.expect('POST', '/v1/auth/token/revoke-orphan', { token: parent.client_token }, { status: 204 })
    await root.as(parent.client_token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    assert.equal((await root.as(child.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data.orphan, true)
  })
  test('by accessor, and by itself', async () => {
    const auth = await create(root, { policies: ['default'] })
    await root.expect('POST', '/v1/auth/token/revoke-accessor', { accessor: auth.accessor }, { status: 204 })
    await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    const self = root.as((await create(root, { policies: ['default'] })).client_token)
    await self.expect('POST', '/v1/auth/token/revoke-self', undefined, { status: 204 })
    await self.expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
  })
  test('tidy is accepted', async () => {
    const { json } = await root.expect('POST', '/v1/auth/token/tidy', undefined, { status: 202 })
    assert.equal(json.warnings.length, 1)
  })
})

describe('token roles', () => {
  test('are written, read, listed and deleted', async () => {
    await root.expect('POST', '/v1/auth/token/roles/ci', { allowed_policies: 'dev,test', orphan: true, token_period: '1h', path_suffix: 'v1' }, { status: 204 })
    const { data } = (await root.expect('GET', '/v1/auth/token/roles/ci')).json
    assert.deepEqual(data.allowed_policies, ['dev', 'test'])
    assert.equal(data.token_period, 3600)
    assert.equal(data.token_type, 'default-service')
    assert.deepEqual((await root.expect('GET', '/v1/auth/token/roles?list=true')).json.data.keys, ['ci'])
    const auth = await create(root, {}, 'create/ci')
    assert.deepEqual(auth.policies, ['default', 'dev', 'test'])
    assert.equal(auth.lease_duration, 3600)
    assert.equal(auth.orphan, true)
    const facts = (await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data
    assert.equal(facts.role, 'ci')
    assert.equal(facts.path, 'auth/token/create/ci/v1')
    assert.match((await root.expect('POST', '/v1/auth/token/create/ci', { policies: ['other'] }, { status: 400 })).json.errors[0], /must be subset of the role's allowed policies/)
    await root.expect('DELETE', '/v1/auth/token/roles/ci', undefined, { status: 204 })
    await root.expect('GET', '/v1/auth/token/roles/ci', undefined, { status: 404 })
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/create/ci', {}, { status: 400 })).json.errors, ['unknown role ci'])
  })
})

test('a child ends with a parent that merely expired', async () => {
  const parent = await create(root, { policies: ['maker'], ttl: '2s' })
  const child = await create(root.as(parent.client_token), { ttl: '1h' })
  await root.as(child.client_token).expect('GET', '/v1/auth/token/lookup-self')
  await until(async () => (await root.as(parent.client_token).call('GET', '/v1/auth/token/lookup-self')).status === 403, 'the parent expires')
  await until(async () => (await root.as(child.client_token).call('GET', '/v1/auth/token/lookup-self')).status === 403, 'the child goes with it')
})

describe('tuning auth/token', () => {
  test('the default and the longest life of tokens are read and set; the type of tokens is not', async () => {
    const { data } = (await root.expect('GET', '/v1/sys/auth/token/tune')).json
    assert.deepEqual(data, { default_lease_ttl: 2_764_800, max_lease_ttl: 2_764_800, description: 'token based credentials', force_no_cache: false, token_type: 'default-service' })
    assert.deepEqual((await root.expect('POST', '/v1/sys/auth/token/tune', { token_type: 'batch' }, { status: 400 })).json.errors, ["'token_type' cannot be set for 'token' or 'ns_token' auth mounts"])
    await root.expect('POST', '/v1/sys/auth/token/tune', { default_lease_ttl: '1h', max_lease_ttl: '2h' }, { status: 204 })
    assert.equal((await create(root, { policies: ['default'] })).lease_duration, 3600)
    const capped = (await root.expect('POST', '/v1/auth/token/create', { policies: ['default'], ttl: '10h' })).json
    assert.deepEqual([capped.auth.lease_duration, capped.warnings], [7200, ['TTL of "10h" exceeded the effective max_ttl of "2h"; TTL value is capped accordingly']])
    assert.equal((await root.expect('GET', '/v1/sys/auth/token/tune')).json.data.max_lease_ttl, 7200)
    await root.expect('POST', '/v1/sys/auth/token/tune', { default_lease_ttl: '0', max_lease_ttl: '0' }, { status: 204 })
    assert.equal((await create(root, { policies: ['default'] })).lease_duration, 2_764_800)
  })
})

describe('whoever holds a token of a role', () => {
  test('is named by an alias that the role allows, the same principal each time', async () => {
    await root.expect('POST', '/v1/auth/token/roles/aliased', { allowed_entity_aliases: ['Eve', 'app-*'], orphan: true }, { status: 204 })
    const one = await create(root, { entity_alias: 'Eve', policies: ['default'] }, 'create/aliased')
    assert.match(one.entity_id, /^[0-9a-f-]{36}$/)
    assert.equal((await create(root, { entity_alias: 'Eve', policies: ['default'] }, 'create/aliased')).entity_id, one.entity_id)
    const other = await create(root, { entity_alias: 'app-7', policies: ['default'], type: 'batch' }, 'create/aliased')
    assert.notEqual(other.entity_id, one.entity_id)
    const look = (await root.as(other.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data
    assert.deepEqual([look.entity_id, look.external_namespace_policies, look.role], [other.entity_id, undefined, 'aliased'])
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/create/aliased', { entity_alias: 'mallory' }, { status: 400 })).json.errors, ["invalid 'entity_alias' value"])
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/create', { entity_alias: 'eve' }, { status: 400 })).json.errors, ["'entity_alias' is only allowed in combination with token role"])
  })
  test('cannot renew it once the role is gone; while it is there its settings of now count', async () => {
    await root.expect('POST', '/v1/auth/token/roles/fleeting', { token_period: '1h' }, { status: 204 })
    const { client_token: token } = await create(root, { policies: ['default'] }, 'create/fleeting')
    await root.expect('POST', '/v1/auth/token/roles/fleeting', { token_period: '2h' }, { status: 204 })
    assert.equal((await root.expect('POST', '/v1/auth/token/renew', { token })).json.auth.lease_duration, 7200)
    await root.expect('DELETE', '/v1/auth/token/roles/fleeting', undefined, { status: 204 })
    assert.deepEqual((await root.expect('POST', '/v1/auth/token/renew', { token }, { status: 400 })).json.errors, ['original token role "fleeting" could not be found, not renewing'])
  })
})
