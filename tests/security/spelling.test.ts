// Names that are found in any case of their letters: a rule about the name that a record has holds however the request writes it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Client } from '../support/http.ts'
import { startDevServer } from '../support/server.ts'

const { root } = await startDevServer({ after })
const nobody = root.as(undefined)
const DENIED = { status: 403 }

const ALL = 'capabilities = ["create", "read", "update", "patch", "delete", "list"]'
const holderOf = async (name: string, rules: readonly (readonly [path: string, capabilities: string])[]): Promise<Client> => {
  await root.expect('POST', `/v1/sys/policies/acl/${name}`, { policy: rules.map(([path, capabilities]) => `path "${path}" { ${capabilities} }`).join('\n') }, { status: 204 })
  return root.as((await root.expect('POST', '/v1/auth/token/create', { policies: [name], no_default_policy: true })).json.auth.client_token as string)
}
/** May do everything below a folder except with one record. */
const exceptFor = (name: string, folder: string, record: string): Promise<Client> =>
  holderOf(name, [[`${folder}/*`, ALL], [`${folder}/${record}`, 'capabilities = ["deny"]'], [`${folder}/${record}/*`, 'capabilities = ["deny"]']])

for (const type of ['userpass', 'approle', 'ldap', 'github', 'gcp']) await root.expect('POST', `/v1/sys/auth/${type}`, { type }, { status: 204 })

test('the password, the policies and the record of a user whose name a policy denies are out of reach in capitals', async () => {
  const folder = 'auth/userpass/users'
  await root.expect('POST', `/v1/${folder}/root1`, { password: 'a-long-password', token_policies: ['god'] }, { status: 204 })
  const client = await exceptFor('users', folder, 'root1')
  for (const name of ['root1', 'ROOT1', 'Root1']) {
    await client.expect('GET', `/v1/${folder}/${name}`, undefined, DENIED)
    await client.expect('POST', `/v1/${folder}/${name}`, { password: 'another-password' }, DENIED)
    await client.expect('POST', `/v1/${folder}/${name}/password`, { password: 'another-password' }, DENIED)
    await client.expect('POST', `/v1/${folder}/${name}/policies`, { token_policies: 'god' }, DENIED)
    await client.expect('DELETE', `/v1/${folder}/${name}`, undefined, DENIED)
  }
  await nobody.expect('POST', '/v1/auth/userpass/login/root1', { password: 'a-long-password' })
  await client.expect('POST', `/v1/${folder}/Ann`, { password: 'a-long-password' }, { status: 204 })
  await client.expect('POST', `/v1/${folder}/ANN/password`, { password: 'another-password' }, { status: 204 })
})

test('so are secret ids and settings of an approle', async () => {
  const folder = 'auth/approle/role'
  await root.expect('POST', `/v1/${folder}/sr`, { token_policies: ['god'] }, { status: 204 })
  const client = await exceptFor('roles', folder, 'sr')
  for (const [method, path, body] of [['POST', 'secret-id', {}], ['LIST', 'secret-id'], ['POST', 'custom-secret-id', { secret_id: 'chosen' }], ['POST', 'secret-id/lookup', { secret_id: 'x' }], ['POST', 'secret-id/destroy', { secret_id: 'x' }], ['GET', 'role-id'], ['POST', 'role-id', { role_id: 'x' }], ['GET', 'policies'], ['POST', 'policies', { token_policies: 'x' }], ['DELETE', 'policies']] as const)
    for (const name of ['sr', 'SR']) await client.expect(method, `/v1/${folder}/${name}/${path}`, body, DENIED)
  await client.expect('POST', `/v1/${folder}/Other`, {}, { status: 204 })
  await client.expect('GET', `/v1/${folder}/OTHER/role-id`)
})

test('so are mappings of LDAP and GitHub', async () => {
  for (const folder of ['auth/ldap/users', 'auth/ldap/groups', 'auth/github/map/teams', 'auth/github/map/users']) {
    await root.expect('POST', `/v1/${folder}/ops`, { policies: 'god', value: 'god' }, { status: 204 })
    const client = await exceptFor(folder.replaceAll('/', '-'), folder, 'ops')
    for (const name of ['ops', 'OPS']) {
      await client.expect('GET', `/v1/${folder}/${name}`, undefined, DENIED)
      await client.expect('POST', `/v1/${folder}/${name}`, { policies: 'x', value: 'x' }, DENIED)
      await client.expect('DELETE', `/v1/${folder}/${name}`, undefined, DENIED)
    }
    await client.expect('POST', `/v1/${folder}/Dev`, { policies: 'x', value: 'x' }, { status: 204 })
    await client.expect('GET', `/v1/${folder}/DEV`)
  }
})

test('entities and groups are not read, written or deleted by another spelling of a name that is denied', async () => {
  for (const [noun, name] of [['entity', 'EntV'], ['group', 'GrpV']] as const) {
    const { id } = (await root.expect('POST', `/v1/identity/${noun}`, { name })).json.data
    const client = await exceptFor(`identity-${noun}`, `identity/${noun}/name`, name)
    for (const spelt of [name, name.toUpperCase(), name.toLowerCase()]) {
      await client.expect('GET', `/v1/identity/${noun}/name/${spelt}`, undefined, DENIED)
      await client.expect('DELETE', `/v1/identity/${noun}/name/${spelt}`, undefined, DENIED)
      const answer = await client.call('POST', `/v1/identity/${noun}/name/${spelt}`, { metadata: { a: 'b' } })
      assert.ok(answer.status === 403 || answer.status === 400, `${spelt}: ${answer.status}`)
    }
    const answer = await client.call('POST', `/v1/identity/${noun}/name/elsewhere`, { id })
    assert.equal((await root.expect('GET', `/v1/identity/${noun}/id/${id}`)).json.data.name, name, answer.text)
    await client.expect('POST', `/v1/identity/${noun}/name/Free`, {})
    await client.expect('GET', `/v1/identity/${noun}/name/FREE`)
    await client.expect('DELETE', `/v1/identity/${noun}/name/FREE`, undefined, { status: 204 })
  }
})

test('a rate limit for one name counts every spelling of it', async () => {
  await root.expect('POST', '/v1/auth/userpass/users/rl', { password: 'a-long-password' }, { status: 204 })
  await root.expect('POST', '/v1/sys/quotas/rate-limit/rl', { path: 'auth/userpass/login/RL', rate: 2, interval: '60s' }, { status: 204 })
  const statuses: number[] = []
  for (const name of ['rl', 'RL', 'Rl', 'rL']) statuses.push((await nobody.call('POST', `/v1/auth/userpass/login/${name}`, { password: 'a-long-password' })).status)
  assert.deepEqual(statuses, [200, 200, 429, 429])
  await root.expect('DELETE', '/v1/sys/quotas/rate-limit/rl', undefined, { status: 204 })
})
