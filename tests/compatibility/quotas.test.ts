// sys/quotas over the wire: what Vault answers, and that limits hold behind every door.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import type { Client } from '../support/http.ts'

const open = await startDevServer({ after })
const { root } = open

const refused = async (answer: ReturnType<Client['call']>, status: number, errors: readonly string[]): Promise<void> => {
  const { status: got, json } = await answer
  assert.deepEqual([got, json.errors], [status, errors])
}
const write = (name: string, body: Readonly<Record<string, unknown>>) => root.call('POST', `/v1/sys/quotas/rate-limit/${name}`, body)
const limit = async (name: string, body: Readonly<Record<string, unknown>>): Promise<void> => void (await root.expect('POST', `/v1/sys/quotas/rate-limit/${name}`, body, { status: 204 }))
const drop = async (name: string, type = 'rate-limit'): Promise<void> => void (await root.expect('DELETE', `/v1/sys/quotas/${type}/${name}`, undefined, { status: 204 }))
const exceeded = (path: string): readonly string[] => [`request path "${path}": rate limit quota exceeded`]
const statuses = async (calls: number, one: () => Promise<{ readonly status: number }>): Promise<readonly number[]> => {
  const found: number[] = []
  for (let n = 0; n < calls; n++) found.push((await one()).status)
  return found
}
const LONG = { interval: '10m' }

await root.expect('POST', '/v1/secret/data/a', { data: { x: '1' } })
await root.expect('POST', '/v1/secret/data/b', { data: { x: '2' } })
await root.expect('POST', '/v1/sys/auth/userpass', { type: 'userpass' }, { status: 204 })

