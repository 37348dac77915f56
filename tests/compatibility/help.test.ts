// Help on paths, the OpenAPI document, and password policies, over the wire.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { repository, startDevServer } from '../support/server.ts'
import type { Client } from '../support/http.ts'

const open = await startDevServer({ after })
const { root } = open

const nobody = async (): Promise<Client> => root.as((await root.expect('POST', '/v1/auth/token/create', { policies: ['nothing'], ttl: '1h' })).json.auth.client_token as string)

describe('help', () => {
  test('tells what a path can be asked, with its parameters and as OpenAPI', async () => {
    const { json } = await root.expect('GET', '/v1/secret/data/dev/a?help=1')
    assert.deepEqual(Object.keys(json).sort(), ['help', 'openapi', 'see_also'])
    assert.match(json.help, /^Request: {8}secret\/data\/dev\/a\nMatching Route: data\/<path>\n/)
    assert.match(json.help, /read: .*\n/)
    assert.deepEqual(Object.keys(json.openapi.paths['/data/{path}']).filter((key) => ['get', 'post', 'patch', 'delete'].includes(key)).sort(), ['delete', 'get', 'patch', 'post'])
  })
  test('of a mount or of sys lists everything below', async () => {
    assert.match((await root.expect('GET', '/v1/secret?help=1')).json.help, /data\/<path>\n[^]*metadata\/<path>\n/)
    const { help } = (await root.expect('GET', '/v1/sys?help=1')).json
    assert.match(help, /sys\/mounts/)
    assert.doesNotMatch(help, /cubbyhole/)
  })
  test('needs a token, and no right', async () => {
    await (await nobody()).expect('GET', '/v1/sys/mounts?help=1')
    assert.equal((await root.as(undefined).call('GET', '/v1/sys/mounts?help=1')).status, 403)
  })
  test('of nothing is not found, and a write is not turned into help', async () => {
    assert.deepEqual((await root.expect('GET', '/v1/nowhere/at/all?help=1', undefined, { status: 404 })).json.errors, ['no handler for route "nowhere/at/all". route entry not found.'])
    await root.expect('POST', '/v1/secret/data/dev/helped?help=1', { data: { a: 1 } })
    assert.equal((await root.expect('GET', '/v1/secret/data/dev/helped')).json.data.data.a, 1)
  })
})

describe('the OpenAPI document', () => {
  test('has every path below its mount, each operation under an id of its own', async () => {
    const { json } = await root.expect('GET', '/v1/sys/internal/specs/openapi')
    assert.equal(json.openapi, '3.0.2')
    for (const path of ['/sys/mounts/{path}', '/secret/data/{path}', '/auth/token/create', '/sys/policies/acl/{name}', '/secret/metadata/{path}/']) assert.ok(path in json.paths, path)
    const operations = Object.values(json.paths as Record<string, Record<string, { operationId?: string }>>).flatMap((item) => ['get', 'post', 'patch', 'delete'].flatMap((verb) => item[verb]?.operationId ?? []))
    assert.ok(operations.length > 100)
    assert.equal(new Set(operations).size, operations.length)
    assert.equal(json.paths['/secret/metadata/{path}/'].get.parameters[0].name, 'list')
    assert.equal(json.paths['/sys/leader']['x-vault-unauthenticated'], true)
  })
  test('has no built-in path that the reference lacks', async () => {
    const reference = readFileSync(join(repository, 'docs', 'reference', 'vault.md'), 'utf8')
    const { json } = await root.expect('GET', '/v1/sys/internal/specs/openapi')
    const builtIn = Object.keys(json.paths as object).filter((path) => /^\/(sys|identity|cubbyhole|auth\/token)(\/|$)/.test(path))
    assert.ok(builtIn.length > 100)
    assert.deepEqual(builtIn.filter((path) => !reference.includes(`\`${path.replace(/^\/|\/$/g, '')}\``)), [])
  })
  test('has parameters in place of mounts on wish', async () => {
    const { json } = await root.expect('GET', '/v1/sys/internal/specs/openapi?generic_mount_paths=true')
    const item = json.paths['/{secret_mount_path}/data/{path}']
    assert.equal(item.parameters.find(({ name }: { name: string }) => name === 'secret_mount_path').schema.default, 'secret')
  })
  test('names only mounts that the token can reach', async () => {
    const { json } = await (await nobody()).expect('GET', '/v1/sys/internal/specs/openapi')
    assert.ok(!Object.keys(json.paths).some((path) => path.startsWith('/secret/')))
    assert.equal((await root.as(undefined).call('GET', '/v1/sys/internal/specs/openapi')).status, 403)
  })
})

describe('password policies', () => {
  const text = 'length = 16\nrule "charset" { charset = "abc" min-chars = 4 }\nrule "charset" { charset = "0123" min-chars = 12 }'
  test('are written, read, listed, used and deleted', async () => {
    assert.deepEqual((await root.expect('LIST', '/v1/sys/policies/password', undefined, { status: 404 })).json, { errors: [] })
    await root.expect('PUT', '/v1/sys/policies/password/digits', { policy: text }, { status: 204 })
    await root.expect('PUT', '/v1/sys/policies/password/encoded', { policy: Buffer.from(text).toString('base64') }, { status: 204 })
    assert.equal((await root.expect('GET', '/v1/sys/policies/password/encoded')).json.data.policy, text)
    assert.deepEqual((await root.expect('LIST', '/v1/sys/policies/password')).json.data.keys, ['digits', 'encoded'])
    const made = (await root.expect('GET', '/v1/sys/policies/password/digits/generate')).json.data.password
    assert.match(made, /^[abc0123]{16}$/)
    assert.equal(made.replaceAll(/\d/g, '').length, 4)
    assert.notEqual((await root.expect('GET', '/v1/sys/policies/password/digits/generate')).json.data.password, made)
    for (const name of ['digits', 'encoded', 'encoded']) await root.expect('DELETE', `/v1/sys/policies/password/${name}`, undefined, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/sys/policies/password/digits', undefined, { status: 404 })).json.errors, ['1 error occurred:\n\t* policy does not exist\n\n'])
    assert.deepEqual((await root.expect('GET', '/v1/sys/policies/password/digits/generate', undefined, { status: 404 })).json.errors, ['1 error occurred:\n\t* policy does not exist\n\n'])
  })
  test('that make no sense are refused', async () => {
    assert.deepEqual((await root.expect('PUT', '/v1/sys/policies/password/bad', {}, { status: 400 })).json.errors, ['1 error occurred:\n\t* missing policy\n\n'])
    assert.match((await root.expect('PUT', '/v1/sys/policies/password/bad', { policy: 'length = 2' }, { status: 400 })).json.errors[0], /^invalid password policy: /)
    assert.deepEqual((await root.expect('PUT', '/v1/sys/policies/password/bad', { policy: 'length = 200 rule "charset" { charset = "ab" }' }, { status: 400 })).json.errors, ['passwords must be between 4 and 100 characters'])
  })
  test('need the right to them', async () => {
    const stranger = await nobody()
    for (const [verb, path] of [['LIST', ''], ['GET', '/digits'], ['PUT', '/digits'], ['DELETE', '/digits'], ['GET', '/digits/generate']] as const) {
      assert.equal((await stranger.call(verb, `/v1/sys/policies/password${path}`, verb === 'PUT' ? { policy: text } : undefined)).status, 403, `${verb} ${path}`)
    }
  })
})
