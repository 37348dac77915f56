// needs: openldap
// The ldap method over the wire, with a real OpenLDAP server behind it.

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { makeServerCertificate } from '../support/certificate.ts'
import { afterwards } from '../support/cleanup.ts'
import { startOpenLdap, type PersonEntry } from '../support/openldap.ts'
import { authServer, errorsOf } from './support.ts'

const PASSWORD = 'pass word of ünïcode'
const people: readonly PersonEntry[] = [
  { uid: 'ann', rdn: 'cn=Ann Smith', cn: 'Ann Smith', password: PASSWORD, mail: 'ann@example.org' },
  { uid: 'bob', rdn: 'uid=bob', cn: 'Bob', password: 'bob' },
  { uid: 'strange', rdn: 'cn=Doe\\, John (x)\\+\\\\', cn: 'Doe, John (x)+\\', password: PASSWORD },
  { uid: 'müller*', rdn: 'cn=M\\C3\\BCller', cn: 'Müller', password: PASSWORD },
]
const PEOPLE = 'ou=people,dc=example,dc=org'
const directory = await startOpenLdap({ after }, people, [
  { rdn: 'cn=Developers', cn: 'Developers', members: [`cn=Ann Smith,${PEOPLE}`, `uid=bob,${PEOPLE}`] },
  { rdn: 'cn=Ops\\, Europe', cn: 'Ops, Europe', members: [`cn=Ann Smith,${PEOPLE}`] },
  { rdn: 'cn=Strange', cn: 'Strange', members: [`cn=Doe\\2C John (x)\\2B\\5C,${PEOPLE}`] },
])
const { root, mount, login } = await authServer({ after })

const searching = { url: directory.address, binddn: directory.bindName, bindpass: directory.bindPassword, userdn: directory.people, userattr: 'uid', groupdn: directory.groups, token_ttl: '10m' }

const configured = async (config: object): Promise<string> => {
  const at = await mount('ldap')
  await root.expect('POST', `/v1/auth/${at}/config`, config, { status: 204 })
  return at
}
const named = (name: string): string => encodeURIComponent(name)
const tryLogin = (at: string, name: string, password = PASSWORD) => login(`${at}/login/${named(name)}`, { password })

