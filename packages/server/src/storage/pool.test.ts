import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { testDatabase } from '../kernel/testing/database.ts'
import { isUniqueViolation, sqlstateOf } from '../kernel/storage.ts'
import { Pool } from './pool.ts'

const canary = 'canary-7f3a9c-value'
const database = await testDatabase({ after })
await database.superuser.query('create table unique_names (name text primary key, n int not null); grant select, insert on unique_names to coffer_app')

test('values arrive as the types that callers count on', async () => {
  const { rows } = await database.app.query(
    `select 7::int8 as small, 9007199254740993::int8 as large, array[1, 9007199254740993, null]::int8[] as several, array[]::int8[] as none,
       $1::bytea as bytes, '2026-01-02T03:04:05.678Z'::timestamptz as at, 1.50::numeric as exact, '{"a":[1]}'::jsonb as json, null::text as nothing`,
    [Buffer.from([0, 255, 1])],
  )
  assert.deepEqual(rows, [
    {
      small: 7,
      large: 9007199254740993n,
      several: [1, 9007199254740993n, null],
      none: [],
      bytes: Buffer.from([0, 255, 1]),
      at: new Date('2026-01-02T03:04:05.678Z'),
      exact: '1.50',
      json: { a: [1] },
      nothing: null,
    },
  ])
})

test('the outcome of a write is counted', async () => {
  const { rows, count } = await database.app.query(`insert into unique_names values ('a', 1), ('b', 2)`)
  assert.deepEqual([rows, count], [[], 2])
})

test('a named statement is prepared once per connection', async () => {
  const pool = new Pool(database.settingsFor('coffer_app'), { max: 1 })
  for (let n = 0; n < 5; n += 1) await pool.query('select $1::int as n', [n], { name: 'test.echo' })
  const { rows } = await pool.query<{ uses: number }>(`select generic_plans + custom_plans as uses from pg_prepared_statements where name = 'test.echo'`)
  assert.deepEqual(rows, [{ uses: 5 }])
  await pool.close()
})

test('a unique violation names its constraint and never the row, its values or the statement', async () => {
  const insert = (): Promise<unknown> => database.app.query('insert into unique_names values ($1, 1)', [canary])
  await insert()
  await assert.rejects(insert(), (error: unknown) => {
    assert.equal(isUniqueViolation(error), true)
    assert.equal(isUniqueViolation(error, 'unique_names_pkey'), true)
    assert.equal(isUniqueViolation(error, 'another'), false)
    const everything = inspect(error, { depth: 10, showHidden: true })
    assert.doesNotMatch(everything, new RegExp(canary))
    assert.doesNotMatch(everything, /insert into/)
    return true
  })
})

test('no refusal quotes what was sent', async () => {
  for (const [text, values, state] of [
    ['select $1::uuid', [canary], '22P02'],
    ['select * from "canary-7f3a9c-value"', [], '42P01'],
    ['insert into unique_names values ($1, null)', [canary], '23502'],
    [`select '${canary}`, [], '42601'],
  ] as const) {
    await assert.rejects(database.app.query(text, values), (error: Error & { kind?: string }) => {
      assert.equal(error.kind, 'internal')
      assert.equal(sqlstateOf(error), state)
      assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), new RegExp(canary))
      return true
    })
  }
})

test('what our own SQL functions raise comes through with its code', async () => {
  const raise = `do $$ begin raise exception 'gone' using errcode = 'CF001'; end $$`
  await assert.rejects(database.app.query(raise), (error: Error & { cause?: { raised?: string } }) => sqlstateOf(error) === 'CF001' && error.cause?.raised === 'gone')
})

test('text that PostgreSQL cannot hold is the caller\'s mistake', async () => {
  await assert.rejects(database.app.query('select $1::text', ['a\0b']), { kind: 'invalid_request', code: 'request.bad_character' })
  await assert.rejects(database.app.query('select ($1::jsonb)->>0', [JSON.stringify(['a\0b'])]), { kind: 'invalid_request' })
})

