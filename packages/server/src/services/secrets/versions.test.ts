// Versions and aliases, as every door sees them: what `current` and `previous` mean, and who wins a promotion.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, database, rootOrgId } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const propose = (key: string, value: string, more: object = {}) => root(secrets.propose, { key, ...dev, value, ...more })
const promote = (key: string, version: number, expected?: number | null) => root(secrets.setAlias, { key, ...dev, version, ...(expected === undefined ? {} : { expectedPreviousVersion: expected }) })
const reveal = async (key: string, selector: object = {}): Promise<string | undefined> => (await root(secrets.get, { key, ...dev, reveal: true, ...selector })).value
const aliases = async (key: string) => (await root(secrets.get, { key, ...dev })).aliases

test('each put makes the next version and promotes it; previous names the one before only', async () => {
  assert.deepEqual(await root(secrets.put, { key: 'a', ...dev, value: 'one' }).then(({ version, versionNumber, state }) => ({ version, versionNumber, state })), { version: 1, versionNumber: 1, state: 'CURRENT' })
  assert.deepEqual(await aliases('a'), { current: 1 })
  await put('a', 'two')
  await put('a', 'three')
  assert.deepEqual(await aliases('a'), { current: 3, previous: 2 })
  assert.equal(await reveal('a'), 'three')
  assert.equal(await reveal('a', { alias: 'previous' }), 'two')
  for (const version of ['1', 'v1']) assert.equal(await reveal('a', { version }), 'one')
})

test('history tells every once-current version as PREVIOUS, newest first, without values', async () => {
  for (const value of ['one', 'two', 'three']) await put('told', value)
  await propose('told', 'four')
  const { items } = await root(secrets.history, { key: 'told', ...dev })
  assert.deepEqual(items.map(({ version, state }) => [version, state]), [[4, 'PENDING'], [3, 'CURRENT'], [2, 'PREVIOUS'], [1, 'PREVIOUS']])
  assert.ok(!JSON.stringify(items).includes('three'))
  assert.equal(new Set(items.map(({ sha256Fingerprint }) => sha256Fingerprint)).size, 4)
})

test('history comes in pages', async () => {
  for (let i = 0; i < 5; i++) await put('paged', `value ${i}`)
  const first = await root(secrets.history, { key: 'paged', ...dev, limit: 2 })
  const second = await root(secrets.history, { key: 'paged', ...dev, limit: 3, after: first.next })
  assert.deepEqual([...first.items, ...second.items].map(({ version }) => version), [5, 4, 3, 2, 1])
  assert.equal(second.next, undefined)
})

test('a proposal changes nothing for readers until it is promoted', async () => {
  await put('p', 'old')
  const proposed = await propose('p', 'new')
  assert.deepEqual([proposed.version, proposed.state], [2, 'PENDING'])
  assert.equal(await reveal('p'), 'old')
  assert.equal(await reveal('p', { alias: 'next' }), 'new')
  await promote('p', 2, 1)
  assert.equal(await reveal('p'), 'new')
  assert.deepEqual(await aliases('p'), { current: 2, previous: 1 })
})

test('a proposal may be the first version; it is promoted from nothing with 0 or null', async () => {
  for (const [key, nothing] of [['first-0', 0], ['first-null', null]] as const) {
    await propose(key, 'value')
    await assert.rejects(reveal(key), { kind: 'not_found', code: 'secret.no_current_version' })
    await promote(key, 1, nothing)
    assert.equal(await reveal(key), 'value')
    assert.deepEqual(await aliases(key), { current: 1 })
  }
})

test('a promotion that expects another version is a conflict and changes nothing', async () => {
  await put('cas', 'one')
  await propose('cas', 'two')
  for (const wrong of [0, null, 2, 3]) await assert.rejects(promote('cas', 2, wrong), { kind: 'conflict', code: 'secret.version_conflict', httpStatus: 409, field: 'expectedPreviousVersion' })
  assert.deepEqual(await aliases('cas'), { current: 1, next: 2 })
})

