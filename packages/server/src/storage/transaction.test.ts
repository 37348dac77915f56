import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testDatabase } from '../kernel/testing/database.ts'
import { sqlstateOf, type Transaction } from '../kernel/storage.ts'
import { Pool } from './pool.ts'

const org = '01890000-0000-7000-8000-000000000001'
const database = await testDatabase({ after })
await database.superuser.query('create table counted (id int primary key, n int not null); insert into counted values (1, 0), (2, 0); grant select, insert, update on counted to coffer_app')

const currentOrg = async (on: Transaction | Pool): Promise<string | null | undefined> =>
  (await on.query<{ org: string | null }>(`select current_setting('coffer.org', true) as org`)).rows[0]?.org

test('the organization holds inside the transaction and is gone after it', async () => {
  const pool = new Pool(database.settingsFor('coffer_app'), { max: 1 })
  assert.equal(await pool.transaction(org, currentOrg), org)
  assert.equal(await currentOrg(pool), '')
  await assert.rejects(pool.transaction(org, () => Promise.reject(new Error('changed my mind'))), /changed my mind/)
  assert.equal(await currentOrg(pool), '')
  await pool.close()
})

test('an organization that is not an id never reaches the database', async () => {
  await assert.rejects(database.app.transaction(`x', true); drop table counted; --`, currentOrg), { code: 'storage.bad_organization' })
})

test('what fails is rolled back whole', async () => {
  await assert.rejects(
    database.app.transaction(org, async (transaction) => {
      await transaction.query('insert into counted values (10, 1)')
      throw new Error('no')
    }),
  )
  assert.equal((await database.app.query('select from counted where id = 10')).count, 0)
})

test('a swallowed failure of a statement does not pass for a commit', async () => {
  const work = database.app.transaction(org, async (transaction) => {
    await transaction.query('insert into counted values (11, 1)')
    await transaction.query('select 1 / 0').catch(() => undefined)
  })
  await assert.rejects(work, { code: 'storage.not_committed' })
  assert.equal((await database.app.query('select from counted where id = 11')).count, 0)
})

test('a transaction of one statement takes two round trips, of several that do not wait no more', async () => {
  const start = { ...database.app.counters }
  await database.app.transaction(org, (transaction) => transaction.query('update counted set n = n where id = 1'))
  assert.equal(database.app.counters.roundTrips - start.roundTrips, 2)
  await database.app.transaction(org, (transaction) => Promise.all([1, 2, 3].map((n) => transaction.query('select $1::int', [n]))))
  assert.equal(database.app.counters.roundTrips - start.roundTrips, 4)
  await database.app.query('select 1')
  assert.equal(database.app.counters.roundTrips - start.roundTrips, 5)
})

/** Resolves for everybody once `count` have come; later comers pass. */
const gate = (count: number): (() => Promise<void>) => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  let missing = count
  return () => {
    if ((missing -= 1) === 0) open()
    return opened
  }
}

test('the loser of a serialization conflict runs again', async () => {
  const bothHaveRead = gate(2)
  const increment = (): Promise<unknown> =>
    database.app.transaction(org, async (transaction) => {
      const { rows } = await transaction.query<{ n: number }>('select n from counted where id = 1')
      await bothHaveRead()
      await transaction.query('update counted set n = $1 where id = 1', [(rows[0]?.n ?? 0) + 1])
    }, { isolation: 'serializable' })
  const start = database.app.counters.retries
  await Promise.all([increment(), increment()])
  assert.deepEqual((await database.app.query('select n from counted where id = 1')).rows, [{ n: 2 }])
  assert.equal(database.app.counters.retries - start, 1)
})

test('the victim of a deadlock runs again', async () => {
  let runs = 0
  const bothHoldOne = gate(2)
  const crossing = (order: readonly [number, number]): Promise<unknown> =>
    database.app.transaction(org, async (transaction) => {
      runs += 1
      await transaction.query('update counted set n = n + 1 where id = $1', [order[0]])
      await bothHoldOne()
      await transaction.query('update counted set n = n + 1 where id = $1', [order[1]])
    })
  const { rows: before } = await database.app.query<{ n: number }>('select sum(n) as n from counted where id < 3')
  await Promise.all([crossing([1, 2]), crossing([2, 1])])
  const { rows } = await database.app.query<{ n: number }>('select sum(n) as n from counted where id < 3')
  assert.equal(Number(rows[0]?.n) - Number(before[0]?.n), 4)
  assert.equal(runs, 3)
})

test('a conflict that never ends is reported as one', async () => {
  let runs = 0
  const work = database.app.transaction(org, async (transaction) => {
    runs += 1
    await transaction.query(`do $$ begin raise exception 'x' using errcode = '40001'; end $$`)
  })
  await assert.rejects(work, (error: Error & { kind?: string }) => error.kind === 'unavailable' && sqlstateOf(error) === '40001')
  assert.equal(runs, 5)
})

test('a connection lost at commit is an unknown outcome, not a failure and not retried', async () => {
  await database.superuser.query(`
    create function die() returns trigger language plpgsql security definer as $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
    create table fatal (n int); grant insert on fatal to coffer_app;
    create constraint trigger die after insert on fatal deferrable initially deferred for each row execute function die()`)
  let runs = 0
  const work = database.app.transaction(org, async (transaction) => {
    runs += 1
    await transaction.query('insert into fatal values (1)')
  })
  await assert.rejects(work, { kind: 'unavailable', code: 'storage.commit_unknown' })
  assert.equal(runs, 1)
})

test('a transaction cannot be used after its end, and a read-only one cannot write', async () => {
  let kept: Transaction | undefined
  await database.app.transaction(org, async (transaction) => {
    kept = transaction
  })
  await assert.rejects(kept?.query('select 1') ?? Promise.resolve(), { code: 'storage.transaction_over' })
  await assert.rejects(database.app.transaction(org, (transaction) => transaction.query('update counted set n = 0'), { readOnly: true }), (error) => sqlstateOf(error) === '25006')
})

test('failed transactions give their connections back', async () => {
  const pool = new Pool(database.settingsFor('postgres'), { max: 1 })
  for (let n = 0; n < 5; n += 1) await assert.rejects(pool.transaction(org, (transaction) => transaction.query('select nonsense')))
  await assert.rejects(pool.transaction(org, (transaction) => transaction.query('select pg_terminate_backend(pg_backend_pid())')), { kind: 'unavailable' })
  assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }])
  await pool.close()
})
