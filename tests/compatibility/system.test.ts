// sys over the wire: mounts, policies, capabilities and what clients ask before they act.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import type { Client, Json } from '../support/http.ts'

const open = await startDevServer({ after })
const { root } = open

const refused = async (answer: ReturnType<Client['call']>, status: number, words: string | RegExp): Promise<void> => {
  const { status: got, json } = await answer
  assert.equal(got, status)
  if (typeof words === 'string') assert.deepEqual(json.errors, [words])
  else assert.match(json.errors[0], words)
}
const holder = async (policy: string): Promise<Client> => {
  const name = `p${policy.length}-${Math.trunc(policy.split('').reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) % 1e9)}`
  await root.expect('PUT', `/v1/sys/policies/acl/${name}`, { policy }, { status: 204 })
  return root.as((await root.expect('POST', '/v1/auth/token/create', { policies: [name], ttl: '1h' })).json.auth.client_token as string)
}

describe('mounts', () => {
  test('are listed at the top and in data, built-in ones too', async () => {
    const { json } = await root.expect('GET', '/v1/sys/mounts')
    assert.deepEqual(Object.keys(json.data), ['cubbyhole/', 'identity/', 'secret/', 'sys/'])
    assert.deepEqual(json['secret/'], json.data['secret/'])
    assert.equal(json.data['secret/'].options.version, '2')
    assert.equal(json.mount_type, 'system')
    assert.match(json.data['secret/'].accessor, /^kv_[0-9a-f]{8}$/)
  })
  test('are made, read, tuned, moved and removed', async () => {
    await root.expect('POST', '/v1/sys/mounts/apps', { type: 'kv', options: { version: '2' }, description: 'for apps', config: { default_lease_ttl: '1h', max_lease_ttl: 7200 } }, { status: 204 })
    const read = (await root.expect('GET', '/v1/sys/mounts/apps/')).json.data
    assert.equal(read.description, 'for apps')
    assert.deepEqual(read.config, { default_lease_ttl: 3600, force_no_cache: false, max_lease_ttl: 7200 })
    await root.expect('POST', '/v1/apps/data/a', { data: { x: 1 } })
    await root.expect('POST', '/v1/sys/mounts/apps/tune', { description: 'for all apps' }, { status: 204 })
    assert.equal((await root.expect('GET', '/v1/sys/mounts/apps/tune')).json.data.description, 'for all apps')
    const moved = (await root.expect('POST', '/v1/sys/remount', { from: 'apps', to: 'teams/apps' })).json
    assert.equal((await root.expect('GET', `/v1/sys/remount/status/${moved.data.migration_id}`)).json.data.migration_info.status, 'success')
    assert.equal((await root.expect('GET', '/v1/teams/apps/data/a')).json.data.data.x, 1)
    await root.expect('GET', '/v1/apps/data/a', undefined, { status: 404 })
    await root.expect('DELETE', '/v1/sys/mounts/teams/apps', undefined, { status: 204 })
    await root.expect('DELETE', '/v1/sys/mounts/teams/apps', undefined, { status: 204 })
    await root.expect('GET', '/v1/teams/apps/data/a', undefined, { status: 404 })
  })
  test('are refused in Vault\'s words', async () => {
    await refused(root.call('POST', '/v1/sys/mounts/secret', { type: 'kv' }), 400, 'path is already in use at secret/')
    await refused(root.call('POST', '/v1/sys/mounts/secret/below', { type: 'kv' }), 400, 'path is already in use at secret/')
    await refused(root.call('POST', '/v1/sys/mounts/x', { type: 'nonsense' }), 400, 'plugin not found in the catalog: nonsense')
    await refused(root.call('POST', '/v1/sys/mounts/x', {}), 400, 'backend type must be specified as a string')
    await refused(root.call('POST', '/v1/sys/mounts/auth', { type: 'kv' }), 400, 'cannot mount "auth/"')
    await refused(root.call('DELETE', '/v1/sys/mounts/sys'), 400, 'cannot unmount "sys/"')
    await refused(root.call('GET', '/v1/sys/mounts/nothing'), 400, 'No secret engine mount at nothing/')
  })
  test('auth methods are listed', async () => {
    const { json } = await root.expect('GET', '/v1/sys/auth')
    assert.equal(json.data['token/'].type, 'token')
    assert.equal(json['token/'].config.token_type, 'default-service')
  })
})

