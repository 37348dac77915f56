import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../lib/clock.ts'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { DatabaseTime } from './database-time.ts'
import { WorkerLease } from './lease.ts'
import { Meddled } from './testing/meddled.ts'
import { orgId } from './testing/rig.ts'
import type { Change } from './changes.ts'

const rig = async (scope: TestScope) => {
  const database = await testDatabase(scope)
  const clock = new ManualClock()
  const meddled = new Meddled(database.app)
  const applied: (Change | 'cleared')[] = []
  const lease = new WorkerLease({
    database: meddled,
    clock,
    nodeId: orgId,
    time: new DatabaseTime({ clock }),
    sink: { apply: (changes) => applied.push(...changes), clear: () => applied.push('cleared') },
  })
  return { database, clock, meddled, applied, lease }
}

const rowOf = async ({ superuser }: TestDatabase) => {
  const { rows } = await superuser.query<{ epoch: number; snapshot: string | null; left: number }>(
    `select epoch, applied_snapshot::text as snapshot, extract(epoch from lease_until - clock_timestamp())::float8 * 1000 as left from worker_leases`,
  )
  assert.equal(rows.length, 1)
  return rows[0]
}

const announce = (database: TestDatabase, key: string) =>
  database.app.query('insert into changes (org_id, kind, key) values ($1, $2, $3)', [orgId, 'register', key])

test('the lease is usable only after renewal, feed and record, in this order', async (t) => {
  const { lease, meddled, applied, database } = await rig(t)
  const seen: string[] = []
  meddled.before = (step) => {
    seen.push(`${step} ${lease.usable()} ${applied.length}`)
  }
  await lease.round(true)
  assert.deepEqual(seen, ['renew false 0', 'read false 0', 'record false 1'])
  assert.equal(lease.usable(), true)
  const row = await rowOf(database)
  assert.ok(row?.snapshot && row.left > 0 && row.left <= 2_000)
})

test('it ends 1.8 s of monotonic time after the renewal was sent, not after it was answered', async (t) => {
  const { lease, clock, meddled } = await rig(t)
  meddled.after = (step) => {
    if (step === 'renew') clock.advance(1_000)
  }
  await lease.round(true)
  clock.advance(799)
  assert.equal(lease.usable(), true)
  clock.advance(1)
  assert.equal(lease.usable(), false)
  assert.equal(lease.remainingMs(), 0)
})

test('steps of the wall clock neither end nor prolong it', async (t) => {
  const { lease, clock } = await rig(t)
  await lease.round(true)
  clock.setWall(0)
  assert.equal(lease.usable(), true)
  clock.setWall(Number.MAX_SAFE_INTEGER)
  assert.equal(lease.usable(), true)
  clock.setWall(0)
  clock.advance(1_800)
  assert.equal(lease.usable(), false)
})

test('a round without renewal applies and records, and prolongs nothing', async (t) => {
  const { lease, clock, applied, database } = await rig(t)
  await lease.round(true)
  const before = await rowOf(database)
  await announce(database, 'k')
  clock.advance(1_700)
  await lease.round(false)
  assert.deepEqual(applied, ['cleared', { orgId, kind: 'register', key: 'k' }])
  assert.notEqual((await rowOf(database))?.snapshot, before?.snapshot)
  clock.advance(100)
  assert.equal(lease.usable(), false)
})

for (const lost of ['renew', 'read', 'record'] as const) {
  test(`when the answer to ${lost} is lost, the round gives no lease, and the next one makes up for it`, async (t) => {
    const { lease, clock, meddled, applied, database } = await rig(t)
    await lease.round(true)
    await announce(database, 'k')
    clock.advance(1_799)
    meddled.after = (step) => {
      if (step === lost) throw new Error('connection lost')
    }
    await assert.rejects(lease.round(true), /connection lost/)
    assert.equal(lease.usable(), true, 'the lease that was known stays as it was')
    clock.advance(1)
    assert.equal(lease.usable(), false)
    meddled.after = () => undefined
    await lease.round(true)
    assert.equal(lease.usable(), true)
    assert.ok(applied.some((change) => change !== 'cleared' && change.key === 'k'))
  })
}

test('a round that was given up does nothing with answers that come late', async (t) => {
  const { lease, clock, meddled, database } = await rig(t)
  await lease.round(true)
  const before = await rowOf(database)
  clock.advance(1_800)
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  meddled.after = (step) => (step === 'read' ? held : undefined)
  await announce(database, 'k')
  await assert.rejects(lease.round(true), { code: 'freshness.late' })
  release()
  await database.app.query('select 1')
  assert.equal(lease.usable(), false)
  assert.equal((await rowOf(database))?.snapshot, before?.snapshot)
})

test('a worker whose row was removed drops its whole cache and begins a new epoch', async (t) => {
  const { lease, applied, database } = await rig(t)
  await lease.round(true)
  await database.superuser.query('delete from worker_leases')
  await assert.rejects(lease.round(true), { code: 'freshness.lease_lost' })
  assert.equal(lease.usable(), false)
  await lease.round(false)
  assert.equal(lease.usable(), true)
  assert.deepEqual(applied, ['cleared', 'cleared', 'cleared'])
  assert.equal((await rowOf(database))?.epoch, 2)
})

test('a row removed between renewal and record is noticed as well', async (t) => {
  const { lease, meddled, database } = await rig(t)
  await lease.round(true)
  meddled.before = async (step) => {
    if (step === 'record') await database.superuser.query('delete from worker_leases')
  }
  await assert.rejects(lease.round(true), { code: 'freshness.lease_lost' })
  assert.equal(lease.usable(), false)
})

test('a closed worker has no row, no lease and no cache', async (t) => {
  const { lease, applied, database } = await rig(t)
  await lease.round(true)
  await lease.close()
  assert.equal(lease.usable(), false)
  assert.equal(applied.at(-1), 'cleared')
  const { rows } = await database.superuser.query('select from worker_leases')
  assert.equal(rows.length, 0)
})
