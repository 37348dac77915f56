// Settings of a secret, types of values, what is said of it, and what each operation costs in SQL.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as, pools, database } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const states = async (key: string) => (await root(secrets.history, { key, ...dev })).items.map(({ version, state }) => `${version} ${state}`)

test('max_versions destroys the oldest, the newest stay readable', async () => {
  await put('max', 'value 1', { maxVersions: 2 })
  for (let i = 2; i <= 4; i++) await put('max', `value ${i}`)
  assert.deepEqual(await states('max'), ['4 CURRENT', '3 PREVIOUS', '2 DESTROYED', '1 DESTROYED'])
  const { rows } = await database.superuser.query<{ left: number }>("select count(ciphertext) as left from coffer.secret_versions v join coffer.secrets s using (org_id, secret_id) where s.path = 'max'")
  assert.equal(rows[0]?.left, 2)
})

test('max_versions 0 keeps all, and lowering it takes effect with the next write', async () => {
  for (let i = 1; i <= 4; i++) await put('lower', `value ${i}`, { maxVersions: 0 })
  assert.equal((await states('lower')).filter((line) => line.endsWith('DESTROYED')).length, 0)
  await root(secrets.patch, { key: 'lower', ...dev, maxVersions: 1 })
  assert.equal((await states('lower')).filter((line) => line.endsWith('DESTROYED')).length, 0)
  await put('lower', 'value 5')
  assert.deepEqual(await states('lower'), ['5 CURRENT', '4 DESTROYED', '3 DESTROYED', '2 DESTROYED', '1 DESTROYED'])
})

test('a proposal never destroys the version that is current', async () => {
  await put('spare', 'current', { maxVersions: 1 })
  for (let i = 0; i < 3; i++) await root(secrets.propose, { key: 'spare', ...dev, value: `proposal ${i}` })
  assert.deepEqual(await states('spare'), ['4 PENDING', '3 DESTROYED', '2 DESTROYED', '1 CURRENT'])
})

test('cas_required takes writes only with the expected version', async () => {
  await put('cas', 'one', { casRequired: true })
  await assert.rejects(put('cas', 'two'), { kind: 'invalid_request', code: 'secret.cas_required' })
  await assert.rejects(put('cas', 'two', { expectedPreviousVersion: 7 }), { kind: 'conflict' })
  assert.equal((await put('cas', 'two', { expectedPreviousVersion: 1 })).version, 2)
})

test('one setting changed leaves the others as they are', async () => {
  await put('settings', 'one', { casRequired: true, maxVersions: 2 })
  await put('settings', 'two', { expectedPreviousVersion: 1, deleteVersionAfter: 3600 })
  await assert.rejects(put('settings', 'three'), { code: 'secret.cas_required' })
  await root(secrets.patch, { key: 'settings', ...dev, casRequired: false })
  await put('settings', 'three')
  assert.deepEqual(await states('settings'), ['3 CURRENT', '2 PREVIOUS', '1 DESTROYED'])
})

test('what is said of a secret is kept apart from its value and has no version', async () => {
  await put('meta', 'v', { ownerTeam: 'core', description: 'for tests', metadata: { a: 'b' }, rotationStrategy: 'automated-30d', sortOrder: 7 })
  const patched = await root(secrets.patch, { key: 'meta', ...dev, description: 'for more tests' })
  assert.deepEqual([patched.ownerTeam, patched.description, patched.rotationStrategy, patched.currentVersion], ['core', 'for more tests', 'automated-30d', 1])
  assert.deepEqual((await root(secrets.get, { key: 'meta', ...dev })).metadata, { a: 'b' })
  for (const rotationStrategy of ['sometimes', 'automated-0d', 'automated-d', 'automated-99999d', '']) await assert.rejects(root(secrets.patch, { key: 'meta', ...dev, rotationStrategy }), { kind: 'invalid_request', field: 'rotationStrategy' })
})

test('metadata can be changed by who may update but not look', async () => {
  await put('blind', 'v')
  await root(tokens.putPolicy, { name: 'blind', kind: 'acl', body: 'path "secret/data/dev/blind" { capabilities = ["update"] }' })
  const blind = await as({ policies: ['blind'] })
  assert.equal((await blind.call(secrets.patch, { key: 'blind', ...dev, description: 'mine' })).description, 'mine')
})

