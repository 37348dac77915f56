// needs: freeradius
// The radius method over the wire, with a real FreeRADIUS server behind it.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import { startFreeRadius } from '../support/freeradius.ts'
import { authServer, errorsOf } from './support.ts'

const PASSWORD = 'a password of more than sixteen bytes, ünïcode'
const server = await startFreeRadius({ after }, { ann: PASSWORD, Bob: 'bob', "o'brien@example.org": 'x' })
const { root, mount, login } = await authServer({ after })

const configured = async (config: object = {}): Promise<string> => {
  const at = await mount('radius')
  await root.expect('POST', `/v1/auth/${at}/config`, { host: '127.0.0.1', port: server.port, secret: server.secret, token_ttl: '10m', ...config }, { status: 204 })
  return at
}

test('somebody whom the server knows logs in, by path or by body', async () => {
  const at = await configured({ unregistered_user_policies: 'guest', token_policies: 'everybody', nas_identifier: 'coffer' })
  await root.expect('POST', `/v1/auth/${at}/users/ann`, { policies: 'p,Q' }, { status: 204 })
  const answer = await login(`${at}/login/ann`, { password: PASSWORD })
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual([auth.policies, auth.lease_duration, auth.metadata], [['default', 'everybody', 'p', 'q'], 600, { username: 'ann', policies: 'p,q' }])
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-ann`)
  assert.equal((await login(`${at}/login`, { username: 'ann', password: PASSWORD })).json.auth.entity_id, auth.entity_id)
  assert.deepEqual((await login(`${at}/login/Bob`, { password: 'bob' })).json.auth.policies, ['default', 'everybody', 'guest'])
  assert.equal((await login(`${at}/login/${encodeURIComponent("o'brien@example.org")}`, { password: 'x' })).status, 200)
})

test('wrong and missing passwords, unknown and strange names are refused, and a name is locked', async () => {
  const at = await configured()
  for (const [name, password] of [['ann', 'wrong'], ['nobody', 'x'], ['bob', 'bob']] as const) {
    const answer = await login(`${at}/login/${name}`, { password })
    assert.deepEqual([answer.status, errorsOf(answer)], [400, ['access denied by the authentication server']], name)
  }
  for (const body of [{}, { password: '' }, { password: 'x'.repeat(129) }]) assert.equal((await login(`${at}/login/ann`, body)).status, 400)
  assert.equal((await login(`${at}/login`, { password: 'x' })).status, 400)
  assert.equal((await login(`${at}/login/ann`, { username: 'Bob', password: 'bob' })).status, 400, 'two names')
  for (const username of [' ann', 'ann ', 'a\u0000nn', 'a/b', 'x'.repeat(254)]) assert.equal((await login(`${at}/login`, { username, password: PASSWORD })).status, 400, JSON.stringify(username))
  for (const name of ['ann', 'ANN', 'Ann', 'aNn']) await login(`${at}/login/${name}`, { password: 'wrong' })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 403)
})

test('a wrong secret, a server that is not there, and an answer that is not proved are no answer', async () => {
  const wrong = await configured({ secret: 'wrong', read_timeout: '1s' })
  assert.equal((await login(`${wrong}/login/ann`, { password: PASSWORD })).status, 502)
  const gone = await configured({ port: 1, read_timeout: '1s' })
  assert.equal((await login(`${gone}/login/ann`, { password: PASSWORD })).status, 502)
  // Without a Message-Authenticator, though the answer's own authenticator is right: what CVE-2024-3596 forges.
  const forger = createSocket('udp4').bind(0, '127.0.0.1')
  await once(forger, 'listening')
  afterwards({ after }, () => void forger.close())
  let asked = 0
  forger.on('message', (packet, from) => {
    asked += 1
    const header = Buffer.from([2, packet[1] ?? 0, 0, 20])
    const own = createHash('md5').update(header).update(packet.subarray(4, 20)).update('known').digest()
    forger.send(Buffer.concat([header, own]), from.port, from.address)
  })
  const forged = await configured({ port: forger.address().port, secret: 'known', read_timeout: '3s' })
  assert.equal((await login(`${forged}/login/ann`, { password: PASSWORD })).status, 502)
  assert.ok(asked >= 2, 'and it was asked again')
})

test('configuration and users are read as written; the secret never comes out and does not follow another host', async () => {
  const at = await configured()
  const config = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.ok(!config.text.includes('shared'))
  assert.deepEqual([config.data.host, config.data.port, config.data.nas_port, config.data.read_timeout, config.data.dial_timeout, config.data.unregistered_user_policies], ['127.0.0.1', server.port, 10, 10, 10, []])
  await root.expect('POST', `/v1/auth/${at}/config`, { nas_port: 7 }, { status: 204 })
  assert.equal((await login(`${at}/login/ann`, { password: PASSWORD })).status, 200)
  assert.deepEqual(errorsOf(await root.call('POST', `/v1/auth/${at}/config`, { host: 'localhost' })), ['config parameter `secret` cannot be empty'])
  for (const bad of [{ host: 'a b' }, { port: 0 }, { unregistered_user_policies: 'root' }, { read_timeout: '1h' }]) assert.equal((await root.call('POST', `/v1/auth/${at}/config`, bad)).status, 400, JSON.stringify(bad))
  assert.equal((await root.call('LIST', `/v1/auth/${at}/users`)).status, 404)
  await root.expect('POST', `/v1/auth/${at}/users/Ann`, { policies: ['a'] }, { status: 204 })
  assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/users`)).data, { keys: ['Ann'] })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/users/Ann`)).data, { policies: ['a'] })
  assert.equal((await root.call('GET', `/v1/auth/${at}/users/ann`)).status, 404, 'another name')
  assert.equal((await root.call('POST', `/v1/auth/${at}/users/x`, { policies: 'root' })).status, 400)
  await root.expect('DELETE', `/v1/auth/${at}/users/Ann`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `/v1/auth/${at}/users/Ann`)).status, 404)
})