test('somebody of the directory logs in; groups and the own entry give policies', async () => {
  const at = await configured({ ...searching, token_policies: 'everybody' })
  await root.expect('POST', `/v1/auth/${at}/groups/developers`, { policies: 'dev' }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/groups/${named('Ops, Europe')}`, { policies: ['ops', 'Pager'] }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/groups/local`, { policies: 'of-local' }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/users/Ann`, { groups: 'Local', policies: 'of-ann' }, { status: 204 })
  const answer = await tryLogin(at, 'ann')
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual(auth.policies, ['default', 'dev', 'everybody', 'of-ann', 'of-local', 'ops', 'pager'])
  assert.deepEqual([auth.metadata, auth.lease_duration], [{ username: 'ann' }, 600])
  const self = await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')
  assert.equal(self.data.display_name, `${at}-ann`)
  const bob = await tryLogin(at, 'bob', 'bob')
  assert.deepEqual(bob.json.auth.policies, ['default', 'dev', 'everybody'])
  assert.notEqual(bob.json.auth.entity_id, auth.entity_id)
  assert.equal((await tryLogin(at, 'ANN')).json.auth.entity_id, auth.entity_id, 'the directory says who it is, however the name was typed')
})

test('groups of the directory are members of external groups', async () => {
  const at = await configured(searching)
  const { accessor } = (await root.expect('GET', `/v1/sys/auth/${at}`)).data
  const group = (await root.expect('POST', '/v1/identity/group', { name: `of-${at}`, type: 'external', policies: ['from-outside'] })).data
  await root.expect('POST', '/v1/identity/group-alias', { name: 'Developers', mount_accessor: accessor, canonical_id: group.id })
  assert.deepEqual((await tryLogin(at, 'ann')).json.auth.identity_policies, ['from-outside'])
  assert.equal((await tryLogin(at, 'strange')).json.auth.identity_policies, undefined)
})

test('wrong passwords, unknown names and empty passwords are refused', async () => {
  const at = await configured(searching)
  for (const name of ['bob', 'nobody']) {
    const answer = await tryLogin(at, name, 'wrong')
    assert.equal(answer.status, 400)
    assert.deepEqual(errorsOf(answer), ['invalid credentials'])
  }
  for (const body of [{}, { password: '' }]) {
    const answer = await login(`${at}/login/bob`, body)
    assert.deepEqual([answer.status, errorsOf(answer)], [400, ['password cannot be of zero length when passwordless binds are being denied']])
  }
  const direct = await configured({ url: directory.address, userdn: directory.people, userattr: 'uid' })
  assert.equal((await login(`${direct}/login/bob`, { password: '' })).status, 400, 'this directory would say yes')
  assert.equal((await root.call('POST', `/v1/auth/${at}/config`, { deny_null_bind: false })).status, 400)
})

test('a name is a value and nothing more: in filters and in distinguished names', async () => {
  const found = await configured({ ...searching, userattr: 'cn' })
  const strange = await tryLogin(found, 'Doe, John (x)+\\')
  assert.equal(strange.status, 200, strange.text)
  await root.expect('POST', `/v1/auth/${found}/groups/strange`, { policies: 'strange' }, { status: 204 })
  assert.deepEqual((await tryLogin(found, 'Doe, John (x)+\\')).json.auth.policies, ['default', 'strange'])
  assert.equal((await tryLogin(found, 'Müller')).status, 200)
  const made = await configured({ url: directory.address, userdn: directory.people, userattr: 'cn' })
  assert.equal((await tryLogin(made, 'Doe, John (x)+\\')).status, 200)
  assert.equal((await tryLogin(made, 'Ann Smith')).status, 200)
  const byUid = await configured(searching)
  assert.equal((await tryLogin(byUid, 'müller*')).status, 200)
  const hostile = ['*', 'a*', 'ann)(objectClass=*', '*)(|(uid=*', 'ann\\2a', `Ann Smith,${PEOPLE}`, 'ann+uid=ann', '\\', '#ann', 'ann\\', '(', 'x)(mail=ann@example.org']
  for (const name of hostile) for (const at of [found, made, byUid]) {
    const answer = await tryLogin(at, name)
    assert.equal(answer.status, 400, `${name} ${answer.text}`)
    assert.deepEqual(errorsOf(answer), ['invalid credentials'], name)
  }
  for (const name of [' ann', 'ann ', '\u200bann', '\u00adann', 'x'.repeat(300)]) assert.equal((await tryLogin(byUid, name)).status, 400, JSON.stringify(name))
})

test('a filter finds people by what it names, and only when it finds one', async () => {
  const at = await configured({ ...searching, userfilter: '(&(objectClass=inetOrgPerson)(|({{.UserAttr}}={{.Username}})(mail={{ .Username }})))' })
  const byMail = await tryLogin(at, 'ann@example.org')
  assert.equal(byMail.status, 200, byMail.text)
  assert.equal((await tryLogin(at, 'ann')).json.auth.entity_id, byMail.json.auth.entity_id)
  const many = await configured({ ...searching, userfilter: '(|(uid={{.Username}})(uid=bob))' })
  assert.equal((await tryLogin(many, 'ann')).status, 400)
  assert.equal((await tryLogin(many, 'bob', 'bob')).status, 200)
  for (const userfilter of ['(uid={{.Nonsense}})', '(uid={{if .Username}}x{{end}})', '((', '(uid=x']) assert.equal((await root.call('POST', `/v1/auth/${at}/config`, { userfilter })).status, 400, userfilter)
})

test('the name at login can be the alias; case can tell names apart', async () => {
  const at = await configured({ ...searching, username_as_alias: true })
  const ann = await tryLogin(at, 'ann')
  assert.equal((await tryLogin(at, 'Ann')).json.auth.entity_id, ann.json.auth.entity_id)
  const strict = await configured({ ...searching, case_sensitive_names: true })
  await root.expect('POST', `/v1/auth/${strict}/groups/developers`, { policies: 'lower' }, { status: 204 })
  assert.deepEqual((await tryLogin(strict, 'ann')).json.auth.policies, ['default'])
  await root.expect('POST', `/v1/auth/${strict}/groups/Developers`, { policies: 'exact' }, { status: 204 })
  assert.deepEqual((await tryLogin(strict, 'ann')).json.auth.policies, ['default', 'exact'])
})

test('users can be searched without a name, and groups in pages', async () => {
  const at = await configured({ url: directory.address, discoverdn: true, userdn: directory.people, userattr: 'uid', groupdn: directory.groups, anonymous_group_search: true, max_page_size: 1 })
  await root.expect('POST', `/v1/auth/${at}/groups/developers`, { policies: 'dev' })
  await root.expect('POST', `/v1/auth/${at}/groups/${named('ops, europe')}`, { policies: 'ops' })
  assert.deepEqual((await tryLogin(at, 'ann')).json.auth.policies, ['default', 'dev', 'ops'])
})

test('TLS: by ldaps and by StartTLS, with the authority that was given and no other', async () => {
  for (const way of [{ url: directory.tlsAddress }, { starttls: true }, { url: `ldap://127.0.0.1:1,${directory.tlsAddress}` }]) {
    const good = await configured({ ...searching, ...way, certificate: directory.authority, tls_max_version: 'tls13' })
    assert.equal((await tryLogin(good, 'ann')).status, 200, JSON.stringify(way))
    const other = await configured({ ...searching, ...way, certificate: makeServerCertificate().authority })
    assert.equal((await tryLogin(other, 'ann')).status, 502, JSON.stringify(way))
    const insecure = await configured({ ...searching, ...way, insecure_tls: true })
    assert.equal((await tryLogin(insecure, 'ann')).status, 200)
  }
})

