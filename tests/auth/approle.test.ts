// The approle method over the wire: roles and each of their settings, secret ids made, pushed, looked up and destroyed,
// and logins whose uses are counted exactly.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Answer } from '../support/http.ts'
import { authServer, errorsOf } from './support.ts'

const { root, nobody, mount, login } = await authServer({ after })
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

interface Role {
  readonly at: string
  readonly base: string
  readonly roleId: string
  secretId(body?: object): Promise<{ readonly secret_id: string; readonly secret_id_accessor: string; readonly secret_id_ttl: number; readonly secret_id_num_uses: number }>
  login(secretId?: string): Promise<Answer>
}

const makeRole = async (settings: object = {}): Promise<Role> => {
  const at = await mount('approle')
  const base = `/v1/auth/${at}/role/app`
  await root.expect('POST', base, settings, { status: 204 })
  const roleId = (await root.expect('GET', `${base}/role-id`)).data.role_id as string
  return {
    at,
    base,
    roleId,
    secretId: async (body = {}) => (await root.expect('POST', `${base}/secret-id`, body)).data,
    login: (secretId) => login(`${at}/login`, { role_id: roleId, ...(secretId === undefined ? {} : { secret_id: secretId }) }),
  }
}

test('a role logs in with what pull gave, and the token says where it came from', async () => {
  const role = await makeRole({ token_policies: ['app'], token_ttl: '20m', token_max_ttl: '1h', token_period: 0 })
  assert.match(role.roleId, UUID)
  const made = await role.secretId({ metadata: JSON.stringify({ team: 'a' }) })
  assert.match(made.secret_id, UUID)
  assert.match(made.secret_id_accessor, UUID)
  assert.deepEqual([made.secret_id_ttl, made.secret_id_num_uses], [0, 0])
  const answer = await role.login(made.secret_id)
  assert.equal(answer.status, 200)
  const { auth } = answer.json
  assert.deepEqual([auth.policies, auth.metadata, auth.lease_duration, auth.num_uses], [['app', 'default'], { team: 'a', role_name: 'app' }, 1200, 0])
  const look = await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')
  assert.deepEqual([look.data.display_name, look.data.path, look.data.meta], [role.at, `auth/${role.at}/login`, { team: 'a', role_name: 'app' }])
})

test('what is wrong with a login is answered as Vault does', async () => {
  const role = await makeRole()
  const { secret_id: secretId } = await role.secretId()
  const cases: readonly (readonly [object, string])[] = [
    [{}, 'missing role_id'],
    [{ role_id: role.roleId }, 'missing secret_id'],
    [{ role_id: role.roleId, secret_id: 'wrong' }, 'invalid role or secret ID'],
    [{ role_id: 'wrong', secret_id: secretId }, 'invalid role or secret ID'],
  ]
  for (const [body, message] of cases) {
    const answer = await login(`${role.at}/login`, body)
    assert.equal(answer.status, 400)
    assert.deepEqual(errorsOf(answer), [message])
  }
})

