// OpenBao's inline authentication: a request that logs in by its headers, acts, and leaves no token behind.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authServer } from './support.ts'

const { root, nobody, mount } = await authServer({ after })
const PASSWORD = 'correct horse battery staple'
const encode = (key: string, value: unknown): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')

const at = await mount('userpass')
await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD, token_policies: 'reader' })
await root.expect('PUT', '/v1/sys/policies/acl/reader', { policy: 'path "secret/data/*" { capabilities = ["read", "create", "update"] }' })
const inline = (password: unknown = PASSWORD): Record<string, string> => ({ 'x-vault-inline-auth-path': `auth/${at}/login/ann`, 'x-vault-inline-auth-parameter-password': encode('password', password) })

test('a request logs in and acts at once, with what the login gives and no more', async () => {
  assert.equal((await nobody.call('POST', '/v1/secret/data/a', { data: { x: '1' } }, { headers: inline() })).status, 200)
  const read = await nobody.call('GET', '/v1/secret/data/a', undefined, { headers: inline() })
  assert.deepEqual([read.status, read.data.data], [200, { x: '1' }])
  assert.ok(!/hvs\./.test(read.text))
  const denied = await nobody.call('GET', '/v1/sys/mounts', undefined, { headers: inline() })
  assert.deepEqual([denied.status, denied.headers['x-vault-inline-auth-failed']], [403, undefined])
})

test('a login that fails says that it was the login', async () => {
  const refused = await nobody.call('GET', '/v1/secret/data/a', undefined, { headers: inline('wrong') })
  assert.deepEqual([refused.status, refused.headers['x-vault-inline-auth-failed']], [400, 'true'])
})

test('the token is used up by its request, and it cannot be renewed for another', async () => {
  const { data } = await nobody.expect('GET', '/v1/auth/token/lookup-self', undefined, { headers: inline() })
  assert.deepEqual([data.path, data.creation_ttl, data.type, data.renewable], [`auth/${at}/login/ann`, 120, 'batch', false])
  assert.equal((await root.as(data.id as string).call('GET', '/v1/auth/token/lookup-self')).status, 403)
  assert.ok((await nobody.call('POST', '/v1/auth/token/renew', { token: data.id }, { headers: inline() })).status >= 400)
})

test('headers that cannot be meant are refused', async () => {
  const path = { 'x-vault-inline-auth-path': `auth/${at}/login/ann` }
  const cases: readonly Record<string, string>[] = [
    { ...inline(), 'x-vault-token': 'some token' }, { ...inline(), 'x-vault-inline-auth-operation': 'delete' }, { ...inline(), 'x-vault-inline-auth-parameter-two': encode('password', 'other') },
    { ...path, 'x-vault-inline-auth-parameter-a': '***' }, { ...path, 'x-vault-inline-auth-parameter-a': Buffer.from('{"key":"a"}').toString('base64url') }, { ...path, 'x-vault-inline-auth-parameter-a': Buffer.from('[]').toString('base64url') },
    { 'x-vault-inline-auth-path': 'auth/token/create' }, { 'x-vault-inline-auth-path': '../x' },
  ]
  for (const headers of cases) {
    const answer = await nobody.call('GET', '/v1/secret/data/a', undefined, { headers })
    assert.equal(answer.status, 400, `${JSON.stringify(headers)} ${answer.text}`)
    assert.equal(answer.headers['x-vault-inline-auth-failed'], 'true')
  }
})

test('logins by headers are limited as logins by themselves', async () => {
  await root.expect('POST', '/v1/sys/quotas/rate-limit/logins', { path: `auth/${at}`, rate: 2, interval: '60s' }, { status: 204 })
  const statuses: number[] = []
  for (const name of ['a', 'b', 'c', 'd']) {
    statuses.push((await nobody.call('GET', '/v1/secret/data/a', undefined, { headers: { ...inline('wrong'), 'x-vault-inline-auth-path': `auth/${at}/login/${name}` } })).status)
  }
  assert.deepEqual(statuses, [400, 400, 429, 429])
  await root.expect('DELETE', '/v1/sys/quotas/rate-limit/logins', undefined, { status: 204 })
})