describe('rate limits', () => {
  test('are written, read, listed and deleted', async () => {
    await refused(root.call('LIST', '/v1/sys/quotas/rate-limit'), 404, [])
    await refused(root.call('GET', '/v1/sys/quotas/rate-limit/one'), 404, [])
    await limit('one', { rate: 1000.5, path: 'secret', block_interval: '5s' })
    const { json } = await root.expect('GET', '/v1/sys/quotas/rate-limit/one')
    assert.deepEqual(json.data, { block_interval: 5, group_by: 'ip', inheritable: false, interval: 1, name: 'one', path: 'secret/', rate: 1000.5, role: '', secondary_rate: 0, type: 'rate-limit' })
    await limit('one', { rate: 2000, path: 'secret/data/x/*', interval: 60 })
    assert.deepEqual([(await root.expect('GET', '/v1/sys/quotas/rate-limit/one')).json.data.path, (await root.expect('LIST', '/v1/sys/quotas/rate-limit')).json.data.keys], ['secret/data/x/*', ['one']])
    await drop('one')
    await drop('one')
  })
  test('that make no sense are refused in Vault\'s words', async () => {
    await limit('all', { rate: 100_000 })
    for (const [body, words] of [
      [{ rate: 3 }, 'quota rule with similar properties exists under the name "all"'],
      [{ rate: 0, path: 'secret' }, "'rate' is invalid"],
      [{ rate: -1 }, "'rate' is invalid"],
      [{ rate: 1.5, path: 'nowhere' }, 'invalid mount path "nowhere/"'],
      [{ rate: 1.5, path: 'secret', inheritable: true }, 'only namespace quotas can be configured as inheritable'],
      [{ rate: 1.5, inheritable: false }, 'all global quotas must be inheritable'],
      [{ rate: 1.5, path: 'secret', role: 'x' }, 'Mount path "secret/" is not a valid auth method and therefore unsuitable for use with role-based quotas'],
      [{ rate: 1.5, path: 'auth/userpass/login', role: 'x' }, 'Quotas cannot contain both a path suffix and a role. If a role is provided, path must be a valid auth mount with a concept of roles'],
      [{ rate: 1.5, path: 'auth/userpass', role: 'x' }, 'Mount path "auth/userpass/" does not support use with role-based quotas'],
      [{ rate: 1.5, path: 'auth/token', role: 'x' }, 'Mount path "auth/token/" does not support use with role-based quotas'],
      [{ rate: 1.5, path: 'secret/a', group_by: 'none' }, 'grouping mode "none" is only available in Vault Enterprise'],
      [{ rate: 1.5, path: 'secret/a', group_by: 'foo' }, 'invalid grouping mode "foo"'],
      [{ rate: 1, path: 'secret/a', secondary_rate: 3 }, 'secondary rate is only valid when using entity-based grouping'],
    ] as const) await refused(write('other', body), 400, [words])
    for (const body of [{ rate: 'many' }, { rate: 1, interval: '-3s' }, { rate: 1, path: 'secret/*/x' }, { rate: 1, path: 'x'.repeat(800) }, { rate: 1e300 }]) assert.equal((await write('other', body)).status, 400)
    await drop('all')
  })
  test('refuse what is one too many, with a time to come back; the most specific counts alone', async () => {
    await limit('mount', { rate: 3, path: 'secret', ...LONG })
    await limit('path', { rate: 1, path: 'secret/data/b', ...LONG })
    assert.deepEqual(await statuses(2, () => root.call('GET', '/v1/secret/data/b')), [200, 429])
    assert.deepEqual(await statuses(5, () => root.call('GET', '/v1/secret/data/a')), [200, 200, 200, 429, 429])
    const answer = await root.call('GET', '/v1/secret/data/a')
    assert.deepEqual([answer.status, answer.json], [429, { errors: exceeded('secret/data/a') }])
    assert.ok(Number(answer.headers['retry-after']) > 500)
    // Another mount is not concerned.
    assert.equal((await root.call('GET', '/v1/sys/mounts')).status, 200)
    await drop('path')
    await drop('mount')
    assert.equal((await root.call('GET', '/v1/secret/data/a')).status, 200)
  })
  test('of what is in a folder count lists of the folder, however they are written', async () => {
    await limit('folder', { rate: 2, path: 'secret/metadata/*', ...LONG })
    assert.deepEqual([...(await statuses(1, () => root.call('LIST', '/v1/secret/metadata'))), ...(await statuses(2, () => root.call('GET', '/v1/secret/metadata/?list=true')))], [200, 200, 429])
    await drop('folder')
  })
  test('count behind every door, warm reads included', async () => {
    const warm = () => root.call('GET', '/api/v1/secrets/a?project=secret&environment=default&reveal=true')
    assert.deepEqual(await statuses(4, warm), [200, 200, 200, 200])
    await limit('path', { rate: 4, path: 'secret/data/*', ...LONG })
    assert.deepEqual(await statuses(3, warm), [200, 200, 200])
    assert.deepEqual(await statuses(2, () => root.call('GET', '/v1/secret/data/a')), [200, 429])
    const { status, json } = await warm()
    assert.deepEqual([status, json.data.code, json.message], [429, 'quota.rate_exceeded', exceeded('secret/data/a')[0]])
    await drop('path')
  })
  test('count guesses, too, and say what is left when asked to', async () => {
    await root.expect('POST', '/v1/sys/quotas/config', { enable_rate_limit_response_headers: true }, { status: 204 })
    await limit('logins', { rate: 2, path: 'auth/userpass', ...LONG })
    const guess = () => root.as('').call('POST', '/v1/auth/userpass/login/nobody', { password: 'x' })
    const first = await guess()
    assert.deepEqual([first.status, first.headers['x-ratelimit-limit'], first.headers['x-ratelimit-remaining'], first.headers['x-ratelimit-reset']], [400, '2', '1', '600'])
    assert.deepEqual(await statuses(2, guess), [400, 429])
    await limit('warm', { rate: 50, path: 'secret', ...LONG })
    const left = []
    for (let n = 0; n < 3; n++) left.push((await root.call('GET', '/v1/secret/data/a')).headers['x-ratelimit-remaining'])
    assert.deepEqual(left, ['49', '48', '47'])
    await drop('logins')
    await drop('warm')
  })
  test('a role of a login is limited by itself', async () => {
    await root.expect('POST', '/v1/sys/auth/jwt', { type: 'jwt' }, { status: 204 })
    await limit('role', { rate: 1, path: 'auth/jwt', role: 'busy', ...LONG })
    const tries = (role: string) => statuses(2, () => root.as('').call('POST', '/v1/auth/jwt/login', { role, jwt: 'x' }))
    assert.deepEqual([(await tries('busy'))[1], (await tries('idle'))[1]], [429, 400])
    await drop('role')
  })
  test('block an address for a while', async () => {
    await limit('block', { rate: 1, path: 'secret', interval: '1s', block_interval: '1h' })
    assert.deepEqual(await statuses(2, () => root.call('GET', '/v1/secret/data/a')), [200, 429])
    await new Promise((resolve) => { setTimeout(resolve, 1100) })
    const blocked = await root.call('GET', '/v1/secret/data/a')
    assert.equal(blocked.status, 429)
    assert.ok(Number(blocked.headers['retry-after']) > 3500)
    await drop('block')
  })
  test('of root are for organizations below, unless theirs says otherwise; and what is exempt is not counted', async () => {
    await root.expect('POST', '/v1/sys/namespaces/tenant', {})
    await root.expect('POST', '/v1/sys/quotas/config', { rate_limit_exempt_paths: ['sys/'] }, { status: 204 })
    await limit('all', { rate: 1, ...LONG })
    const look = () => root.call('GET', '/v1/tenant/secret/data/x')
    assert.deepEqual(await statuses(2, look), [404, 429])
    assert.deepEqual(await statuses(3, () => root.call('GET', '/v1/sys/mounts')), [200, 200, 200])
    await root.expect('POST', '/v1/tenant/sys/quotas/rate-limit/own', { rate: 1000, path: 'secret', ...LONG }, { status: 204 })
    assert.deepEqual(await statuses(2, look), [404, 404])
    assert.deepEqual((await root.expect('LIST', '/v1/sys/quotas/rate-limit')).json.data.keys, ['all'])
    await refused(root.call('POST', '/v1/tenant/sys/quotas/config', { rate_limit_exempt_paths: ['x'] }), 404, ['no handler for route: operations of the whole server are reached without a namespace.'])
    await drop('all')
  })
  test('need a right', async () => {
    const nobody = root.as((await root.expect('POST', '/v1/auth/token/create', { policies: ['default'], ttl: '1h' })).json.auth.client_token)
    for (const [method, path] of [['LIST', 'rate-limit'], ['GET', 'rate-limit/x'], ['POST', 'rate-limit/x'], ['DELETE', 'rate-limit/x'], ['GET', 'config'], ['POST', 'config'], ['POST', 'lease-count/x']] as const) assert.equal((await nobody.call(method, `/v1/sys/quotas/${path}`, method === 'POST' ? { rate: 1, max_leases: 1 } : undefined)).status, 403)
  })
})