const values: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
  text: { good: ['', 'anything', 'a\u0000b', '💥'], bad: ['\ud800'] },
  password: { good: ['p'], bad: [''] },
  boolean: { good: ['true', 'false'], bad: ['', 'True', '1', 'yes'] },
  integer: { good: ['0', '-1', '123456789012345678901234567890123456789'], bad: ['', '01', '1.5', '1e3', '+1', '-', '1'.repeat(40)] },
  json: { good: ['{}', '[1]', '"x"', 'null', '12345678901234567890'], bad: ['', '{', "{'a': 1}", '{"a":1,"a":2}', '['.repeat(65) + ']'.repeat(65)] },
  yaml: { good: ['', 'a: 1', '- x'], bad: ['a: [', 'a: 1\na: 2'] },
}

for (const [type, { good, bad }] of Object.entries(values)) {
  test(`a value of type ${type} comes back as it was written, and is refused when it is not one`, async () => {
    for (const value of good) {
      await put(`type/${type}`, value, { type })
      const got = await root(secrets.get, { key: `type/${type}`, ...dev, reveal: true })
      assert.deepEqual([got.value, got.type], [value, type])
    }
    for (const value of bad) {
      await assert.rejects(put(`type/${type}`, value, { type }), (error: Error & { kind?: string; field?: string }) => {
        assert.deepEqual([error.kind, error.field], ['invalid_request', 'value'])
        assert.ok(value.length < 4 || !error.message.includes(value), 'the message repeats no value')
        return true
      })
    }
  })
}

test('a value keeps its type until another is given, and each version its own', async () => {
  await put('typed', '{"a":1}', { type: 'json' })
  await assert.rejects(put('typed', 'no json'), { code: 'secret.bad_value' })
  await put('typed', 'no json', { type: 'text' })
  const { items } = await root(secrets.history, { key: 'typed', ...dev })
  assert.deepEqual(items.map(({ type }) => type), ['text', 'json'])
  assert.equal((await root(secrets.get, { key: 'typed', ...dev, version: '1', reveal: true })).value, '{"a":1}')
})

test('a value that is too large is refused with 413 and its size', async () => {
  await assert.rejects(put('large', 'x'.repeat(64 * 1024 + 1)), { httpStatus: 413, code: 'secret.too_large', message: /65537 bytes/ })
  assert.equal((await put('large', 'x'.repeat(64 * 1024))).version, 1)
})

test('aliases of YAML cannot stand for more than can be held', async () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[i] ?? ''}`).join(',')}]`)].join('\n')
  await assert.rejects(put('bomb', bomb, { type: 'yaml' }), { code: 'secret.bad_value' })
})

const cost = async (work: () => Promise<unknown>): Promise<{ readonly statements: number; readonly roundTrips: number }> => {
  const before = { ...pools.app.counters }
  await work()
  return { statements: pools.app.counters.statements - before.statements, roundTrips: pools.app.counters.roundTrips - before.roundTrips }
}

/** Resolves when this worker has applied everything that was committed before: a confirmed change is answered only then. */
const settled = async (): Promise<void> => {
  await put('settled', 'v')
  await root(secrets.remove, { key: 'settled', ...dev })
}

test('a cold reveal is one statement, a warm one none', async () => {
  await put('cost', 'v')
  await settled()
  const reveal = () => root(secrets.get, { key: 'cost', ...dev, reveal: true })
  assert.deepEqual(await cost(reveal), { statements: 1, roundTrips: 1 })
  assert.deepEqual(await cost(reveal), { statements: 0, roundTrips: 0 })
})

test('a reveal of what is not there is one statement, then none', async () => {
  await settled()
  const reveal = () => assert.rejects(root(secrets.get, { key: 'cost-none', ...dev, reveal: true }), { kind: 'not_found' })
  assert.equal((await cost(reveal)).statements, 1)
  assert.equal((await cost(reveal)).statements, 0)
})

test('a write is two round trips, one when the secret is remembered, a promotion four with the look at its version', async () => {
  await root(secrets.propose, { key: 'cost-write', ...dev, value: 'u' })
  assert.deepEqual(await cost(() => put('cost-write', 'v')), { statements: 2, roundTrips: 2 })
  assert.deepEqual(await cost(() => put('cost-write', 'w')), { statements: 1, roundTrips: 1 })
  await root(secrets.propose, { key: 'cost-write', ...dev, value: 'x' })
  assert.ok((await cost(() => root(secrets.setAlias, { key: 'cost-write', ...dev, version: 4 }))).roundTrips <= 4)
})

test('revealing a whole environment is one statement, however many secrets it has', async () => {
  for (let i = 0; i < 30; i++) await root(secrets.put, { key: `all/n${i}`, environment: 'staging', value: `value ${i}` })
  let read = 0
  assert.deepEqual(await cost(async () => (read = Object.keys((await root(secrets.inject, { environment: 'staging', prefix: 'all' })).variables).length)), { statements: 1, roundTrips: 1 })
  assert.equal(read, 30)
})
