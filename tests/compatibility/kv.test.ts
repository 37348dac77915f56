// KV versions 1 and 2 over the wire.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'

const { root } = await startDevServer({ after })

const holder = async (name: string, policy: string): Promise<typeof root> => {
  await root.expect('PUT', `/v1/sys/policies/acl/${name}`, { policy }, { status: 204 })
  return root.as((await root.expect('POST', '/v1/auth/token/create', { policies: [name], ttl: '1h' })).json.auth.client_token as string)
}

describe('version 1', () => {
  test('stores maps as they are, and deletes them for good', async () => {
    await root.expect('POST', '/v1/sys/mounts/plain', { type: 'kv' }, { status: 204 })
    await root.expect('PUT', '/v1/plain/a/b', { user: 'x', ttl: '30', deep: { n: [1, null] } }, { status: 204 })
    const { json } = await root.expect('GET', '/v1/plain/a/b')
    assert.deepEqual(json.data, { user: 'x', ttl: '30', deep: { n: [1, null] } })
    assert.equal(json.lease_duration, 30)
    assert.equal(json.warnings, null)
    await root.expect('POST', '/v1/plain/c', { x: 1 }, { status: 204 })
    assert.equal((await root.expect('GET', '/v1/plain/c')).json.lease_duration, 2_764_800)
    assert.deepEqual((await root.expect('LIST', '/v1/plain')).json.data.keys, ['a/', 'c'])
    assert.deepEqual((await root.expect('LIST', '/v1/plain/a/')).json.data.keys, ['b'])
    assert.deepEqual((await root.expect('GET', '/v1/plain/?scan=true')).json.data.keys, ['a/b', 'c'])
    await root.expect('DELETE', '/v1/plain/a/b', undefined, { status: 204 })
    await root.expect('DELETE', '/v1/plain/a/b', undefined, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/plain/a/b', undefined, { status: 404 })).json, { errors: [] })
    assert.deepEqual((await root.expect('PUT', '/v1/plain/a/b', {}, { status: 400 })).json, { errors: ['missing data fields'] })
  })
  test('is judged by the path without a family segment', async () => {
    const some = await holder('plain-app', 'path "plain/app/*" { capabilities = ["create", "update", "read", "delete"] }')
    await some.expect('PUT', '/v1/plain/app/x', { v: 1 }, { status: 204 })
    assert.equal((await some.expect('GET', '/v1/plain/app/x')).json.data.v, 1)
    await some.expect('GET', '/v1/plain/c', undefined, { status: 403 })
    await some.expect('LIST', '/v1/plain/app/', undefined, { status: 403 })
    await some.expect('DELETE', '/v1/plain/app/x', undefined, { status: 204 })
    const reader = await holder('plain-reader', 'path "plain/*" { capabilities = ["read"] }')
    await root.expect('PUT', '/v1/plain/app/y', { v: 1 }, { status: 204 })
    await reader.expect('DELETE', '/v1/plain/app/y', undefined, { status: 403 })
    await reader.expect('PUT', '/v1/plain/app/y', { v: 2 }, { status: 403 })
  })
  test('becomes version 2 in place, never the other way', async () => {
    await root.expect('POST', '/v1/sys/mounts/plain/tune', { options: { version: '2' } }, { status: 200 })
    assert.deepEqual((await root.expect('GET', '/v1/plain/data/c')).json.data.data, { x: 1 })
    await root.expect('POST', '/v1/sys/mounts/plain/tune', { options: { version: '1' } }, { status: 400 })
  })
})

describe('version 2', () => {
  test('the mount says what holds for secrets that say nothing', async () => {
    await root.expect('POST', '/v1/sys/mounts/two', { type: 'kv-v2' }, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/two/config')).json.data, { max_versions: 0, cas_required: false, delete_version_after: '0s' })
    await root.expect('POST', '/v1/two/config', { max_versions: 2, cas_required: true, delete_version_after: '1h30m' }, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/two/config')).json.data, { max_versions: 2, cas_required: true, delete_version_after: '1h30m0s' })
    const refused = await root.expect('POST', '/v1/two/data/a', { data: { n: 0 } }, { status: 400 })
    assert.deepEqual(refused.json, { errors: ['check-and-set parameter required for this call'] })
    for (let n = 0; n < 4; n++) await root.expect('POST', '/v1/two/data/a', { data: { n }, options: { cas: n } })
    const { data } = (await root.expect('GET', '/v1/two/metadata/a')).json
    assert.equal(data.oldest_version, 3)
    assert.equal(data.current_version, 4)
    assert.notEqual(data.versions['4'].deletion_time, '')
    assert.deepEqual((await root.expect('POST', '/v1/two/data/a', { data: { n: 9 }, options: { cas: 1 } }, { status: 400 })).json, { errors: ['check-and-set parameter did not match the current version'] })
  })
  test('scan lists all below, without what may not be listed', async () => {
    for (const path of ['x/1', 'x/y/2', 'z/3', 'dev/s/4']) await root.expect('POST', `/v1/secret/data/${path}`, { data: { a: 1 } })
    assert.deepEqual((await root.expect('SCAN', '/v1/secret/metadata/x/')).json.data.keys, ['1', 'y/2'])
    const { keys } = (await root.expect('GET', '/v1/secret/metadata?scan=true')).json.data
    assert.deepEqual(keys, ['dev/s/4', 'x/1', 'x/y/2', 'z/3'])
    const some = await holder('scanner', 'path "secret/metadata/*" { capabilities = ["list"] }\npath "secret/metadata/x/y/*" { capabilities = ["deny"] }')
    assert.deepEqual((await some.expect('GET', '/v1/secret/metadata?scan=true')).json.data.keys, ['dev/s/4', 'x/1', 'z/3'])
  })
  test('HEAD says what GET says, without the body', async () => {
    const { status, text } = await root.call('HEAD', '/v1/secret/data/x/1')
    assert.deepEqual([status, text], [200, ''])
    assert.equal((await root.call('HEAD', '/v1/secret/data/none')).status, 404)
  })
})
