// States of versions, deletion of secrets, and what expires.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { kv, secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, database, rootOrgId } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const reveal = async (key: string, selector: object = {}): Promise<string | undefined> => (await root(secrets.get, { key, ...dev, reveal: true, ...selector })).value
const setState = (key: string, version: number, state: string, more: object = {}) => root(secrets.setState, { key, ...dev, version, state, ...more })
const states = async (key: string) => (await root(secrets.history, { key, ...dev })).items.map(({ state }) => state)

test('a disabled version is not handed out until it is enabled again', async () => {
  await put('d', 'one')
  await put('d', 'two')
  await setState('d', 1, 'DISABLED')
  await assert.rejects(reveal('d', { version: '1' }), { kind: 'not_found', code: 'secret.version_disabled' })
  await assert.rejects(reveal('d', { alias: 'previous' }), { code: 'secret.version_disabled' })
  assert.deepEqual(await states('d'), ['CURRENT', 'DISABLED'])
  await setState('d', 1, 'ENABLED')
  assert.equal(await reveal('d', { version: '1' }), 'one')
  assert.deepEqual(await states('d'), ['CURRENT', 'PREVIOUS'])
})

test('the current version is disabled or destroyed only with force', async () => {
  await put('forced', 'one')
  for (const state of ['DISABLED', 'DESTROYED']) await assert.rejects(setState('forced', 1, state), { kind: 'conflict', code: 'secret.current_version' })
  assert.equal(await reveal('forced'), 'one')
  await setState('forced', 1, 'DISABLED', { force: true })
  await assert.rejects(reveal('forced'), { code: 'secret.version_disabled' })
  await setState('forced', 1, 'ENABLED')
  assert.deepEqual(await states('forced'), ['CURRENT'])
})

test('only a disabled version can be enabled', async () => {
  await put('enable', 'one')
  await assert.rejects(setState('enable', 1, 'ENABLED'), { code: 'secret.not_disabled' })
})

test('a proposal cannot become a version that was once current by being disabled and enabled', async () => {
  await put('launder', 'one')
  await root(secrets.propose, { key: 'launder', ...dev, value: 'two' })
  await assert.rejects(setState('launder', 2, 'DISABLED'), { code: 'secret.version_pending' })
  assert.deepEqual(await states('launder'), ['PENDING', 'CURRENT'])
})

test('destroying erases ciphertext and wrapped key in the row, for good', async () => {
  await put('x', 'one')
  await put('x', 'two')
  await setState('x', 1, 'DESTROYED')
  const { rows } = await database.superuser.query('select version, state, ciphertext is null as empty, wrapped_dek is null as keyless from coffer.secret_versions where org_id = $1 and secret_id = (select secret_id from coffer.secrets where path = $2) order by version', [rootOrgId, 'x'])
  assert.deepEqual(rows, [{ version: 1, state: 'DESTROYED', empty: true, keyless: true }, { version: 2, state: 'ACTIVE', empty: false, keyless: false }])
  await assert.rejects(reveal('x', { version: '1' }), { kind: 'not_found', code: 'secret.version_destroyed' })
  for (const state of ['DISABLED', 'ENABLED']) await assert.rejects(setState('x', 1, state), { kind: 'invalid_request' })
  await setState('x', 1, 'DESTROYED') // again is harmless
})

test('a destroyed version that is not there is not found', async () => {
  await put('never', 'one')
  await assert.rejects(setState('never', 7, 'DESTROYED'), { kind: 'not_found', code: 'secret.version_not_found' })
})

test('undelete brings a deleted version back and never a disabled or destroyed one', async () => {
  for (const value of ['one', 'two', 'three']) await root(kv.writeData, { path: 'dev/u', data: { value } })
  const versions = [1, 2, 3]
  await root(kv.deleteVersions, { path: 'dev/u', versions })
  await assert.rejects(reveal('u'), { kind: 'not_found', code: 'secret.version_deleted' })
  await setState('u', 1, 'DISABLED')
  await setState('u', 2, 'DESTROYED')
  await root(kv.undeleteVersions, { path: 'dev/u', versions })
  assert.deepEqual(JSON.parse((await reveal('u')) ?? ''), { value: 'three' })
  await assert.rejects(reveal('u', { version: '1' }), { code: 'secret.version_disabled' })
  await assert.rejects(reveal('u', { version: '2' }), { code: 'secret.version_destroyed' })
})

