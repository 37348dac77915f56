import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { ChangeFeed } from './feed.ts'
import { isVisible, parseXid } from './snapshot.ts'
import { orgId } from './testing/rig.ts'
import type { Queryable } from '../../kernel/storage.ts'

const announce = async (on: Queryable, key: string): Promise<string> => {
  const { rows } = await on.query<{ xid: string }>('insert into changes (org_id, kind, key) values ($1, $2, $3) returning xid::text as xid', [orgId, 'register', key])
  return rows[0]?.xid ?? ''
}

/** Reads and moves on, as a round does. */
const follow = async (feed: ChangeFeed): Promise<string[] | 'everything'> => {
  const batch = await feed.read()
  feed.advance(batch)
  return batch.changes === 'everything' ? 'everything' : batch.changes.map(({ key }) => key).toSorted()
}

const started = async (scope: TestScope): Promise<{ database: TestDatabase; feed: ChangeFeed }> => {
  const database = await testDatabase(scope)
  const feed = new ChangeFeed(database.app)
  assert.equal(await follow(feed), 'everything')
  return { database, feed }
}

test('the first read has no past; then every change is seen, of every organization', async (t) => {
  const { database, feed } = await started(t)
  assert.deepEqual(await follow(feed), [])
  await announce(database.app, 'a')
  await database.app.query('insert into changes (org_id, kind, key) values ($1, $2, $3)', ['018f0000-0000-7000-8000-00000000ffff', 'register', 'b'])
  await announce(database.app, 'a')
  assert.deepEqual(await follow(feed), ['a', 'b'])
  assert.deepEqual(await follow(feed), [])
})

test('a read that was not recorded is read again', async (t) => {
  const { database, feed } = await started(t)
  await announce(database.app, 'a')
  assert.equal((await feed.read()).changes.length, 1)
  assert.deepEqual(await follow(feed), ['a'])
})

test('a transaction that commits late is seen though later ones were read before it', async (t) => {
  const { database, feed } = await started(t)
  const late = await database.app.connect()
  await late.query('begin')
  const xid = await announce(late, 'late')
  await announce(database.app, 'early')
  const before = await feed.read()
  assert.equal(isVisible(parseXid(xid), before.snapshot), false)
  assert.deepEqual(await follow(feed), ['early'])
  await announce(database.app, 'middle')
  assert.deepEqual(await follow(feed), ['middle'])
  await late.query('commit')
  late.release()
  const after = await feed.read()
  assert.equal(isVisible(parseXid(xid), after.snapshot), true)
  assert.deepEqual(await follow(feed), ['late'])
})

test('a transaction that holds xmin back does not bring the same changes again', async (t) => {
  const { database, feed } = await started(t)
  const holder = await database.superuser.connect()
  await holder.query('begin')
  await holder.query('select pg_current_xact_id()')
  for (const key of ['a', 'b', 'c']) {
    await announce(database.app, key)
    assert.deepEqual(await follow(feed), [key])
  }
  await holder.query('rollback')
  holder.release()
  assert.deepEqual(await follow(feed), [])
})

test('what was rolled back, by itself or to a savepoint, is not seen', async (t) => {
  const { database, feed } = await started(t)
  const connection = await database.app.connect()
  await connection.query('begin')
  await announce(connection, 'kept')
  await connection.query('savepoint s')
  await announce(connection, 'undone')
  await connection.query('rollback to s')
  await connection.query('commit')
  await connection.query('begin')
  await announce(connection, 'gone')
  await connection.query('rollback')
  connection.release()
  assert.deepEqual(await follow(feed), ['kept'])
})

test('a change announced inside a savepoint carries the id of the whole transaction', async (t) => {
  const { database, feed } = await started(t)
  const connection = await database.app.connect()
  await connection.query('begin; savepoint s')
  const xid = await announce(connection, 'inner')
  await connection.query('release s')
  await follow(feed)
  await connection.query('commit')
  connection.release()
  const batch = await feed.read()
  assert.ok(isVisible(parseXid(xid), batch.snapshot))
  assert.deepEqual(await follow(feed), ['inner'])
})

test('too many changes at once are everything', async (t) => {
  const { database, feed } = await started(t)
  await database.app.query(`insert into changes (org_id, kind, key) select $1, 'register', n::text from generate_series(1, 20001) as n`, [orgId])
  assert.equal(await follow(feed), 'everything')
  assert.deepEqual(await follow(feed), [])
})

test('a database whose transaction ids go back is another history', async (t) => {
  const { database, feed } = await started(t)
  const batch = await feed.read()
  assert.equal(batch.broken, false)
  const { snapshot } = batch
  feed.advance({ ...batch, snapshot: { ...snapshot, xmax: snapshot.xmax + 1_000_000n } })
  assert.equal((await feed.read()).broken, true)
  feed.advance({ ...batch, timeline: '0000000A' })
  const promoted = await feed.read()
  assert.deepEqual([promoted.broken, promoted.changes], [true, 'everything'])
  assert.equal(await announce(database.app, 'x').then(() => follow(feed)), 'everything')
})