test('a statement that takes too long is given up', async () => {
  const pool = new Pool(database.settingsFor('coffer_app'), { statementTimeoutMs: 50 })
  await assert.rejects(pool.query('select pg_sleep(30)'), { kind: 'unavailable', code: 'storage.statement_timeout' })
  assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }])
  await pool.close()
})

test('a database that is not there is unavailable', async () => {
  for (const settings of [
    { ...database.settingsFor('coffer_app'), host: '/nowhere' },
    { host: '127.0.0.1', port: 1, database: 'x', user: 'x', password: canary },
  ]) {
    const pool = new Pool(settings)
    await assert.rejects(pool.query('select 1'), (error: Error & { kind?: string }) => error.kind === 'unavailable' && !inspect(error, { depth: 10 }).includes(canary))
    await pool.close()
  }
})

test('a connection that the server ends fails its statement; the next one works', async () => {
  const pool = new Pool(database.settingsFor('postgres'), { max: 1 })
  await assert.rejects(pool.query('select pg_terminate_backend(pg_backend_pid())'), { kind: 'unavailable' })
  assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }])
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  await database.superuser.query('select pg_terminate_backend($1)', [rows[0]?.pid ?? 0]) // while idle
  for (let tries = 0; pool.idle > 0 && tries < 500; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }])
  await pool.close()
})

test('a pool assumes the role that it is told to', async () => {
  const pool = new Pool({ ...database.settingsFor('postgres'), assumeRole: 'coffer_audit' })
  assert.deepEqual((await pool.query('select current_user::text as now')).rows, [{ now: 'coffer_audit' }])
  await pool.close()
  assert.throws(() => new Pool({ ...database.settingsFor('postgres'), assumeRole: 'a -c fsync=off' }), TypeError)
})

test('the environment of the process decides nothing about connections', async (t) => {
  const settings = database.settingsFor('coffer_app')
  process.env['PGOPTIONS'] = '-c statement_timeout=1'
  process.env['PGUSER'] = 'somebody'
  t.after(() => {
    delete process.env['PGOPTIONS']
    delete process.env['PGUSER']
  })
  const pool = new Pool(settings)
  const { rows } = await pool.query(`select current_user::text as who, current_setting('statement_timeout') as timeout`)
  assert.deepEqual(rows, [{ who: 'coffer_app', timeout: '30s' }])
  await pool.close()
})

test('a connection that stays silent is given up, and so is what waits behind it', async (t) => {
  const pool = new Pool(database.settingsFor('coffer_app'), { max: 1, silenceMs: 200 })
  t.after(() => pool.close())
  await assert.rejects(pool.query('select pg_sleep(30)'), { kind: 'unavailable', code: 'storage.unavailable' })
  await assert.rejects(pool.transaction(null, (tx) => tx.query('select pg_sleep(30)')), { kind: 'unavailable' })
  assert.equal((await pool.query<{ n: number }>('select 1 as n')).rows[0]?.n, 1)
})

test('a change whose answer is lost may have been made, and one that found no connection was not', async (t) => {
  const pool = new Pool(database.settingsFor('coffer_app'), { max: 1, silenceMs: 200, connectTimeoutMs: 100 })
  t.after(() => pool.close())
  await assert.rejects(pool.query('select pg_sleep(30)', [], { commits: true }), { kind: 'unavailable', code: 'storage.commit_unknown', message: /may have been made/ })
  const busy = await pool.connect()
  await assert.rejects(pool.query('select 1', [], { commits: true }), { kind: 'unavailable', code: 'storage.unavailable', message: /cannot be reached/ })
  busy.release()
  await assert.rejects(pool.query('select 1/0', [], { commits: true }), { code: 'storage.statement_refused' })
  const { statements, roundTrips } = { ...pool.counters }
  assert.deepEqual((await pool.query<{ n: number }>('select 1 as n', [], { commits: true })).rows, [{ n: 1 }])
  assert.deepEqual([pool.counters.statements - statements, pool.counters.roundTrips - roundTrips], [1, 1])
})