test('a soft-deleted secret is out of sight, and back as it was when restored', async () => {
  await put('soft', 'one')
  await put('soft', 'two')
  const deleted = await root(secrets.remove, { key: 'soft', ...dev })
  assert.ok(deleted.deletedAt)
  await assert.rejects(reveal('soft'), { kind: 'not_found', code: 'secret.not_found' })
  await assert.rejects(root(secrets.history, { key: 'soft', ...dev }), { code: 'secret.not_found' })
  await assert.rejects(root(secrets.remove, { key: 'soft', ...dev }), { code: 'secret.not_found' })
  const listed = async (more: object) => (await root(secrets.list, { ...dev, prefix: '', ...more })).items.some(({ path }) => path === 'soft')
  assert.equal(await listed({}), false)
  assert.equal(await listed({ deleted: true }), true)
  const restored = await root(secrets.restore, { key: 'soft', ...dev })
  assert.equal(restored.currentVersion, 2)
  assert.equal(restored.deletedAt, undefined)
  assert.equal(await reveal('soft'), 'two')
  await assert.rejects(root(secrets.restore, { key: 'soft', ...dev }), { kind: 'conflict', code: 'secret.not_deleted' })
})

test('a value written over a soft-deleted secret revives it with the next number', async () => {
  await put('revived', 'one')
  await root(secrets.remove, { key: 'revived', ...dev })
  const put2 = await put('revived', 'two', { expectedPreviousVersion: 0 })
  assert.equal(put2.version, 2)
  assert.equal(await reveal('revived'), 'two')
})

test('a proposal does not bring the value of a deleted secret back', async () => {
  await put('buried', 'one')
  await root(secrets.remove, { key: 'buried', ...dev })
  await assert.rejects(root(secrets.propose, { key: 'buried', ...dev, value: 'two' }), { kind: 'conflict', code: 'secret.deleted' })
  await assert.rejects(reveal('buried'), { code: 'secret.not_found' })
})

test('purging removes a secret with everything of it, deleted before or not', async () => {
  for (const first of [true, false]) {
    const { id } = await put('purged', 'one')
    if (first) await root(secrets.remove, { key: 'purged', ...dev })
    assert.deepEqual(await root(secrets.purge, { key: 'purged', ...dev }), { purged: true })
    await assert.rejects(reveal('purged'), { code: 'secret.not_found' })
    await assert.rejects(root(secrets.get, { key: id }), { kind: 'not_found' })
    const { rows } = await database.superuser.query("select 1 from coffer.secrets where path = 'purged'")
    assert.equal(rows.length, 0)
  }
  assert.equal((await put('purged', 'anew')).version, 1)
  await assert.rejects(root(secrets.purge, { key: 'no-such', ...dev }), { kind: 'not_found' })
})

const expire = (path: string, seconds: number) => database.superuser.query(`select pg_sleep(greatest(0, extract(epoch from v.expires_at - clock_timestamp()) + $2)) from coffer.secret_versions v join coffer.secrets s using (org_id, secret_id) where s.path = $1 order by version desc limit 1`, [path, seconds])

test('a version is readable until it expires by the clock of the database', async () => {
  await put('ttl', 'short', { ttl: 1 })
  assert.equal(await reveal('ttl'), 'short')
  await expire('ttl', 0.05)
  await assert.rejects(reveal('ttl'), { kind: 'not_found', code: 'secret.version_expired' })
  const { items } = await root(secrets.history, { key: 'ttl', ...dev })
  assert.equal(Date.parse(items[0]?.expiresAt ?? '') - Date.parse(items[0]?.createdAt ?? ''), 1000)
})

test('deleteVersionAfter ends each later version by itself, and what is said by name goes before it', async () => {
  await put('after', 'one', { deleteVersionAfter: 3600 })
  await put('after', 'two')
  await put('after', 'three', { expiresAt: '2199-01-01T00:00:00Z' })
  const { items } = await root(secrets.history, { key: 'after', ...dev })
  const lives = items.map(({ createdAt, expiresAt }) => (expiresAt === null ? null : (Date.parse(expiresAt) - Date.parse(createdAt)) / 1000))
  assert.deepEqual(lives.slice(1), [3600, 3600])
  assert.equal(items[0]?.expiresAt, '2199-01-01T00:00:00.000Z')
})

test('an expiry that is past, or given twice, is refused', async () => {
  await assert.rejects(put('late', 'x', { expiresAt: '2001-01-01T00:00:00Z' }), { code: 'secret.expired_already' })
  await assert.rejects(put('late', 'x', { expiresAt: '2199-01-01T00:00:00Z', ttl: 5 }), { code: 'request.both' })
})
