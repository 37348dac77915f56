// The userpass method over the wire, and around it what every login has in common: the shape of the answer, locking,
// addresses, records, and the end of a mount.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authServer, errorsOf } from './support.ts'

const { root, nobody, mount, login, loggedIn } = await authServer({ after })
const PASSWORD = 'correct horse battery staple'

test('a user logs in and the token has what its settings say', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/Ann`, { password: PASSWORD, token_policies: 'Readers,writers', token_ttl: '30m', token_max_ttl: '2h', token_num_uses: 7 }, { status: 204 })
  const answer = await login(`${at}/login/ann`, { password: PASSWORD })
  assert.equal(answer.status, 200)
  const { client_token: token, accessor, entity_id: entityId, ...auth } = answer.json.auth
  assert.deepEqual(auth, {
    policies: ['default', 'readers', 'writers'], token_policies: ['default', 'readers', 'writers'], metadata: { username: 'ann' },
    lease_duration: 1800, renewable: true, token_type: 'service', orphan: true, mfa_requirement: null, num_uses: 7,
  })
  assert.match(token, /^hvs\./)
  assert.notEqual(accessor, '')
  assert.match(entityId, /^[0-9a-f-]{36}$/)
  assert.equal(answer.json.data, null)
  const again = await login(`${at}/login/ANN`, { password: PASSWORD })
  assert.equal(again.json.auth.entity_id, entityId, 'the same name is the same principal')
  assert.notEqual(again.json.auth.client_token, token)
})

test('users are read, listed, changed and deleted; a hash never comes out', async () => {
  const at = await mount('userpass')
  const users = `/v1/auth/${at}/users`
  assert.equal((await root.call('GET', `${users}?list=true`)).status, 404)
  assert.deepEqual(errorsOf(await root.call('POST', `${users}/bob`, { token_ttl: 60 })), ['"password" or "password_hash" must be supplied'])
  await root.expect('POST', `${users}/bob`, { password: PASSWORD, policies: ['a'], ttl: '1h' }, { status: 204 })
  const read = await root.expect('GET', `${users}/bob`)
  assert.deepEqual(read.data, { token_ttl: 3600, token_max_ttl: 0, token_explicit_max_ttl: 0, token_period: 0, token_policies: ['a'], token_no_default_policy: false, token_bound_cidrs: [], token_num_uses: 0, token_type: 'default' })
  assert.deepEqual((await root.expect('GET', `${users}?list=true`)).data, { keys: ['bob'] })
  await root.expect('POST', `${users}/bob/policies`, { token_policies: 'b,c' }, { status: 204 })
  await root.expect('POST', `${users}/bob/password`, { password: 'another one' }, { status: 204 })
  assert.equal((await login(`${at}/login/bob`, { password: PASSWORD })).status, 400)
  const auth = (await login(`${at}/login/bob`, { password: 'another one' })).json.auth
  assert.deepEqual(auth.policies, ['b', 'c', 'default'])
  await root.expect('DELETE', `${users}/bob`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `${users}/bob`)).status, 404)
  assert.equal((await root.call('POST', `${users}/bob/password`, { password: 'x' })).status, 400)
})

test('a wrong name and a wrong password are answered alike, and both are locked after five failures', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  for (const name of ['ann', 'nobody']) {
    for (let failure = 0; failure < 5; failure += 1) {
      const answer = await login(`${at}/login/${name}`, { password: 'wrong' })
      assert.equal(answer.status, 400)
      assert.deepEqual(errorsOf(answer), ['invalid username or password'])
    }
    const locked = await login(`${at}/login/${name}`, { password: PASSWORD })
    assert.equal(locked.status, 403, `${name} is locked`)
  }
})

test('guesses sent all at once are worth no more than one after the other', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  for (const name of ['ann', 'nobody']) {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => login(`${at}/login/${name}`, { password: `guess ${index}` })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array.from({ length: 5 }, () => 400), ...Array.from({ length: 35 }, () => 403)], name)
  }
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 403)
})

test('forty logins at once with the right password all get in', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  const answers = await Promise.all(Array.from({ length: 40 }, () => login(`${at}/login/ann`, { password: PASSWORD })))
  assert.deepEqual(answers.filter(({ status }) => status !== 200), [])
})

test('a success forgets the failures before it; locking can be tuned and turned off', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  for (const password of ['1', '2', '3', '4', PASSWORD, '1', '2', '3', '4']) await login(`${at}/login/ann`, { password })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 200)
  await root.expect('POST', `/v1/sys/auth/${at}/tune`, { user_lockout_config: { lockout_disable: true } }, { status: 204 })
  for (let failure = 0; failure < 6; failure += 1) await login(`${at}/login/ann`, { password: 'wrong' })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 200)
})

test('a login from an address that the user is not bound to is refused', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD, token_bound_cidrs: '10.0.0.0/8' })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 403)
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { token_bound_cidrs: '10.0.0.0/8,127.0.0.1/32' })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 200)
  assert.equal((await root.call('POST', `/v1/auth/${at}/users/ann`, { token_bound_cidrs: '10.0.0.0/99' })).status, 400)
})

test('disabling the method ends its tokens, and one enabled at the same path starts empty', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  const ann = await loggedIn(`${at}/login/ann`, { password: PASSWORD })
  assert.equal((await ann.call('GET', '/api/v1/me')).status, 200)
  const before = (await login(`${at}/login/ann`, { password: PASSWORD })).json.auth.entity_id
  await root.expect('DELETE', `/v1/sys/auth/${at}`, undefined, { status: 204 })
  assert.equal((await ann.call('GET', '/api/v1/me')).status, 401)
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 403)
  await root.expect('POST', `/v1/sys/auth/${at}`, { type: 'userpass' }, { status: 204 })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 400)
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  assert.notEqual((await login(`${at}/login/ann`, { password: PASSWORD })).json.auth.entity_id, before)
})

test('mounting: a taken path, an unknown type and overlapping paths are refused; tuning is read back', async () => {
  await root.expect('POST', '/v1/sys/auth/a/b', { type: 'userpass' }, { status: 204 })
  assert.deepEqual(errorsOf(await root.call('POST', '/v1/sys/auth/a/b', { type: 'userpass' })), ['path is already in use at a/b/'])
  assert.equal((await root.call('POST', '/v1/sys/auth/a', { type: 'userpass' })).status, 400)
  assert.equal((await root.call('POST', '/v1/sys/auth/token', { type: 'userpass' })).status, 400)
  assert.deepEqual(errorsOf(await root.call('POST', '/v1/sys/auth/c', { type: 'nonsense' })), ['plugin not found in the catalog: nonsense'])
  await root.expect('POST', '/v1/sys/auth/a/b/tune', { default_lease_ttl: '1h', max_lease_ttl: '10h', description: 'people' }, { status: 204 })
  const { data } = await root.expect('GET', '/v1/sys/auth/a/b/tune')
  assert.deepEqual([data.default_lease_ttl, data.max_lease_ttl, data.description], [3600, 36_000, 'people'])
  assert.equal((await root.expect('GET', '/v1/sys/auth/a/b')).data.type, 'userpass')
  const table = (await root.expect('GET', '/v1/sys/auth')).data
  assert.deepEqual([table['a/b/'].type, table['a/b/'].config.default_lease_ttl, table['token/'].type], ['userpass', 3600, 'token'])
  assert.match(table['a/b/'].accessor, /^auth_userpass_[0-9a-f]{8}$/)
  assert.equal((await root.call('DELETE', '/v1/sys/auth/token')).status, 400)
  assert.equal((await root.call('POST', '/v1/sys/auth/a/b/tune', { default_lease_ttl: '11h' })).status, 400)
  await root.expect('POST', '/v1/auth/a/b/users/ann', { password: PASSWORD })
  assert.equal((await nobody.expect('POST', '/v1/auth/a/b/login/ann', { password: PASSWORD })).json.auth.lease_duration, 3600)
  assert.equal((await nobody.call('POST', '/v1/sys/auth/d', { type: 'userpass' })).status, 403)
})

test('logins are recorded: who came in by name, who failed only as an HMAC', async () => {
  const at = await mount('userpass')
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { password: PASSWORD })
  await login(`${at}/login/ann`, { password: PASSWORD })
  await login(`${at}/login/my-password-by-mistake`, { password: 'wrong' })
  const found = async (): Promise<readonly { readonly decision: string; readonly metadata: Record<string, string> }[]> => (await root.expect('GET', '/api/v1/audit/events?action=auth.login&limit=10')).data.items
  let events = await found()
  for (let attempt = 0; attempt < 100 && events.length < 2; attempt += 1) events = await found()
  const allowed = events.find(({ decision }) => decision === 'ALLOW')
  const denied = events.find(({ decision }) => decision === 'DENY')
  assert.equal(allowed?.metadata['principal'], `${at}/ann`)
  assert.match(denied?.metadata['aliasHmac'] ?? '', /^hmac-sha256:[0-9a-f]{64}$/)
  const text = JSON.stringify(events)
  assert.ok(!text.includes('my-password-by-mistake') && !text.includes(PASSWORD))
})

test('organizations: a login is of the one that header or path names, whatever token comes along', async () => {
  const made = (await root.expect('POST', '/api/v1/organizations', { slug: 'acme', name: 'Acme' })).data
  const owner = root.as(made.token as string)
  await owner.expect('POST', '/v1/sys/auth/people', { type: 'userpass' }, { status: 204 })
  await owner.expect('POST', '/v1/auth/people/users/ann', { password: PASSWORD }, { status: 204 })
  const headers = { 'x-vault-namespace': 'acme' }
  const byHeader = await nobody.call('POST', '/v1/auth/people/login/ann', { password: PASSWORD }, { headers })
  assert.equal(byHeader.status, 200, byHeader.text)
  const ann = root.as(byHeader.json.auth.client_token as string)
  assert.equal((await ann.expect('GET', '/v1/auth/token/lookup-self')).data.entity_id, byHeader.json.auth.entity_id)
  assert.equal((await nobody.call('POST', '/v1/acme/auth/people/login/ann', { password: PASSWORD })).status, 200)
  assert.equal((await nobody.call('POST', '/v1/auth/people/login/ann', { password: PASSWORD })).status, 403, 'root has no such mount')
  assert.notEqual((await owner.call('POST', '/v1/auth/people/login/ann', { password: PASSWORD })).status, 200, 'a token chooses no organization for a login')
  assert.equal((await nobody.call('POST', '/v1/auth/people/login/ann', { password: PASSWORD }, { headers: { 'x-vault-namespace': 'nowhere' } })).status, 403)
})