describe('lease counts', () => {
  const count = async (name: string): Promise<readonly [number, number]> => {
    const { data } = (await root.expect('GET', `/v1/sys/quotas/lease-count/${name}`)).json
    return [data.counter, data.max_leases]
  }
  const login = (name = 'ann') => root.call('POST', `/v1/auth/userpass/login/${name}`, { password: 'pw' })
  test('refuse what is one too many, exactly, however many ask at once', async () => {
    for (const name of ['ann', 'bob']) await root.expect('POST', `/v1/auth/userpass/users/${name}`, { password: 'pw' }, { status: 204 })
    assert.equal((await login()).status, 200)
    await root.expect('POST', '/v1/sys/quotas/lease-count/few', { path: 'auth/userpass', max_leases: 5 }, { status: 204 })
    assert.deepEqual((await root.expect('GET', '/v1/sys/quotas/lease-count/few')).json.data, { counter: 1, inheritable: false, max_leases: 5, name: 'few', path: 'auth/userpass/', role: '', type: 'lease-count' })
    const many = await Promise.all(Array.from({ length: 12 }, () => login()))
    assert.deepEqual([many.filter(({ status }) => status === 200).length, many.filter(({ status }) => status === 429).length], [4, 8])
    assert.deepEqual(many.find(({ status }) => status === 429)?.json.errors, ['lease count quota exceeded'])
    assert.deepEqual(await count('few'), [5, 5])
    // Other mounts are not concerned.
    await root.expect('POST', '/v1/auth/token/create', { ttl: '1h' })
    const token = many.find(({ status }) => status === 200)?.json.auth.client_token as string
    await root.as(token).expect('POST', '/v1/auth/token/revoke-self', undefined, { status: 204 })
    assert.deepEqual(await count('few'), [4, 5])
    assert.equal((await login('bob')).status, 200)
    await root.expect('PUT', '/v1/sys/leases/revoke-prefix/auth/userpass', {}, { status: 204 })
    assert.deepEqual(await count('few'), [0, 5])
  })
  test('the more specific one counts, and what it counted comes back when it goes', async () => {
    await root.expect('POST', '/v1/sys/quotas/lease-count/ann', { path: 'auth/userpass/login/ann', max_leases: 1 }, { status: 204 })
    assert.deepEqual([(await login()).status, (await login()).status, (await login('bob')).status], [200, 429, 200])
    assert.deepEqual([await count('ann'), await count('few')], [[1, 1], [1, 5]])
    await drop('ann', 'lease-count')
    assert.deepEqual(await count('few'), [2, 5])
    await drop('few', 'lease-count')
    await refused(root.call('GET', '/v1/sys/quotas/lease-count/few'), 404, [])
    await refused(root.call('POST', '/v1/sys/quotas/lease-count/few', { max_leases: 0 }), 400, ["'max_leases' is invalid"])
  })
})