test('nothing is sent in the clear when StartTLS is refused, answered with more than an answer, or the connection is cut behind it', async () => {
  const received: string[] = []
  const success = Buffer.from('300c02010178070a010004000400', 'hex')
  const ways = [Buffer.from('300c02010178070a013504000400', 'hex'), Buffer.concat([success, Buffer.from('300c02010261070a010004000400', 'hex')]), success, Buffer.from('nonsense')]
  for (const answer of ways) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        received.push(chunk.toString('latin1'))
        socket.write(answer)
        if (received.length > 1) socket.destroy()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    afterwards({ after }, () => void server.close())
    const at = await configured({ ...searching, url: `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`, starttls: true, request_timeout: '2s' }) // a TCP listener has one
    assert.equal((await tryLogin(at, 'ann')).status, 502)
  }
  const all = received.join('')
  assert.ok(received.length >= ways.length && !all.includes(PASSWORD) && !all.includes(directory.bindPassword) && !all.includes('searcher'))
})

test('a directory that answers nonsense, too much, or nothing costs an error and nothing else', async () => {
  const flood = Buffer.alloc(64 * 1024, Buffer.from('300c02010961070a010004000400', 'hex'))
  for (const behave of [(write: (bytes: Buffer) => boolean) => write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), (write: (bytes: Buffer) => boolean) => { for (let at = 0; at < 100; at += 1) write(flood) }, () => {}]) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => behave((bytes) => socket.write(bytes)))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    afterwards({ after }, () => void server.close())
    const at = await configured({ ...searching, url: `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`, request_timeout: '1s' }) // as above
    assert.equal((await tryLogin(at, 'ann')).status, 502)
  }
  const gone = await configured({ ...searching, url: 'ldap://127.0.0.1:1' })
  assert.equal((await tryLogin(gone, 'ann')).status, 502)
  const wrongService = await configured({ ...searching, bindpass: 'wrong' })
  assert.equal((await tryLogin(wrongService, 'ann')).status, 502)
  assert.equal((await tryLogin(await configured(searching), 'ann')).status, 200, 'the server lives')
})

