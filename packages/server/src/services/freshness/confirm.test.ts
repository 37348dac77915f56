import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { listen } from '../../storage/listen.ts'
import { Confirmer } from './confirm.ts'
import { DatabaseTime } from './database-time.ts'
import { WorkerLease } from './lease.ts'
import { changesChannel } from './notifier.ts'
import { Meddled } from './testing/meddled.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { createRegisters, deaf, makeWorker, orgId, writeRegister, type TestWorker } from './testing/rig.ts'

const clock = systemClock

const rig = async (scope: TestScope) => {
  const database = await testDatabase(scope)
  await createRegisters(database.superuser, ['k'])
  return database
}

/** With time limits, because what is tested here waits. */
const scenario = (name: string, run: (scope: TestScope) => Promise<void>): void => void test(name, { timeout: 30_000 }, (t) => run(lastFirst(t)))

const startWorker = async (scope: TestScope, database: TestDatabase, hearing = true): Promise<TestWorker> => {
  const hear = (onWake: () => void) => listen(database.settingsFor('coffer_app'), { channel: changesChannel, onWake })
  const worker = makeWorker({ database: database.app, listen: hearing ? hear : deaf })
  await worker.freshness.start()
  scope.after(() => worker.freshness.close())
  return worker
}

/** A worker that took a lease and then does nothing, as one does whose event loop is blocked. */
const idleLease = async (database: TestDatabase): Promise<WorkerLease> => {
  const lease = new WorkerLease({ database: database.app, clock, nodeId: orgId, time: new DatabaseTime({ clock }), sink: { apply: () => undefined, clear: () => undefined } })
  await lease.round(true)
  return lease
}