test('a role is read as it was written, listed, and gone with its secret ids when it is deleted', async () => {
  const role = await makeRole({ secret_id_bound_cidrs: '127.0.0.0/8', secret_id_num_uses: '10', secret_id_ttl: '1h', policies: 'x', period: 60, local_secret_ids: true })
  assert.deepEqual((await root.expect('GET', role.base)).data, {
    bind_secret_id: true, local_secret_ids: true, secret_id_bound_cidrs: ['127.0.0.0/8'], secret_id_num_uses: 10, secret_id_ttl: 3600,
    token_ttl: 0, token_max_ttl: 0, token_explicit_max_ttl: 0, token_period: 60, token_policies: ['x'], token_no_default_policy: false, token_bound_cidrs: [], token_num_uses: 0, token_type: 'default',
  })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${role.at}/role?list=true`)).data, { keys: ['app'] })
  const { secret_id: secretId } = await role.secretId()
  await root.expect('DELETE', role.base, undefined, { status: 204 })
  assert.equal((await root.call('GET', role.base)).status, 404)
  assert.equal((await root.call('GET', `/v1/auth/${role.at}/role?list=true`)).status, 404)
  await root.expect('POST', role.base, { role_id: role.roleId })
  assert.equal((await role.login(secretId)).status, 400, 'a role made anew does not know the old secret id')
})

test('each setting has a path where it is read, set and set back', async () => {
  const role = await makeRole()
  const cases: readonly (readonly [string, string, unknown, unknown, unknown])[] = [
    ['policies', 'token_policies', 'b,a', ['a', 'b'], []],
    ['token-bound-cidrs', 'token_bound_cidrs', '10.0.0.0/8', ['10.0.0.0/8'], []],
    ['token-ttl', 'token_ttl', '5m', 300, 0],
    ['token-max-ttl', 'token_max_ttl', 600, 600, 0],
    ['token-num-uses', 'token_num_uses', 3, 3, 0],
    ['period', 'period', '2m', 120, 0],
    ['bind-secret-id', 'bind_secret_id', true, true, true],
    ['secret-id-bound-cidrs', 'secret_id_bound_cidrs', ['10.0.0.1/32'], ['10.0.0.1/32'], []],
    ['bound-cidr-list', 'bound_cidr_list', '10.0.0.1/32', ['10.0.0.1/32'], []],
    ['secret-id-num-uses', 'secret_id_num_uses', 4, 4, 0],
    ['secret-id-ttl', 'secret_id_ttl', '1h', 3600, 0],
  ]
  for (const [path, name, given, shown, cleared] of cases) {
    await root.expect('POST', `${role.base}/${path}`, { [name]: given }, { status: 204 })
    assert.deepEqual((await root.expect('GET', `${role.base}/${path}`)).data[name], shown, path)
    await root.expect('DELETE', `${role.base}/${path}`, undefined, { status: 204 })
    assert.deepEqual((await root.expect('GET', `${role.base}/${path}`)).data[name], cleared, path)
    assert.equal((await root.call('GET', `/v1/auth/${role.at}/role/none/${path}`)).status, 404)
  }
  assert.deepEqual((await root.expect('GET', `${role.base}/local-secret-ids`)).data, { local_secret_ids: false })
})

test('a role without any constraint, a taken role id and settings that contradict are refused', async () => {
  const role = await makeRole()
  assert.deepEqual(errorsOf(await root.call('POST', role.base, { bind_secret_id: false })), ['at least one constraint should be enabled on the role'])
  assert.equal((await root.call('POST', `${role.base}/bind-secret-id`, { bind_secret_id: false })).status, 400)
  assert.deepEqual(errorsOf(await root.call('POST', `/v1/auth/${role.at}/role/other`, { role_id: role.roleId })), ['role ID is already in use'])
  assert.equal((await root.call('POST', role.base, { token_ttl: 10, token_max_ttl: 5 })).status, 400)
  assert.deepEqual(errorsOf(await root.call('POST', role.base, { local_secret_ids: true })), ['local_secret_ids can only be modified during role creation'])
  assert.equal((await root.call('POST', role.base, { secret_id_bound_cidrs: 'nowhere' })).status, 400)
  assert.equal((await root.call('POST', role.base, { token_policies: 'root' })).status, 400)
})

test('a role id can be chosen and changed', async () => {
  const role = await makeRole()
  const { secret_id: secretId } = await role.secretId()
  await root.expect('POST', `${role.base}/role-id`, { role_id: `chosen-${role.at}` }, { status: 204 })
  assert.equal((await role.login(secretId)).status, 400)
  assert.equal((await login(`${role.at}/login`, { role_id: `chosen-${role.at}`, secret_id: secretId })).status, 200)
})

test('a role without secret ids logs in from its addresses only', async () => {
  const here = await makeRole({ bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32' })
  assert.equal((await here.login()).status, 200)
  assert.equal((await root.call('POST', `${here.base}/secret-id`, {})).status, 400)
  const elsewhere = await makeRole({ bind_secret_id: false, token_bound_cidrs: '10.0.0.0/8' })
  assert.equal((await elsewhere.login()).status, 403)
})

test('a pushed secret id works once registered, and not twice', async () => {
  const role = await makeRole()
  const made = (await root.expect('POST', `${role.base}/custom-secret-id`, { secret_id: 'chosen by hand' })).data
  assert.equal(made.secret_id, 'chosen by hand')
  assert.equal((await role.login('chosen by hand')).status, 200)
  assert.deepEqual(errorsOf(await root.call('POST', `${role.base}/custom-secret-id`, { secret_id: 'chosen by hand' })), ['SecretID is already registered'])
  assert.deepEqual(errorsOf(await root.call('POST', `${role.base}/custom-secret-id`, {})), ['missing secret_id'])
})

test('secret ids are looked up, listed and destroyed by themselves and by accessor', async () => {
  const role = await makeRole({ secret_id_num_uses: 5 })
  const [one, two, three, four] = [await role.secretId({ num_uses: 2 }), await role.secretId(), await role.secretId(), await role.secretId()]
  const listed = (await root.expect('GET', `${role.base}/secret-id?list=true`)).data.keys as readonly string[]
  assert.deepEqual([...listed].sort(), [one, two, three, four].map((made) => made.secret_id_accessor).sort())
  const { creation_time: created, last_updated_time: _updated, ...facts } = (await root.expect('POST', `${role.base}/secret-id/lookup`, { secret_id: one.secret_id })).data
  assert.deepEqual(facts, { cidr_list: [], expiration_time: '0001-01-01T00:00:00Z', metadata: {}, secret_id_accessor: one.secret_id_accessor, secret_id_num_uses: 2, secret_id_ttl: 0, token_bound_cidrs: [] })
  assert.ok(!Number.isNaN(Date.parse(created)))
  const byAccessor = await root.expect('POST', `${role.base}/secret-id-accessor/lookup`, { secret_id_accessor: two.secret_id_accessor })
  assert.equal(byAccessor.data.secret_id_num_uses, 5)
  await root.expect('POST', `${role.base}/secret-id/destroy`, { secret_id: one.secret_id }, { status: 204 })
  await root.expect('DELETE', `${role.base}/secret-id/destroy`, { secret_id: two.secret_id }, { status: 204 })
  await root.expect('POST', `${role.base}/secret-id-accessor/destroy`, { secret_id_accessor: three.secret_id_accessor }, { status: 204 })
  assert.deepEqual((await root.expect('GET', `${role.base}/secret-id?list=true`)).data.keys, [four.secret_id_accessor])
  for (const made of [one, two, three]) assert.equal((await role.login(made.secret_id)).status, 400)
  assert.equal((await role.login(four.secret_id)).status, 200)
  assert.equal((await root.call('POST', `${role.base}/secret-id-accessor/lookup`, { secret_id_accessor: one.secret_id_accessor })).status, 404)
})

test('an accessor of one role is none of another', async () => {
  const role = await makeRole()
  const { secret_id_accessor: accessor } = await role.secretId()
  await root.expect('POST', `/v1/auth/${role.at}/role/other`, {})
  assert.equal((await root.call('POST', `/v1/auth/${role.at}/role/other/secret-id-accessor/lookup`, { secret_id_accessor: accessor })).status, 404)
  assert.equal((await root.call('POST', `/v1/auth/${role.at}/role/other/secret-id-accessor/destroy`, { secret_id_accessor: accessor })).status, 404)
})

test('a secret id of n uses logs in n times, however many try at once', async () => {
  const role = await makeRole({ secret_id_num_uses: 7 })
  const made = await role.secretId()
  const statuses = (await Promise.all(Array.from({ length: 24 }, () => role.login(made.secret_id)))).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 200).length, 7)
  assert.equal((await root.call('POST', `${role.base}/secret-id-accessor/lookup`, { secret_id_accessor: made.secret_id_accessor })).status, 404)
})

test('a secret id is no wider than its role', async () => {
  const role = await makeRole({ secret_id_num_uses: 3, secret_id_ttl: 60, secret_id_bound_cidrs: '10.0.0.0/8', token_bound_cidrs: '10.1.0.0/16' })
  const refused = async (body: object): Promise<void> => assert.equal((await root.call('POST', `${role.base}/secret-id`, body)).status, 400, JSON.stringify(body))
  await refused({ num_uses: 4 })
  await refused({ num_uses: 0 })
  await refused({ ttl: '2m' })
  await refused({ ttl: 0 })
  await refused({ cidr_list: '11.0.0.0/8' })
  await refused({ token_bound_cidrs: '10.0.0.0/8' })
  await refused({ metadata: 'not json' })
  const made = await role.secretId({ num_uses: 2, ttl: 30, cidr_list: '10.2.0.0/16', token_bound_cidrs: '10.1.1.0/24' })
  assert.deepEqual([made.secret_id_num_uses, made.secret_id_ttl], [2, 30])
})

test('a login from elsewhere costs no use', async () => {
  const role = await makeRole()
  const made = await role.secretId({ num_uses: 1, cidr_list: '10.0.0.0/8' })
  assert.match(errorsOf(await role.login(made.secret_id))[0] ?? '', /unauthorized through CIDR restrictions on the secret ID/)
  assert.equal((await root.expect('POST', `${role.base}/secret-id/lookup`, { secret_id: made.secret_id })).data.secret_id_num_uses, 1)
})

test('an expired secret id does not log in, and tidy removes it', async () => {
  const role = await makeRole()
  const other = await role.secretId({ ttl: 1 })
  const short = await role.secretId({ ttl: 1 })
  const lasting = await role.secretId()
  let status = 200
  for (let attempt = 0; attempt < 400 && status === 200; attempt += 1) status = (await role.login(short.secret_id)).status
  assert.equal(status, 400)
  await root.expect('POST', `/v1/auth/${role.at}/tidy/secret-id`, {}, { status: 202 })
  assert.deepEqual((await root.expect('GET', `${role.base}/secret-id?list=true`)).data.keys, [lasting.secret_id_accessor])
  assert.equal((await root.call('POST', `${role.base}/secret-id/lookup`, { secret_id: other.secret_id })).status, 204)
})

test('a role is locked after five wrong secret ids', async () => {
  const role = await makeRole()
  const { secret_id: secretId } = await role.secretId()
  for (let failure = 0; failure < 5; failure += 1) assert.equal((await role.login('wrong')).status, 400)
  assert.equal((await role.login(secretId)).status, 403)
})

test('nobody gets at roles or secret ids without a right to the very path', async () => {
  const role = await makeRole()
  assert.equal((await nobody.call('POST', `${role.base}/secret-id`, {})).status, 403)
  await root.expect('PUT', `/api/v1/policies/issuer-${role.at}`, { kind: 'acl', body: `path "auth/${role.at}/role/app/secret-id" { capabilities = ["update"] }` })
  const token = (await root.expect('POST', '/v1/auth/token/create', { policies: [`issuer-${role.at}`] })).json.auth.client_token as string
  const issuer = root.as(token)
  assert.equal((await issuer.call('POST', `${role.base}/secret-id`, {})).status, 200)
  for (const [method, path] of [['GET', role.base], ['POST', role.base], ['GET', `${role.base}/role-id`], ['GET', `${role.base}/secret-id?list=true`], ['POST', `${role.base}/custom-secret-id`], ['POST', `${role.base}/secret-id/lookup`]] as const) {
    assert.equal((await issuer.call(method, path, method === 'POST' ? { secret_id: 'x' } : undefined)).status, 403, `${method} ${path}`)
  }
})
