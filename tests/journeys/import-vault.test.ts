// coffer import vault and export vault: from one running server to another, cut short and started again, and back out.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Client } from '../support/http.ts'
import { makePerson, type Person } from '../support/person.ts'
import { scratchDirectory, startDevServer, type OpenServer } from '../support/server.ts'

const source = await startDevServer({ after }, [], 'root-of-the-source')

const prepare = async (root: Client): Promise<void> => {
  await root.expect('POST', '/v1/sys/mounts/apps', { type: 'kv', options: { version: '2' }, description: 'of the apps', config: { max_lease_ttl: '2h' } }, { status: 204 })
  await root.expect('POST', '/v1/sys/mounts/old', { type: 'kv', options: { version: '1' } }, { status: 204 })
  for (let version = 1; version <= 4; version++) await root.expect('POST', '/v1/apps/data/shop/db', { data: { password: `p${version}`, port: 5432 } })
  await root.expect('POST', '/v1/apps/destroy/shop/db', { versions: [1] }, { status: 204 })
  await root.expect('POST', '/v1/apps/delete/shop/db', { versions: [3] }, { status: 204 })
  await root.expect('POST', '/v1/apps/metadata/shop/db', { custom_metadata: { team: 'shop' }, max_versions: 20, delete_version_after: '720h' }, { status: 204 })
  await root.expect('POST', '/v1/apps/data/a%20b/%C3%BC', { data: { text: 'blank and umlaut' } })
  await root.expect('POST', '/v1/old/deep/er', { a: 'x', n: 1 })
  await root.expect('PUT', '/v1/sys/policies/acl/shop', { policy: 'path "apps/data/shop/*" { capabilities = ["read"] }' }, { status: 204 })
  await root.expect('PUT', '/v1/sys/policies/password/digits', { policy: 'length = 8\nrule "charset" { charset = "0123456789" }' }, { status: 204 })
  await root.expect('POST', '/v1/sys/auth/approle', { type: 'approle' }, { status: 204 })
  await root.expect('POST', '/v1/auth/approle/role/shop', { token_policies: ['shop'], token_ttl: '1h', secret_id_num_uses: 3 }, { status: 204 })
  await root.expect('POST', '/v1/sys/auth/people', { type: 'userpass' }, { status: 204 })
  await root.expect('POST', '/v1/auth/people/users/ann', { password: 'correct horse', token_policies: ['shop'] }, { status: 204 })
  await root.expect('POST', '/v1/auth/token/roles/ci', { allowed_policies: ['shop'], orphan: true }, { status: 204 })
}

await prepare(source.root)
// Numbers that a double cannot hold.
const DIGITS = '{"data":{"big":12345678901234567890,"fraction":0.10000000000000000001}}'
assert.equal((await fetch(`${source.server.address}/v1/apps/data/digits`, { method: 'POST', headers: { 'x-vault-token': source.rootToken, 'content-type': 'application/json' }, body: DIGITS })).status, 200)

const mover = (t: TestContext, own: OpenServer, other: OpenServer): { readonly person: Person; readonly args: readonly string[] } => {
  const person = makePerson(t, { COFFER_ADDR: own.server.address, COFFER_TOKEN: own.rootToken })
  const tokenFile = join(scratchDirectory(t), 'token')
  writeFileSync(tokenFile, `${other.rootToken}\n`, { mode: 0o600 })
  return { person, args: ['--vault-address', other.server.address, '--vault-token-file', tokenFile] }
}

const bodyOf = async ({ server, rootToken }: OpenServer, path: string): Promise<string> => (await fetch(`${server.address}/v1/${path}`, { headers: { 'x-vault-token': rootToken } })).text()

const compare = async (target: OpenServer): Promise<void> => {
  const { root } = target
  const metadata = (await root.expect('GET', '/v1/apps/metadata/shop/db')).json.data
  assert.deepEqual(Object.keys(metadata.versions), ['1', '2', '3', '4'])
  assert.deepEqual([metadata.custom_metadata, metadata.max_versions, metadata.delete_version_after], [{ team: 'shop' }, 20, '720h0m0s'])
  for (const [version, status] of [[1, 404], [2, 200], [3, 404], [4, 200]] as const) {
    const answer = await root.call('GET', `/v1/apps/data/shop/db?version=${version}`)
    assert.equal(answer.status, status)
    if (status === 200) assert.deepEqual(answer.json.data.data, { password: `p${version}`, port: 5432 })
  }
  assert.equal((await root.expect('GET', '/v1/apps/data/a%20b/%C3%BC')).json.data.data.text, 'blank and umlaut')
  assert.match(await bodyOf(target, 'apps/data/digits'), /"big":12345678901234567890,"fraction":0\.10000000000000000001/)
  assert.deepEqual((await root.expect('GET', '/v1/old/deep/er')).json.data, { a: 'x', n: 1 })
  assert.equal((await root.expect('GET', '/v1/sys/mounts/apps')).json.data.config.max_lease_ttl, 7200)
  assert.match((await root.expect('GET', '/v1/sys/policies/acl/shop')).json.data.policy, /apps\/data\/shop/)
  assert.match((await root.expect('GET', '/v1/sys/policies/password/digits/generate')).json.data.password, /^\d{8}$/)
  const role = (await root.expect('GET', '/v1/auth/approle/role/shop')).json.data
  assert.deepEqual([role.token_policies, role.token_ttl, role.secret_id_num_uses], [['shop'], 3600, 3])
  assert.equal((await root.expect('GET', '/v1/auth/approle/role/shop/role-id')).json.data.role_id, (await source.root.expect('GET', '/v1/auth/approle/role/shop/role-id')).json.data.role_id)
  assert.equal((await root.expect('GET', '/v1/auth/token/roles/ci')).json.data.orphan, true)
  assert.equal((await root.expect('GET', '/v1/sys/auth/people')).json.data.type, 'userpass')
}