/** A confirmer that has known the database's clock for long enough to believe it. */
const confirmer = async (database: TestDatabase) => {
  const meddled = new Meddled(database.app)
  const time = new DatabaseTime({ clock })
  const { rows } = await database.app.query<{ now: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as now')
  const at = clock.monotonic()
  time.observe({ sentMs: at - 50, receivedMs: at, databaseMs: rows[0]?.now ?? 0 })
  return { meddled, time, confirmer: new Confirmer({ database: meddled, clock, time, wake: async () => undefined }) }
}

scenario('after the answer every worker serves the new value, from its cache again soon', async (t) => {
  const database = await rig(t)
  const workers = [await startWorker(t, database), await startWorker(t, database), await startWorker(t, database)]
  for (let round = 1; round <= 20; round += 1) {
    for (const worker of workers) await worker.read('k')
    const value = await workers[round % 3]?.revoke('k')
    for (const worker of workers) {
      const peeked = worker.registers.peek('k')
      assert.ok(peeked === undefined || peeked === value)
      assert.equal(await worker.read('k'), value)
      assert.equal(worker.registers.peek('k'), value)
    }
  }
  assert.deepEqual(workers.flatMap(({ failures }) => failures), [])
})

scenario('wake-ups that are lost delay the answer and do not fail it', async (t) => {
  const database = await rig(t)
  const workers = [await startWorker(t, database), await startWorker(t, database, false)]
  await Promise.all(workers.map((worker) => worker.read('k')))
  const value = await workers[0]?.revoke('k')
  assert.equal(await workers[1]?.read('k'), value)
})

scenario('many revocations at once are confirmed together', async (t) => {
  const database = await rig(t)
  const workers = [await startWorker(t, database), await startWorker(t, database)] as const
  const values = await Promise.all(Array.from({ length: 50 }, (_, n) => workers[n % 2 === 0 ? 0 : 1].revoke('k')))
  for (const worker of workers) assert.equal(await worker.read('k'), Math.max(...values))
  assert.equal(workers[0].freshness.state().confirmsWaiting, 0)
})

scenario('a transaction that holds xmin back delays nothing', async (t) => {
  const database = await rig(t)
  const workers = [await startWorker(t, database), await startWorker(t, database)]
  const holder = await database.superuser.connect()
  await holder.query('begin isolation level repeatable read; select pg_current_xact_id()')
  for (let n = 0; n < 5; n += 1) {
    const value = await workers[0]?.revoke('k', 1_500)
    assert.equal(await workers[1]?.read('k'), value)
  }
  await holder.query('rollback')
  holder.release()
})

scenario('it waits out the lease of a worker that does not follow', async (t) => {
  const database = await rig(t)
  const { confirmer: asking } = await confirmer(database)
  const idle = await idleLease(database)
  const { xid } = await writeRegister(database.app, 'k')
  await asking.confirm(xid)
  assert.equal(idle.usable(), false)
})

scenario('a worker that has a row but no snapshot counts as one that has not followed', async (t) => {
  const database = await rig(t)
  const { confirmer: asking } = await confirmer(database)
  const { xid } = await writeRegister(database.app, 'k')
  await database.superuser.query(`insert into worker_leases (worker_id, node_id, epoch, lease_until) values (gen_random_uuid(), $1, 1, clock_timestamp() + interval '1 hour')`, [orgId])
  await assert.rejects(asking.confirm(xid, { timeoutMs: 300 }), { code: 'freshness.unconfirmed', kind: 'unavailable' })
  assert.equal(asking.waiting, 0)
})

scenario('without workers, or with workers that have all seen it, it answers', async (t) => {
  const database = await rig(t)
  const { confirmer: asking } = await confirmer(database)
  const { xid } = await writeRegister(database.app, 'k')
  await asking.confirm(xid, { timeoutMs: 2_000 })
  const idle = await idleLease(database)
  await asking.confirm(xid, { timeoutMs: 2_000 })
  await idle.close()
})

scenario('a database that cannot be asked leaves it unconfirmed', async (t) => {
  const database = await rig(t)
  const { confirmer: asking, meddled } = await confirmer(database)
  meddled.before = () => {
    throw new Error('away')
  }
  await assert.rejects(asking.confirm('100', { timeoutMs: 300 }), { code: 'freshness.unconfirmed' })
})

scenario('the database clock stepping ahead ends no lease early', async (t) => {
  const database = await rig(t)
  const { confirmer: asking, meddled, time } = await confirmer(database)
  await sleep(2_300)
  const idle = await idleLease(database)
  const { xid } = await writeRegister(database.app, 'k')
  meddled.rewrite = (text) => text.replaceAll('clock_timestamp()', `(clock_timestamp() + interval '1 hour')`)
  await asking.confirm(xid)
  assert.equal(idle.usable(), false)
  assert.equal(time.suspect, true)
})

scenario('after a promotion nothing in the table counts until the leases of before have ended', async (t) => {
  const database = await rig(t)
  const { confirmer: asking, meddled } = await confirmer(database)
  const idle = await idleLease(database)
  const { xid } = await writeRegister(database.app, 'k')
  // The new primary gives out an id again that this worker, following the old one, has seen.
  await database.superuser.query(`update worker_leases set applied_snapshot = '1000000:1000000:'`)
  meddled.rewrite = (text) => text.replace('substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)', `'00000002'`)
  await asking.confirm(xid)
  assert.equal(idle.usable(), false)
})

scenario('a look that was sent before somebody began to wait says nothing to them', async (t) => {
  const database = await rig(t)
  const { confirmer: asking, meddled } = await confirmer(database)
  const first = await writeRegister(database.app, 'k')
  let release: () => void = () => undefined
  const looked = new Promise<void>((resolve) => {
    meddled.after = () => {
      resolve()
      return new Promise<void>((open) => (release = open))
    }
  })
  const answered: string[] = []
  const one = asking.confirm(first.xid).then(() => answered.push('first'))
  await looked
  const idle = await idleLease(database)
  const second = await writeRegister(database.app, 'k')
  const two = asking.confirm(second.xid).then(() => answered.push(`second ${idle.usable()}`))
  meddled.after = () => undefined
  release()
  await Promise.all([one, two])
  assert.deepEqual(answered, ['first', 'second false'])
})

scenario('what is not a transaction id is refused at once', async (t) => {
  const { confirmer: asking } = await confirmer(await rig(t))
  assert.throws(() => asking.confirm('no'), TypeError)
})
