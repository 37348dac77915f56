// Cubbyholes, wrapped answers, and what policies say of parameters and of wrapping.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import type { Client, Json } from '../support/http.ts'

const { root } = await startDevServer({ after })

const tokenOf = async (policies: readonly string[]): Promise<string> => (await root.expect('POST', '/v1/auth/token/create', { policies, ttl: '1h' })).json.auth.client_token as string
const holder = async (name: string, policy: string): Promise<Client> => {
  await root.expect('PUT', `/v1/sys/policies/acl/${name}`, { policy }, { status: 204 })
  return root.as(await tokenOf([name]))
}
const wrapped = async (method: string, target: string, body?: object, ttl = '5m'): Promise<Json> => (await root.expect(method, target, body, { headers: { 'x-vault-wrap-ttl': ttl } })).json

describe('cubbyholes', () => {
  test('are of one token each, and end with it', async () => {
    const [one, two] = [root.as(await tokenOf(['default'])), root.as(await tokenOf(['default']))]
    await one.expect('POST', '/v1/cubbyhole/a/b', { mine: [1, 2] }, { status: 204 })
    assert.deepEqual((await one.expect('GET', '/v1/cubbyhole/a/b')).json.data, { mine: [1, 2] })
    assert.deepEqual((await one.expect('LIST', '/v1/cubbyhole')).json.data.keys, ['a/'])
    assert.deepEqual((await one.expect('LIST', '/v1/cubbyhole/a/')).json.data.keys, ['b'])
    for (const other of [two, root]) await other.expect('GET', '/v1/cubbyhole/a/b', undefined, { status: 404 })
    await one.expect('DELETE', '/v1/cubbyhole/a/b', undefined, { status: 204 })
    await one.expect('GET', '/v1/cubbyhole/a/b', undefined, { status: 404 })
    await one.expect('LIST', '/v1/cubbyhole', undefined, { status: 404 })
    await one.expect('POST', '/v1/cubbyhole/x', {}, { status: 400 })
  })
})

describe('wrapping', () => {
  test('any answer goes into a token of one use', async () => {
    await root.expect('POST', '/v1/secret/data/wrapped', { data: { big: 1, text: 'x' } })
    const { wrap_info: info, data, auth } = await wrapped('GET', '/v1/secret/data/wrapped')
    assert.deepEqual([data, auth], [null, null])
    assert.equal(info.ttl, 300)
    assert.equal(info.creation_path, 'secret/data/wrapped')
    assert.match(info.token, /^hvs\./)
    const looked = (await root.as(undefined).expect('POST', '/v1/sys/wrapping/lookup', { token: info.token })).json.data
    assert.equal(looked.creation_path, 'secret/data/wrapped')
    assert.equal(looked.creation_ttl, 300)
    const opened = (await root.as(info.token).expect('POST', '/v1/sys/wrapping/unwrap')).json
    assert.deepEqual(opened.data.data, { big: 1, text: 'x' })
    assert.equal(opened.wrap_info, null)
    const again = await root.as(info.token).expect('POST', '/v1/sys/wrapping/unwrap', undefined, { status: 400 })
    assert.deepEqual(again.json, { errors: ['wrapping token is not valid or does not exist'] })
  })
  test('by another token, and of a new token', async () => {
    const { wrap_info: info } = await wrapped('POST', '/v1/auth/token/create', { policies: ['default'] })
    assert.notEqual(info.wrapped_accessor, undefined)
    const other = root.as(await tokenOf(['default']))
    const { auth } = (await other.expect('PUT', '/v1/sys/wrapping/unwrap', { token: info.token })).json
    assert.equal(auth.accessor, info.wrapped_accessor)
    await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')
    await other.expect('PUT', '/v1/sys/wrapping/unwrap', { token: info.token }, { status: 400 })
  })
  test('of many who bring it at once, one gets it', async () => {
    const { wrap_info: info } = await wrapped('POST', '/v1/sys/wrapping/wrap', { only: 'once' })
    const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? root.call('POST', '/v1/sys/wrapping/unwrap', { token: info.token }) : root.as(info.token).call('POST', '/v1/sys/wrapping/unwrap'))))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array.from({ length: 11 }, () => 400)])
    assert.deepEqual(answers.find(({ status }) => status === 200)?.json.data, { only: 'once' })
  })
  test('can be moved to a new token, which ends the old one', async () => {
    const { wrap_info: info } = await wrapped('POST', '/v1/sys/wrapping/wrap', { a: 1 }, '90')
    const { wrap_info: next } = (await root.expect('POST', '/v1/sys/wrapping/rewrap', { token: info.token })).json
    assert.equal(next.ttl, 90)
    assert.equal(next.creation_path, 'sys/wrapping/wrap')
    await root.expect('POST', '/v1/sys/wrapping/unwrap', { token: info.token }, { status: 400 })
    assert.deepEqual((await root.expect('POST', '/v1/sys/wrapping/unwrap', { token: next.token })).json.data, { a: 1 })
  })
  test('a wrapping token does nothing else, and no other token is one', async () => {
    const { wrap_info: info } = await wrapped('POST', '/v1/sys/wrapping/wrap', { a: 1 })
    await root.as(info.token).expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    const plain = await tokenOf(['default'])
    await root.expect('POST', '/v1/sys/wrapping/unwrap', { token: plain }, { status: 400 })
    await root.expect('POST', '/v1/sys/wrapping/lookup', { token: plain }, { status: 400 })
    await root.as(plain).expect('GET', '/v1/auth/token/lookup-self')
    assert.deepEqual((await root.expect('POST', '/v1/sys/wrapping/wrap', { a: 1 }, { status: 400 })).json.errors, ['endpoint requires response wrapping to be used'])
    await root.expect('GET', '/v1/sys/mounts', undefined, { status: 400, headers: { 'x-vault-wrap-ttl': 'soon' } })
  })
})

describe('policies that bound requests', () => {
  test('parameters that are denied, allowed and required', async () => {
    const some = await holder('params', `path "cubbyhole/*" { capabilities = ["create", "update"]
      allowed_parameters = { "name" = ["a*"], "size" = [] }
      denied_parameters = { "size" = ["9"] }
      required_parameters = ["name"] }`)
    await some.expect('POST', '/v1/cubbyhole/x', { name: 'abc', size: '1' }, { status: 204 })
    for (const body of [{ name: 'b' }, { size: '1' }, { name: 'a', other: 1 }, { name: 'a', size: '9' }, { NAME: 'b' }]) await some.expect('POST', '/v1/cubbyhole/x', body, { status: 403 })
  })
  test('an answer that must be wrapped, and for how long', async () => {
    await root.expect('POST', '/v1/secret/data/only-wrapped', { data: { a: 1 } })
    const some = await holder('only-wrapped', 'path "secret/data/only-wrapped" { capabilities = ["read"]\n min_wrapping_ttl = "1m"\n max_wrapping_ttl = "10m" }')
    const ask = async (ttl: string | undefined, status: number): Promise<unknown> => some.expect('GET', '/v1/secret/data/only-wrapped', undefined, { status, ...(ttl === undefined ? {} : { headers: { 'x-vault-wrap-ttl': ttl } }) })
    await ask(undefined, 403)
    await ask('30s', 403)
    await ask('20m', 403)
    await ask('5m', 200)
    await ask(undefined, 403)
  })
})
