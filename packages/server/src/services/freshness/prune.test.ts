import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { DatabaseTime } from './database-time.ts'
import { WorkerLease } from './lease.ts'
import { pruneFeed } from './prune.ts'
import { orgId } from './testing/rig.ts'
import type { Change } from './changes.ts'

const rig = async (scope: TestScope) => {
  const database = await testDatabase(scope)
  const worker = () => {
    const applied: (Change | 'cleared')[] = []
    const lease = new WorkerLease({
      database: database.app,
      clock: systemClock,
      nodeId: orgId,
      time: new DatabaseTime({ clock: systemClock }),
      sink: { apply: (changes) => applied.push(...changes), clear: () => applied.push('cleared') },
    })
    return { lease, applied }
  }
  return { database, worker }
}

const announce = (database: TestDatabase, key: string) =>
  database.app.query('insert into changes (org_id, kind, key) values ($1, $2, $3)', [orgId, 'register', key])

const age = (database: TestDatabase, workerId: string) =>
  database.superuser.query(`update worker_leases set lease_until = clock_timestamp() - interval '601 seconds' where worker_id = $1`, [workerId])

test('changes go when every worker has applied them', async (t) => {
  const { database, worker } = await rig(t)
  const [quick, slow] = [worker(), worker()]
  await Promise.all([quick.lease.round(true), slow.lease.round(true)])
  await announce(database, 'k')
  await quick.lease.round(true)
  assert.deepEqual(await pruneFeed(database.jobs), { workers: 0, changes: 0 })
  await slow.lease.round(true)
  assert.deepEqual(slow.applied, ['cleared', { orgId, kind: 'register', key: 'k' }])
  assert.deepEqual(await pruneFeed(database.jobs), { workers: 0, changes: 1 })
})

test('a transaction still open keeps its changes from being pruned', async (t) => {
  const { database, worker } = await rig(t)
  const { lease, applied } = worker()
  await lease.round(true)
  const open = await database.app.connect()
  await open.query('begin')
  await open.query('insert into changes (org_id, kind, key) values ($1, $2, $3)', [orgId, 'register', 'open'])
  await lease.round(true)
  await open.query('commit')
  open.release()
  assert.deepEqual(await pruneFeed(database.jobs), { workers: 0, changes: 0 })
  await lease.round(true)
  assert.equal(applied.length, 2)
})

test('while a worker stands at an unknown position nothing goes', async (t) => {
  const { database, worker } = await rig(t)
  const { lease } = worker()
  await lease.round(true)
  await announce(database, 'k')
  await lease.round(true)
  await database.superuser.query(`insert into worker_leases (worker_id, node_id, epoch, lease_until) values (gen_random_uuid(), $1, 1, clock_timestamp())`, [orgId])
  assert.deepEqual(await pruneFeed(database.jobs), { workers: 0, changes: 0 })
})

test('a dead worker is removed after ten minutes; should it live after all, it drops its whole cache', async (t) => {
  const { database, worker } = await rig(t)
  const [living, paused] = [worker(), worker()]
  await Promise.all([living.lease.round(true), paused.lease.round(true)])
  await announce(database, 'k')
  await living.lease.round(true)
  await age(database, paused.lease.workerId)
  const first = await pruneFeed(database.jobs)
  assert.equal(first.workers, 1)
  // A transaction of another test's database holds the position of every worker back while it is open.
  for (let { changes } = first; changes === 0; { changes } = await pruneFeed(database.jobs)) {
    await sleep(20)
    await living.lease.round(true)
  }
  await assert.rejects(paused.lease.round(true), { code: 'freshness.lease_lost' })
  await paused.lease.round(true)
  assert.deepEqual(paused.applied, ['cleared', 'cleared', 'cleared'])
})

test('without workers everything goes', async (t) => {
  const { database } = await rig(t)
  await announce(database, 'k')
  assert.deepEqual(await pruneFeed(database.jobs), { workers: 0, changes: 1 })
})
