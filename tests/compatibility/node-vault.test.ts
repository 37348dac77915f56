// needs: node-clients
// node-vault, unmodified from its registry.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Json } from '../support/http.ts'
import { startDevServer } from '../support/server.ts'

/** What is used of it: it has no types of its own, and every command answers with the body. */
type NodeVault = Readonly<Record<string, (...given: readonly unknown[]) => Promise<Json>>> & { token?: string }

const folder = process.env['COFFER_TEST_NODE_CLIENTS']
assert.ok(folder !== undefined, 'the runner gives the folder with the clients')
const { server, rootToken } = await startDevServer({ after })
// Loaded from where the runner installed it, so nothing is known of its type.
const make = createRequire(join(folder, 'package.json'))('node-vault') as (options: object) => NodeVault
const as = (token: string | undefined, more: object = {}): NodeVault => make({ endpoint: server.address, token, ...more })
const call = async (client: NodeVault, name: string, ...given: readonly unknown[]): Promise<Json> => {
  const command = client[name]
  assert.ok(command !== undefined, `node-vault has ${name}`)
  return command(...given)
}
// A new one each time: a command that makes a token leaves the client with that.
const asRoot = (): NodeVault => as(rootToken)
const refused = (status: number, text?: string) => (error: Json): boolean => {
  assert.equal(error.response.statusCode, status)
  if (text !== undefined) assert.ok(error.message.includes(text), error.message)
  return true
}

describe('node-vault', () => {
  test('reads the state of the server, with its own schemas on the answers', async () => {
    assert.equal((await call(asRoot(), 'status')).sealed, false)
    assert.equal((await call(asRoot(), 'initialized')).initialized, true)
    assert.equal((await call(asRoot(), 'health')).sealed, false)
    assert.equal((await call(asRoot(), 'leader')).ha_enabled, false)
  })
  test('writes, reads, lists by verb and by query, and deletes', async () => {
    await call(asRoot(), 'mount', { mount_point: 'nv', type: 'kv', description: 'plain' })
    await call(asRoot(), 'write', 'nv/a/b', { v: 1 })
    assert.deepEqual((await call(asRoot(), 'read', 'nv/a/b')).data, { v: 1 })
    assert.deepEqual((await call(asRoot(), 'list', 'nv/a')).data.keys, ['b'])
    assert.deepEqual((await call(as(rootToken, { noCustomHTTPVerbs: true }), 'list', 'nv/a')).data.keys, ['b'])
    await call(asRoot(), 'delete', 'nv/a/b')
    await assert.rejects(call(asRoot(), 'read', 'nv/a/b'), refused(404, 'Status 404'))
    assert.ok('nv/' in (await call(asRoot(), 'mounts')).data)
    await call(asRoot(), 'remount', { from: 'nv', to: 'nv2' })
    await call(asRoot(), 'unmount', { mount_point: 'nv2' })
  })
  test('versions: write, update by a merge patch, destroy', async () => {
    assert.equal((await call(asRoot(), 'write', 'secret/data/nv', { data: { a: 1, b: 2 } })).data.version, 1)
    assert.equal((await call(asRoot(), 'update', 'secret/data/nv', { data: { b: null, c: 3 } })).data.version, 2)
    assert.deepEqual((await call(asRoot(), 'read', 'secret/data/nv')).data.data, { a: 1, c: 3 })
    await call(asRoot(), 'destroySecretVersions', { mount_point: 'secret', path: 'nv', versions: [1] })
    assert.equal((await call(asRoot(), 'read', 'secret/metadata/nv')).data.versions['1'].destroyed, true)
  })
  test('policies and tokens through their whole life', async () => {
    await call(asRoot(), 'addPolicy', { name: 'nv', rules: 'path "secret/data/nv" { capabilities = ["read"] }' })
    assert.ok((await call(asRoot(), 'getPolicy', { name: 'nv' })).rules.includes('secret/data/nv'))
    assert.ok((await call(asRoot(), 'policies')).policies.includes('nv'))
    const { auth } = await call(asRoot(), 'tokenCreate', { policies: ['nv'], ttl: '1h', renewable: true })
    const own = as(auth.client_token)
    assert.equal((await call(own, 'tokenLookupSelf')).data.accessor, auth.accessor)
    assert.equal((await call(own, 'tokenRenewSelf', { increment: '30m' })).auth.renewable, true)
    assert.equal((await call(asRoot(), 'tokenLookupAccessor', { accessor: auth.accessor })).data.id, '')
    assert.ok((await call(asRoot(), 'tokenAccessors')).data.keys.includes(auth.accessor))
    assert.deepEqual((await call(own, 'read', 'secret/data/nv')).data.data, { a: 1, c: 3 })
    await assert.rejects(call(own, 'write', 'secret/data/nv', { data: { a: 2 } }), refused(403, 'permission denied'))
    await call(own, 'tokenRevokeSelf')
    await assert.rejects(call(own, 'tokenLookupSelf'), refused(403))
    await call(asRoot(), 'removePolicy', { name: 'nv' })
  })
  test('userpass and approle logins set its token', async () => {
    await call(asRoot(), 'enableAuth', { mount_point: 'userpass', type: 'userpass' })
    await call(asRoot(), 'write', 'auth/userpass/users/ann', { password: 'right-horse-battery' })
    const ann = as(undefined)
    assert.equal((await call(ann, 'userpassLogin', { username: 'ann', password: 'right-horse-battery' })).auth.metadata.username, 'ann')
    assert.equal((await call(ann, 'tokenLookupSelf')).data.display_name, 'userpass-ann')
    await call(asRoot(), 'enableAuth', { mount_point: 'approle', type: 'approle' })
    await call(asRoot(), 'addApproleRole', { role_name: 'app', token_ttl: 3600 })
    const { data: { role_id } } = await call(asRoot(), 'getApproleRoleId', { role_name: 'app' })
    const { data: { secret_id, secret_id_accessor } } = await call(asRoot(), 'getApproleRoleSecret', { role_name: 'app' })
    assert.ok((await call(asRoot(), 'approleSecretAccessors', { role_name: 'app' })).data.keys.includes(secret_id_accessor))
    const app = as(undefined)
    assert.equal((await call(app, 'approleLogin', { role_id, secret_id })).auth.metadata.role_name, 'app')
    await call(asRoot(), 'approleSecretDestroy', { role_name: 'app', secret_id })
    await assert.rejects(call(as(undefined), 'approleLogin', { role_id, secret_id }), refused(400, 'invalid role or secret ID'))
    assert.ok('userpass/' in (await call(asRoot(), 'auths')).data)
    await call(asRoot(), 'disableAuth', { mount_point: 'userpass' })
  })
  test('wrapped answers', async () => {
    const { wrap_info } = await call(asRoot(), 'read', 'secret/data/nv', { headers: { 'X-Vault-Wrap-TTL': '60s' } })
    assert.deepEqual((await call(asRoot(), 'unwrap', { token: wrap_info.token })).data.data, { a: 1, c: 3 })
    await assert.rejects(call(asRoot(), 'unwrap', { token: wrap_info.token }), refused(400, 'wrapping token is not valid or does not exist'))
  })
})