describe('policies', () => {
  test('are written, read, listed and deleted, under both names', async () => {
    await root.expect('PUT', '/v1/sys/policies/acl/Reader', { policy: 'path "secret/*" { capabilities = ["read"] }' }, { status: 200 })
    assert.deepEqual((await root.expect('GET', '/v1/sys/policies/acl/reader')).json.data, { name: 'reader', policy: 'path "secret/*" { capabilities = ["read"] }' })
    assert.equal((await root.expect('GET', '/v1/sys/policy/reader')).json.rules, 'path "secret/*" { capabilities = ["read"] }')
    const { json } = await root.expect('GET', '/v1/sys/policy')
    assert.deepEqual(json.policies, json.data.keys)
    for (const name of ['default', 'reader', 'root']) assert.ok(json.policies.includes(name))
    assert.deepEqual((await root.expect('LIST', '/v1/sys/policies/acl')).json.data.keys, json.policies)
    await root.expect('DELETE', '/v1/sys/policies/acl/reader', undefined, { status: 204 })
    await root.expect('DELETE', '/v1/sys/policies/acl/reader', undefined, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/sys/policies/acl/reader', undefined, { status: 404 })).json, { errors: [] })
  })
  test('in base64 are the same', async () => {
    const policy = 'path "secret/*" { capabilities = ["list"] }'
    await root.expect('POST', '/v1/sys/policy/encoded', { policy: Buffer.from(policy).toString('base64') }, { status: 204 })
    assert.equal((await root.expect('GET', '/v1/sys/policy/encoded')).json.data.rules, policy)
  })
  test('built-in ones are kept from change', async () => {
    await refused(root.call('PUT', '/v1/sys/policies/acl/root', { policy: 'path "a" {}' }), 400, 'cannot update "root" policy')
    await refused(root.call('DELETE', '/v1/sys/policies/acl/root'), 400, 'cannot delete "root" policy')
    await refused(root.call('DELETE', '/v1/sys/policies/acl/default'), 400, 'cannot delete default policy')
    await refused(root.call('PUT', '/v1/sys/policies/acl/bad', { policy: 'path {' }), 400, /^failed to parse policy/)
    await refused(root.call('PUT', '/v1/sys/policies/acl/bad', {}), 400, "'policy' parameter not supplied or empty")
    assert.match((await root.expect('GET', '/v1/sys/policies/acl/default')).json.data.policy, /lookup-self/)
  })
})

describe('capabilities', () => {
  test('of root are root, of others what their policies say', async () => {
    assert.deepEqual((await root.expect('POST', '/v1/sys/capabilities-self', { path: 'secret/data/x' })).json.data, { 'secret/data/x': ['root'], capabilities: ['root'] })
    const some = await holder('path "secret/data/app/*" { capabilities = ["create", "read", "update"] }\npath "secret/metadata/app/*" { capabilities = ["list"] }')
    const { json } = await some.expect('POST', '/v1/sys/capabilities-self', { paths: ['secret/data/app/x', 'secret/data/other', 'secret/metadata/app/'] })
    assert.deepEqual(json.data, { 'secret/data/app/x': ['create', 'read', 'update'], 'secret/data/other': ['deny'], 'secret/metadata/app/': ['list'] })
    assert.deepEqual(json['secret/data/other'], ['deny'])
  })
  test('by token and by accessor', async () => {
    const { client_token: token, accessor } = (await root.expect('POST', '/v1/auth/token/create', { policies: ['default'] })).json.auth as Json
    assert.deepEqual((await root.expect('POST', '/v1/sys/capabilities', { token, paths: ['cubbyhole/x'] })).json.data.capabilities, ['create', 'delete', 'list', 'read', 'update'])
    assert.deepEqual((await root.expect('POST', '/v1/sys/capabilities-accessor', { accessor, paths: ['sys/mounts'] })).json.data.capabilities, ['deny'])
    await refused(root.call('POST', '/v1/sys/capabilities', { token: 'hvs.none', paths: ['a'] }), 400, '1 error occurred:\n\t* invalid token\n\n')
    await refused(root.call('POST', '/v1/sys/capabilities-accessor', { accessor: 'none', paths: ['a'] }), 400, '1 error occurred:\n\t* invalid accessor\n\n')
    await refused(root.call('POST', '/v1/sys/capabilities-self', {}), 400, 'paths must be supplied')
  })
})

describe('what clients ask before they act', () => {
  test('the mount of a path, if there is a right to it; else nobody can tell whether it is there', async () => {
    assert.equal((await root.expect('GET', '/v1/sys/internal/ui/mounts/secret/a/b')).json.data.path, 'secret/')
    await root.expect('POST', '/v1/sys/mounts/hidden', { type: 'kv', options: { version: '2' } }, { status: 204 })
    const some = await holder('path "secret/data/app/*" { capabilities = ["read"] }')
    const seen = (await some.expect('GET', '/v1/sys/internal/ui/mounts/secret/app/x')).json.data
    assert.equal(seen.options.version, '2')
    const [there, nowhere] = await Promise.all([some.call('GET', '/v1/sys/internal/ui/mounts/hidden/x'), some.call('GET', '/v1/sys/internal/ui/mounts/hiddem/x')])
    assert.equal(there.status, 403)
    assert.equal(nowhere.text.replace('hiddem', 'hidden'), there.text)
    const { data } = (await some.expect('GET', '/v1/sys/internal/ui/mounts')).json
    assert.ok('secret/' in data.secret)
    assert.ok(!('hidden/' in data.secret))
    const [readThere, readNowhere] = await Promise.all([some.call('GET', '/v1/hidden/data/x'), some.call('GET', '/v1/hiddem/data/x')])
    assert.equal(readThere.status, 403)
    assert.equal(readNowhere.text, readThere.text)
  })
  test('the resultant ACL', async () => {
    const { data } = (await root.expect('GET', '/v1/sys/internal/ui/resultant-acl')).json
    assert.equal(data.root, true)
    const some = await holder('path "secret/data/one" { capabilities = ["read"] }\npath "secret/data/many/*" { capabilities = ["list", "read"] }')
    const own = (await some.expect('GET', '/v1/sys/internal/ui/resultant-acl')).json.data
    assert.deepEqual(own.exact_paths['secret/data/one'], { capabilities: ['read'] })
    assert.deepEqual(own.glob_paths['secret/data/many/'], { capabilities: ['list', 'read'] })
  })
})

describe('the server', () => {
  test('says who leads without a token, and its keys with one', async () => {
    assert.equal((await root.as(undefined).expect('GET', '/v1/sys/leader')).json.is_self, true)
    assert.equal((await root.expect('GET', '/v1/sys/ha-status')).json.data.nodes.length, 1)
    assert.equal((await root.expect('GET', '/v1/sys/key-status')).json.term, 1)
    await root.expect('PUT', '/v1/sys/rotate', undefined, { status: 204 })
    assert.equal((await root.expect('GET', '/v1/sys/key-status')).json.data.term, 2)
    await (await holder('path "sys/rotate" { capabilities = ["update"] }')).expect('PUT', '/v1/sys/rotate', undefined, { status: 403 })
  })
  test('makes random bytes and hashes', async () => {
    assert.equal(Buffer.from((await root.expect('POST', '/v1/sys/tools/random/24', {})).json.data.random_bytes, 'base64').length, 24)
    assert.match((await root.expect('POST', '/v1/sys/tools/random', { bytes: 4, format: 'hex' })).json.data.random_bytes, /^[0-9a-f]{8}$/)
    assert.equal((await root.expect('POST', '/v1/sys/tools/hash/sha2-256', { input: 'YQ==' })).json.data.sum, 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')
    await refused(root.call('POST', '/v1/sys/tools/hash/md5', { input: 'YQ==' }), 400, 'unsupported algorithm md5')
  })
  test('names its journal, what is built in, and hashes as its records do', async () => {
    assert.deepEqual(Object.keys((await root.expect('GET', '/v1/sys/audit')).json.data), ['journal/'])
    assert.match((await root.expect('POST', '/v1/sys/audit-hash/journal', { input: 'x' })).json.data.hash, /^hmac-sha256:[0-9a-f]{64}$/)
    const { data } = (await root.expect('GET', '/v1/sys/plugins/catalog')).json
    assert.ok(data.secret.includes('kv'))
    assert.ok(data.auth.includes('token'))
    assert.ok((await root.expect('LIST', '/v1/sys/plugins/catalog/secret')).json.data.keys.includes('kv'))
  })
  test('has namespaces', async () => {
    const made = (await root.expect('POST', '/v1/sys/namespaces/team-a', {})).json.data
    assert.equal(made.path, 'team-a/')
    assert.deepEqual((await root.expect('LIST', '/v1/sys/namespaces')).json.data.keys, ['team-a/'])
    await root.expect('POST', '/v1/secret/data/x', { data: { of: 'team' } }, { headers: { 'x-vault-namespace': 'team-a' } })
    assert.equal((await root.expect('GET', '/v1/team-a/secret/data/x')).json.data.data.of, 'team')
    await root.expect('GET', '/v1/secret/data/x', undefined, { status: 404 })
    await refused(root.call('POST', '/v1/sys/mounts/team-a', { type: 'kv' }), 400, 'path is already in use at team-a/')
    const { client_token: token } = (await root.expect('POST', '/v1/auth/token/create-orphan', { policies: ['default'] }, { headers: { 'x-vault-namespace': 'team-a/' } })).json.auth
    assert.match(token, /^hvs\..+\./)
    await root.as(token).expect('GET', '/v1/auth/token/lookup-self')
    await root.as(token).expect('GET', '/v1/sys/mounts', undefined, { status: 403 })
  })
  test('notes what people say of namespaces, and destroys them', async () => {
    const made = (await root.expect('POST', '/v1/sys/namespaces/team-b', { custom_metadata: { owner: 'b', tier: '1' } })).json.data
    assert.deepEqual(made.custom_metadata, { owner: 'b', tier: '1' })
    const patched = (await root.expect('PATCH', '/v1/sys/namespaces/team-b', { custom_metadata: { tier: null, cost: '7' } }, { headers: { 'content-type': 'application/merge-patch+json' } })).json.data
    assert.deepEqual(patched.custom_metadata, { owner: 'b', cost: '7' })
    assert.deepEqual((await root.expect('GET', '/v1/sys/namespaces/team-b')).json.data, patched)
    assert.deepEqual((await root.expect('LIST', '/v1/sys/namespaces')).json.data.key_info['team-b/'].custom_metadata, { owner: 'b', cost: '7' })
    const patch = (body: Json) => root.call('PATCH', '/v1/sys/namespaces/team-b', body, { headers: { 'content-type': 'application/merge-patch+json' } })
    assert.equal((await patch({ custom_metadata: { deep: { er: 1 } } })).status, 400)
    assert.equal((await root.call('PATCH', '/v1/sys/namespaces/team-b', { custom_metadata: {} })).status, 415)
    await root.expect('PATCH', '/v1/sys/namespaces/team-x', {}, { status: 404, headers: { 'content-type': 'application/merge-patch+json' } })
    await root.expect('POST', '/v1/secret/data/x', { data: { of: 'team' } }, { headers: { 'x-vault-namespace': 'team-b' } })
    for (let times = 0; times < 2; times++) await root.expect('DELETE', '/v1/sys/namespaces/team-b', undefined, { status: 204 })
    await root.expect('GET', '/v1/sys/namespaces/team-b', undefined, { status: 404 })
    assert.ok((await root.call('GET', '/v1/secret/data/x', undefined, { headers: { 'x-vault-namespace': 'team-b' } })).status >= 400)
  })
  test('runs nothing but what is built in, and says so', async () => {
    await refused(root.call('PUT', '/v1/sys/plugins/catalog/secret/mine', { sha256: 'ab', command: 'mine' }), 400, /built in/)
    await refused(root.call('DELETE', '/v1/sys/plugins/catalog/secret/kv'), 400, /built in/)
    await root.expect('DELETE', '/v1/sys/plugins/catalog/secret/mine', undefined, { status: 204 })
    assert.match((await root.expect('PUT', '/v1/sys/plugins/reload/backend', { plugin: 'kv' })).json.data.reload_id, /^[0-9a-f-]{36}$/)
    await refused(root.call('PUT', '/v1/sys/plugins/reload/backend', {}), 400, 'plugin or mounts must be provided')
    assert.deepEqual((await root.expect('GET', '/v1/sys/plugins/pins')).json.data.pinned_versions, [])
    assert.deepEqual((await root.as(undefined).expect('GET', '/v1/sys/replication/status')).json.data, { dr: { mode: 'disabled' }, performance: { mode: 'disabled' } })
    assert.ok((await root.expect('GET', '/v1/sys/internal/ui/namespaces')).json.data.keys.includes('team-a/'))
    await (await holder('path "x" { capabilities = ["read"] }')).expect('GET', '/v1/sys/plugins/pins', undefined, { status: 403 })
  })
})