test('everything that can be read is carried over, and what cannot is named before the first write', async (t) => {
  const target = await startDevServer(t, [], 'root-of-the-target')
  const { person, args } = mover(t, target, source)
  const looked = await person.coffer(['import', 'vault', ...args, '--dry-run'])
  assert.equal(looked.code, 0, looked.stderr)
  assert.match(looked.stderr, /3 mounts, 4 secrets, \d+ policies, 1 password policies, 2 auth methods, 1 token roles/)
  assert.match(looked.stderr, /1 users of auth\/people\/: passwords are stored as hashes/)
  assert.match(looked.stderr, /of auth method approle\/: secret ids/)
  await target.root.expect('GET', '/v1/sys/policies/acl/shop', undefined, { status: 404 })

  assert.equal((await person.coffer(['import', 'vault', ...args])).code, 2, 'nobody said yes')
  const done = await person.coffer(['import', 'vault', ...args, '--yes', '--output', 'json'])
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(JSON.parse(done.stdout).done.secrets, { copied: 4, present: 0 })
  await compare(target)
  for (const text of [looked.stdout, looked.stderr, done.stdout, done.stderr]) assert.doesNotMatch(text, /p4|correct horse|root-of-the/)

  const again = JSON.parse((await person.coffer(['import', 'vault', ...args, '--yes', '--output', 'json'])).stdout)
  assert.deepEqual(again.done.secrets, { copied: 0, present: 4 })
  assert.equal(again.failures.length, 0)
  assert.equal((await target.root.expect('GET', '/v1/apps/metadata/shop/db')).json.data.current_version, 4)
})

test('a run that was cut short goes on, and a secret that is another one is left alone', async (t) => {
  const target = await startDevServer(t, [], 'root-of-the-target')
  const { root } = target
  await root.expect('POST', '/v1/sys/mounts/apps', { type: 'kv', options: { version: '2' } }, { status: 204 })
  await root.expect('POST', '/v1/apps/data/shop/db', { data: {} })
  await root.expect('POST', '/v1/apps/destroy/shop/db', { versions: [1] }, { status: 204 })
  await root.expect('POST', '/v1/apps/data/shop/db', { data: { port: 5432, password: 'p2' } })
  await root.expect('POST', '/v1/apps/data/digits', { data: { own: 'value' } })
  const { person, args } = mover(t, target, source)
  const done = await person.coffer(['import', 'vault', ...args, '--yes', '--only', 'secrets', '--mount', 'apps', '--output', 'json'])
  assert.equal(done.code, 1)
  const report = JSON.parse(done.stdout)
  assert.deepEqual(report.failures, [{ what: 'apps/digits', why: 'another secret is there; it was left as it is' }])
  assert.equal((await root.expect('GET', '/v1/apps/data/shop/db')).json.data.data.password, 'p4')
  assert.deepEqual((await root.expect('GET', '/v1/apps/data/digits')).json.data.data, { own: 'value' })
  await root.expect('GET', '/v1/sys/policies/acl/shop', undefined, { status: 404 })
})

test('export carries the same to another server', async (t) => {
  const target = await startDevServer(t, [], 'root-of-the-target')
  const { person, args } = mover(t, source, target)
  const done = await person.coffer(['export', 'vault', ...args, '--yes'])
  assert.equal(done.code, 0, done.stderr)
  await compare(target)
})

test('the source is only read, and a token that may not read stops before anything is written', async (t) => {
  const target = await startDevServer(t, [], 'root-of-the-target')
  const before = (await source.root.expect('GET', '/v1/apps/metadata/shop/db')).json.data
  const { client_token: weak } = (await source.root.expect('POST', '/v1/auth/token/create', { policies: ['shop'] })).json.auth
  const { person, args } = mover(t, target, { ...source, rootToken: weak })
  const refused = await person.coffer(['import', 'vault', ...args, '--yes'])
  assert.equal(refused.code, 3)
  assert.match(refused.stderr, /sys\/auth: .*permission denied/)
  assert.deepEqual((await source.root.expect('GET', '/v1/apps/metadata/shop/db')).json.data, before)
  assert.equal((await person.coffer(['import', 'vault', '--vault-address', 'http://127.0.0.1:1', ...args.slice(2), '--yes', '--timeout', '1'])).code, 7)
})