test('five failures lock a name, in whatever spelling', async () => {
  const at = await configured(searching)
  for (const name of ['bob', 'BOB', 'bob', 'Bob', 'bOb']) assert.equal((await tryLogin(at, name, 'wrong')).status, 400)
  assert.equal((await tryLogin(at, 'bob', 'bob')).status, 403)
  assert.equal((await tryLogin(at, 'ann')).status, 200)
})

test('configuration, users and groups are read as written; passwords never come out and do not follow another directory', async () => {
  const at = await configured({ ...searching, certificate: directory.authority })
  const config = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.ok(!config.text.includes(directory.bindPassword) && !Object.hasOwn(config.data, 'bindpass'))
  const { data } = config
  assert.deepEqual([data.url, data.binddn, data.userattr, data.groupattr, data.deny_null_bind, data.request_timeout, data.tls_min_version, data.dereference_aliases, data.token_ttl, data.userfilter], [directory.address, directory.bindName, 'uid', 'cn', true, 90, 'tls12', 'never', 600, '({{.UserAttr}}={{.Username}})'])
  await root.expect('POST', `/v1/auth/${at}/config`, { userattr: 'cn' }, { status: 204 })
  assert.equal((await tryLogin(at, 'Ann Smith')).status, 200, 'what is not given stays')
  const stolen: string[] = []
  const thief = createServer((socket) => void socket.on('data', (chunk) => stolen.push(chunk.toString('latin1'))).on('error', () => {}))
  thief.listen(0, '127.0.0.1')
  await once(thief, 'listening')
  afterwards({ after }, () => void thief.close())
  await root.expect('POST', `/v1/auth/${at}/config`, { url: `ldap://127.0.0.1:${(thief.address() as AddressInfo).port}`, request_timeout: '1s' }, { status: 204 }) // as above
  await tryLogin(at, 'Ann Smith')
  assert.ok(!stolen.join('').includes(directory.bindPassword))

  await root.expect('POST', `/v1/auth/${at}/users/Ann`, { groups: 'B,a', policies: 'Q,p' }, { status: 204 })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/users/ann`)).data, { groups: 'a,b', policies: ['p', 'q'] })
  assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/users`)).data, { keys: ['ann'] })
  await root.expect('POST', `/v1/auth/${at}/groups/${named('Domain Users')}`, { policies: 'p' }, { status: 204 })
  assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/groups`)).data, { keys: ['domain users'] })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/groups/${named('Domain Users')}`)).data, { policies: ['p'] })
  await root.expect('DELETE', `/v1/auth/${at}/groups/${named('Domain Users')}`, undefined, { status: 204 })
  await root.expect('DELETE', `/v1/auth/${at}/users/ann`, undefined, { status: 204 })
  for (const path of ['users', 'groups']) assert.equal((await root.call('LIST', `/v1/auth/${at}/${path}`)).status, 404)
  for (const bad of [{ url: 'http://127.0.0.1' }, { url: 'ldap://user:x@127.0.0.1' }, { url: 'ldap://127.0.0.1/dc=x' }, { tls_min_version: 'tls10' }, { certificate: 'x' }, { client_tls_cert: 'x' }, { userattr: 'a)(b' }, { upndomain: 'a)(b' }, { dereference_aliases: 'x' }, { request_timeout: '-1' }]) {
    assert.equal((await root.call('POST', `/v1/auth/${at}/config`, bad)).status, 400, JSON.stringify(bad))
  }
})
