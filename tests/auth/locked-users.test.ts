// sys/locked-users over the wire: whom failed logins have locked out, and letting them in again.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authServer } from './support.ts'

const { root, nobody, mount, login } = await authServer({ after })

const accessorOf = async (path: string): Promise<string> => (await root.expect('GET', '/v1/sys/auth')).json.data[`${path}/`].accessor as string
const failTimes = async (path: string, body: object, times: number): Promise<void> => {
  for (let i = 0; i < times; i += 1) assert.equal((await login(path, body)).status, 400)
}

test('names that are locked are listed by mount, and let in again when somebody unlocks them', async () => {
  const at = await mount('userpass')
  const other = await mount('userpass')
  const accessor = await accessorOf(at)
  for (const name of ['ann', 'bob']) await root.expect('POST', `/v1/auth/${at}/users/${name}`, { password: 'correct horse' }, { status: 204 })
  assert.deepEqual((await root.expect('GET', '/v1/sys/locked-users')).json.data, { by_namespace: [], total: 0 })
  await failTimes(`${at}/login/ann`, { password: 'x' }, 5)
  await failTimes(`${at}/login/bob`, { password: 'x' }, 4)
  assert.equal((await login(`${at}/login/ann`, { password: 'correct horse' })).status, 403)
  const expected = { by_namespace: [{ namespace_id: 'root', namespace_path: '', counts: 1, mount_accessors: [{ mount_accessor: accessor, counts: 1, alias_identifiers: ['ann'] }] }], total: 1 }
  assert.deepEqual((await root.expect('GET', '/v1/sys/locked-users')).json.data, expected)
  assert.deepEqual((await root.expect('GET', `/v1/sys/locked-users?mount_accessor=${accessor}`)).json.data, expected)
  const empty = { by_namespace: [{ namespace_id: 'root', namespace_path: '', counts: 0, mount_accessors: [{ mount_accessor: await accessorOf(other), counts: 0, alias_identifiers: null }] }], total: 0 }
  assert.deepEqual((await root.expect('GET', `/v1/sys/locked-users?mount_accessor=${await accessorOf(other)}`)).json.data, empty)
  await root.expect('POST', `/v1/sys/locked-users/${await accessorOf(other)}/unlock/ann`, {}, { status: 204 })
  assert.equal((await login(`${at}/login/ann`, { password: 'correct horse' })).status, 403, 'of another mount')
  await root.expect('POST', `/v1/sys/locked-users/${accessor}/unlock/ann`, {}, { status: 204 })
  assert.equal((await login(`${at}/login/ann`, { password: 'correct horse' })).status, 200)
  assert.deepEqual((await root.expect('GET', '/v1/sys/locked-users')).json.data, { by_namespace: [], total: 0 })
})

test('who is not locked, or where nobody can be, is let in already', async () => {
  for (const accessor of [await accessorOf(await mount('approle')), 'nope']) await root.expect('POST', `/v1/sys/locked-users/${accessor}/unlock/nobody`, {}, { status: 204 })
})

test('without the right nobody is listed or unlocked', async () => {
  const { client_token: token } = (await root.expect('POST', '/v1/auth/token/create', { policies: ['default'] })).json.auth
  const plain = root.as(token)
  assert.equal((await plain.call('GET', '/v1/sys/locked-users')).status, 403)
  assert.equal((await plain.call('POST', '/v1/sys/locked-users/a/unlock/ann', {})).status, 403)
  assert.equal((await nobody.call('GET', '/v1/sys/locked-users')).status, 403)
})
