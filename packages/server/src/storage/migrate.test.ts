import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '../kernel/testing/database.ts'
import { checkSchema, loadMigrations, migrate, type Migration } from './migrate.ts'
import { Pool } from './pool.ts'

const files = {
  '0001-first.sql': 'create schema coffer authorization coffer_owner; set local role coffer_owner; create table coffer.one (n int); insert into coffer.one values (1);',
  '0002-second.sql': 'set local role coffer_owner; alter table coffer.one add column m int default 2;',
  '0003-third.sql': 'set local role coffer_owner; create table coffer.three (n int);',
}

const load = async (t: TestContext, contents: Record<string, string>): Promise<readonly Migration[]> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-migrations-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  for (const [name, sql] of Object.entries(contents)) await writeFile(join(directory, name), sql)
  return loadMigrations(directory)
}

test('migrations run once, in order, and objects belong to the owner role', async (t) => {
  const { migrator, superuser } = await testDatabase(t, { empty: true })
  const all = await load(t, files)
  assert.deepEqual(await migrate(migrator, all.slice(0, 1)), [1])
  assert.deepEqual(await migrate(migrator, all), [2, 3])
  assert.deepEqual(await migrate(migrator, all), [])
  assert.deepEqual((await superuser.query('select n, m from one')).rows, [{ n: 1, m: 2 }])
  const { rows } = await superuser.query(`select distinct pg_get_userbyid(relowner)::text as owner from pg_class where relnamespace = 'coffer'::regnamespace`)
  assert.deepEqual(rows, [{ owner: 'coffer_owner' }])
})

test('two servers that migrate at once apply each file once', async (t) => {
  const { settingsFor, migrator } = await testDatabase(t, { empty: true })
  const all = await loadMigrations()
  const others = [1, 2, 3].map(() => new Pool(settingsFor('coffer_migrator')))
  const applied = await Promise.all(others.map((pool) => migrate(pool, all)))
  assert.deepEqual(applied.flat().sort((a, b) => a - b), all.map(({ number }) => number))
  for (const pool of others) await pool.close()
  await checkSchema(migrator, all)
})

test('a migration that fails leaves nothing of itself, and those before it stay', async (t) => {
  const { migrator, superuser } = await testDatabase(t, { empty: true })
  const broken = await load(t, { ...files, '0003-third.sql': 'create table coffer.half (n int); select nonsense;' })
  await assert.rejects(migrate(migrator, broken), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'storage.migration_failed')
    assert.match(error.message, /Migration 3 \(third\) failed and was rolled back \(SQLSTATE 42703\)/)
    return true
  })
  assert.deepEqual((await superuser.query(`select to_regclass('coffer.half')::text as half, (select max(number) from schema_migrations) as number`)).rows, [{ half: null, number: 2 }])
  assert.deepEqual(await migrate(migrator, await load(t, files)), [3])
})

test('a changed file is refused, by migrating and non-migrating servers', async (t) => {
  const { migrator } = await testDatabase(t, { empty: true })
  await migrate(migrator, await load(t, files))
  const changed = await load(t, { ...files, '0002-second.sql': `${files['0002-second.sql']} ` })
  await assert.rejects(migrate(migrator, changed), { code: 'storage.migration_changed' })
  await assert.rejects(checkSchema(migrator, changed), { code: 'storage.migration_changed' })
})

test('a schema newer than known is refused, as is one more than a version behind', async (t) => {
  const { migrator, app } = await testDatabase(t, { empty: true })
  const all = await load(t, files)
  await assert.rejects(checkSchema(migrator, all), { code: 'storage.schema_too_old' })
  await migrate(migrator, all.slice(0, 1))
  await assert.rejects(checkSchema(migrator, all), { code: 'storage.schema_too_old' })
  await checkSchema(migrator, all.slice(0, 2))
  await migrate(migrator, all)
  await checkSchema(migrator, all)
  await assert.rejects(checkSchema(migrator, all.slice(0, 2)), { code: 'storage.schema_too_new' })
  await assert.rejects(migrate(migrator, all.slice(0, 2)), { code: 'storage.schema_too_new' })
  await assert.rejects(checkSchema(app, all), { kind: 'internal' }, 'this little schema grants the app role nothing')
})

test('a migration waits for a table that is busy, and goes on when it is free', async (t) => {
  const { migrator, superuser } = await testDatabase(t, { empty: true })
  const all = await load(t, files)
  await migrate(migrator, all.slice(0, 1))
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let held = (): void => undefined
  const holding = new Promise<void>((resolve) => (held = resolve))
  const busy = superuser.transaction(null, async (transaction) => {
    await transaction.query('lock table one in access share mode')
    held()
    await released
  })
  await holding
  const running = migrate(migrator, all)
  for (let polls = 0; polls < 1_000; polls += 1) {
    const { rows } = await superuser.query<{ waiting: number }>(`select count(*) as waiting from pg_locks where not granted`)
    if (rows[0]?.waiting !== 0) break
  }
  release()
  await busy
  assert.deepEqual(await running, [2, 3])
})

test('names are ordered without gaps', async (t) => {
  for (const contents of [{ '0002-x.sql': '' }, { '0001-x.sql': '', '0003-y.sql': '' }, { '0001_x.sql': '' }, { '0001-x.sql': '', '0001-y.sql': '' }]) {
    await assert.rejects(load(t, contents), { code: 'storage.bad_migration_name' })
  }
})
