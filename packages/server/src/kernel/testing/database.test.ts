import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase } from './database.ts'

test('a test database is migrated and has a pool for each role', async (t) => {
  const database = await testDatabase(t)
  for (const [pool, role] of [[database.app, 'coffer_app'], [database.jobs, 'coffer_jobs'], [database.audit, 'coffer_audit'], [database.superuser, 'postgres']] as const) {
    const { rows } = await pool.query<{ name: string }>('select current_user::text as name')
    assert.equal(rows[0]?.name, role)
  }
  const { rows } = await database.superuser.query<{ number: number }>('select max(number) as number from schema_migrations')
  assert.ok((rows[0]?.number ?? 0) >= 1)
})

test('two test databases share nothing', async (t) => {
  const [one, two] = await Promise.all([testDatabase(t), testDatabase(t)])
  assert.notEqual(one.name, two.name)
  await one.superuser.query('create table only_here (id int)')
  const { rows } = await two.superuser.query<{ found: string | null }>(`select to_regclass('coffer.only_here')::text as found`)
  assert.deepEqual(rows, [{ found: null }])
})

test('a database is gone after its test', async (t) => {
  const other = await testDatabase(t)
  let name = ''
  await t.test('the inner one', async (inner) => {
    name = (await testDatabase(inner)).name
  })
  const { rows } = await other.superuser.query('select datname from pg_database where datname = $1', [name])
  assert.deepEqual(rows, [])
})
