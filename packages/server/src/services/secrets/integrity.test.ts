// The database is trusted for availability only: whoever edits a row of a secret is found out, loudly, and reads nothing by it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'
import { tamper } from '../../compose/testing/tamper.ts'

const { root, database, log } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const integrity = { kind: 'internal', code: 'secret.integrity' }
const ofSecret = (key: string): string => `secret_id = (select secret_id from coffer.secrets where path = '${key}')`

await put('s', 'one')
await put('s', 'two')
await put('s', 'three')
await root(secrets.setAlias, { key: 's', ...dev, alias: 'canary', version: 1 })
await root(secrets.setState, { key: 's', ...dev, version: 2, state: 'DISABLED' })
await root(secrets.put, { key: 'other', ...dev, value: 'other' })

const everyRead = [
  () => root(secrets.get, { key: 's', ...dev }),
  () => root(secrets.history, { key: 's', ...dev }),
  () => put('s', 'more'),
  () => root(secrets.inject, { ...dev }),
]

for (const [column, value] of [['type', 'json'], ['last_version', '7'], ['deleted_at', '2026-01-01'], ['revision', '99'], ['mac', '\\x01']] as const) {
  test(`a secret's ${column} edited in SQL is found by every read and by the next write`, async (t) => {
    await tamper(t, database, { table: 'secrets', where: "path = 's'", column, value })
    for (const read of everyRead.slice(0, 3)) await assert.rejects(read(), integrity)
    await assert.rejects(root(secrets.list, { ...dev, deleted: column === 'deleted_at' }), integrity)
  })
}

for (const [column, value, at] of [['path', 'moved', { key: 'moved', ...dev }], ['environment', 'prod', { key: 's', environment: 'prod' }]] as const) {
  test(`a secret's ${column} edited in SQL does not move it`, async (t) => {
    await tamper(t, database, { table: 'secrets', where: "path = 's'", column, value })
    await assert.rejects(root(secrets.get, { ...at, reveal: true }), integrity)
    await assert.rejects(root(secrets.list, { environment: at.environment }), integrity)
  })
}

for (const [column, value] of [['type', 'json'], ['state', 'PENDING'], ['fingerprint', 'f'.repeat(64)], ['created_at', '2020-01-01'], ['expires_at', '2199-01-01'], ['deleted_at', '2199-01-01'], ['row_version', '1'], ['mac', '\\x01']] as const) {
  test(`a version's ${column} edited in SQL is found`, async (t) => {
    await tamper(t, database, { table: 'secret_versions', where: `version = 3 and ${ofSecret('s')}`, column, value })
    for (const read of everyRead) await assert.rejects(read(), integrity)
    await assert.rejects(root(secrets.setState, { key: 's', ...dev, version: 3, state: 'DISABLED', force: true }), integrity)
  })
}

test('a disabled version enabled in SQL stays out of reach', async (t) => {
  await tamper(t, database, { table: 'secret_versions', where: `version = 2 and ${ofSecret('s')}`, column: 'state', value: 'ACTIVE' })
  await assert.rejects(root(secrets.get, { key: 's', ...dev, version: '2', reveal: true }), integrity)
})

for (const [column, value] of [['version', '1'], ['row_version', '1'], ['mac', '\\x01']] as const) {
  test(`an alias's ${column} edited in SQL is found`, async (t) => {
    await tamper(t, database, { table: 'secret_aliases', where: `alias = 'current' and ${ofSecret('s')}`, column, value })
    for (const read of everyRead) await assert.rejects(read(), integrity)
    await assert.rejects(root(secrets.list, { ...dev }), integrity)
  })
}

test('an alias renamed in SQL is found', async (t) => {
  await tamper(t, database, { table: 'secret_aliases', where: `alias = 'canary' and ${ofSecret('s')}`, column: 'alias', value: 'stable' })
  await assert.rejects(root(secrets.get, { key: 's', ...dev, alias: 'stable', reveal: true }), integrity)
})

for (const [from, name] of [[`version = 1 and ${ofSecret('s')}`, 'version'], [ofSecret('other'), 'secret']] as const) {
  for (const column of ['ciphertext', 'wrapped_dek']) {
    test(`the ${column} of another ${name} does not open here`, async (t) => {
      const { rows } = await database.superuser.query<{ text: string }>(`select ${column}::text as text from coffer.secret_versions where ${from}`)
      await tamper(t, database, { table: 'secret_versions', where: `version = 3 and ${ofSecret('s')}`, column, value: rows[0]?.text ?? '' })
      await assert.rejects(root(secrets.get, { key: 's', ...dev, version: '3', reveal: true }), { kind: 'internal' })
      await assert.rejects(root(secrets.inject, { ...dev }), { kind: 'internal' })
    })
  }
}

test('a secret whose current version is damaged can still be looked at and written anew', async (t) => {
  await put('damaged', 'one')
  await tamper(t, database, { table: 'secret_versions', where: ofSecret('damaged'), column: 'wrapped_dek', value: `\\x01${'00'.repeat(60)}` })
  await assert.rejects(root(secrets.get, { key: 'damaged', ...dev, reveal: true }), { kind: 'internal' })
  assert.equal((await root(secrets.history, { key: 'damaged', ...dev })).items.length, 1)
  assert.equal((await put('damaged', 'two')).version, 2)
  assert.equal((await root(secrets.get, { key: 'damaged', ...dev, reveal: true })).value, 'two')
})

test('a damaged ciphertext says so, by path and version, and is told to the operators', async (t) => {
  await tamper(t, database, { table: 'secret_versions', where: `version = 1 and ${ofSecret('s')}`, column: 'ciphertext', value: `\\x01${'00'.repeat(40)}` })
  await assert.rejects(root(secrets.get, { key: 's', ...dev, version: '1', reveal: true }), { kind: 'internal', code: 'secret.undecryptable', message: /"s" version 1/ })
  assert.ok(log.some((line) => line.includes('integrity check failed') && line.includes('ciphertext of version 1')))
})

test('none of this says anything of a value', () => {
  for (const line of log) assert.ok(!/three|"one"|"two"/.test(line), line)
})

test('everything reads again once the rows are as they were', async () => {
  assert.equal((await root(secrets.get, { key: 's', ...dev, reveal: true })).value, 'three')
  assert.equal((await put('s', 'four')).version, 4)
})