test('of promotions at the same time with the same expectation exactly one wins', async () => {
  await put('race', 'zero')
  for (let i = 0; i < 6; i++) await propose('race', `candidate ${i}`)
  const outcomes = await Promise.allSettled([2, 3, 4, 5, 6, 7].map((version) => promote('race', version, 1)))
  const won = outcomes.filter(({ status }) => status === 'fulfilled')
  assert.equal(won.length, 1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal((outcome.reason as { code: string }).code, 'secret.version_conflict')
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled') + 2
  assert.equal(await reveal('race'), `candidate ${winner - 2}`)
  assert.equal((await aliases('race'))['previous'], 1)
})

test('a version that is current already can be promoted again without becoming its own previous', async () => {
  await put('again', 'one')
  await put('again', 'two')
  await promote('again', 2)
  assert.deepEqual(await aliases('again'), { current: 2, previous: 1 })
  await promote('again', 1)
  assert.deepEqual(await aliases('again'), { current: 1, previous: 2 })
})

test('promoting what is not there is not found', async () => {
  await put('absent', 'one')
  await assert.rejects(promote('absent', 9), { kind: 'not_found', code: 'secret.version_not_found' })
  await assert.rejects(promote('nowhere', 1), { kind: 'not_found', code: 'secret.not_found' })
})

test('disabled and destroyed versions cannot become current', async () => {
  for (let i = 0; i < 3; i++) await put('gone', `value ${i}`)
  await root(secrets.setState, { key: 'gone', ...dev, version: 1, state: 'DISABLED' })
  await root(secrets.setState, { key: 'gone', ...dev, version: 2, state: 'DESTROYED' })
  for (const version of [1, 2]) await assert.rejects(promote('gone', version), { code: 'secret.not_promotable' })
})

test('an alias of one\'s own points where it is told, by compare-and-swap, and can be removed', async () => {
  await put('own', 'one')
  await put('own', 'two')
  const set = (version: number, more: object = {}) => root(secrets.setAlias, { key: 'own', ...dev, alias: 'canary', version, ...more })
  assert.equal((await set(1, { expectedPreviousVersion: 0 })).version, 1)
  await assert.rejects(set(2, { expectedPreviousVersion: 2 }), { kind: 'conflict', code: 'secret.version_conflict' })
  assert.equal(await reveal('own', { alias: 'canary' }), 'one')
  await set(2, { expectedPreviousVersion: 1 })
  assert.equal(await reveal('own', { alias: 'canary' }), 'two')
  await root(secrets.removeAlias, { key: 'own', ...dev, alias: 'canary' })
  await assert.rejects(reveal('own', { alias: 'canary' }), { kind: 'not_found' })
  assert.equal(await reveal('own'), 'two')
})

test('no alias can be read as a version number, however long', async () => {
  await put('named', 'one')
  for (const alias of ['3', 'v3', '0', 'v0', '12345678901234567890', 'v12345678901234567890', '', '-a', 'a b', 'a/b', 'ä', 'x'.repeat(65)]) {
    await assert.rejects(root(secrets.setAlias, { key: 'named', ...dev, alias, version: 1 }), { kind: 'invalid_request' }, alias)
  }
})

test('previous cannot be set, and neither current nor previous be removed', async () => {
  await put('fixed', 'one')
  await put('fixed', 'two')
  await assert.rejects(root(secrets.setAlias, { key: 'fixed', ...dev, alias: 'previous', version: 1 }), { code: 'secret.reserved_alias' })
  for (const alias of ['current', 'previous']) await assert.rejects(root(secrets.removeAlias, { key: 'fixed', ...dev, alias }), { code: 'secret.reserved_alias' })
})

test('a version and an alias at once name nothing', async () => {
  await put('both', 'one')
  await assert.rejects(root(secrets.get, { key: 'both', ...dev, version: '1', alias: 'current' }), { code: 'request.both' })
})

interface Stored {
  readonly version: number
  readonly ciphertext: Buffer | null
  readonly wrapped_dek: Buffer | null
  readonly state: string
  readonly fingerprint: string
}
const stored = async (id: string): Promise<readonly Stored[]> => {
  const { rows } = await database.superuser.query<Stored>('select version, ciphertext, wrapped_dek, state, fingerprint from coffer.secret_versions where org_id = $1 and secret_id = (select secret_id from coffer.secrets where path = $2) order by version', [rootOrgId, id])
  return rows
}

test('a rollback is a new version under a key of its own with the old value', async () => {
  await put('roll', 'good')
  await put('roll', 'bad')
  const back = await root(secrets.rollback, { key: 'roll', ...dev })
  assert.equal(back.version, 3)
  assert.equal(await reveal('roll'), 'good')
  const [first, , third] = await stored('roll')
  assert.ok(first?.ciphertext && third?.ciphertext && first.wrapped_dek && third.wrapped_dek)
  assert.notDeepEqual(first.ciphertext, third.ciphertext)
  assert.notDeepEqual(first.wrapped_dek, third.wrapped_dek)
  assert.equal(first.fingerprint, third.fingerprint)
  assert.equal(back.sha256Fingerprint, first.fingerprint)
})

test('a rollback names a version or an alias, and holds to the expected current one', async () => {
  for (const value of ['one', 'two', 'three']) await put('roll-to', value)
  await assert.rejects(root(secrets.rollback, { key: 'roll-to', ...dev, version: 'v1', expectedPreviousVersion: 2 }), { code: 'secret.version_conflict' })
  await root(secrets.rollback, { key: 'roll-to', ...dev, version: 'v1', expectedPreviousVersion: 3 })
  assert.equal(await reveal('roll-to'), 'one')
  await assert.rejects(root(secrets.rollback, { key: 'roll-to', ...dev, version: 'nothing' }), { code: 'secret.alias_not_found' })
  await assert.rejects(root(secrets.rollback, { key: 'roll-to', ...dev, version: '99' }), { kind: 'not_found' })
})

test('there is no way back to a disabled, destroyed or expired version', async () => {
  for (const value of ['one', 'two', 'three']) await put('no-way', value)
  await root(secrets.setState, { key: 'no-way', ...dev, version: 1, state: 'DESTROYED' })
  await root(secrets.setState, { key: 'no-way', ...dev, version: 2, state: 'DISABLED' })
  await assert.rejects(root(secrets.rollback, { key: 'no-way', ...dev, version: '1' }), { code: 'secret.version_destroyed' })
  await assert.rejects(root(secrets.rollback, { key: 'no-way', ...dev, version: '2' }), { code: 'secret.version_disabled' })
})

test('fingerprints are equal for equal values of one secret and for nothing else', async () => {
  const [one, same, other] = [await put('print', 'same'), await put('print', 'same'), await put('print-other', 'same')]
  assert.equal(one.sha256Fingerprint, same.sha256Fingerprint)
  assert.notEqual(one.sha256Fingerprint, other.sha256Fingerprint)
})
