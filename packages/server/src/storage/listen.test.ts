import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testDatabase } from '../kernel/testing/database.ts'
import { listen } from './listen.ts'
import { Pool } from './pool.ts'

const until = async (condition: () => boolean): Promise<void> => {
  for (let polls = 0; !condition(); polls += 1) {
    assert.ok(polls < 1_000, 'waited in vain')
    await sleep(10)
  }
}

test('a notification wakes, and a lost connection comes back with a wake-up of its own', async (t) => {
  const database = await testDatabase(t)
  let wakes = 0
  let losses = 0
  const listener = await listen(database.settingsFor('coffer_app'), { channel: 'coffer_changes', onWake: () => (wakes += 1), onLost: () => (losses += 1) })
  t.after(() => listener.close())
  assert.equal(wakes, 1)
  await database.jobs.query('notify coffer_changes')
  await until(() => wakes === 2)

  await database.superuser.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'coffer-listen' and datname = current_database()`)
  await until(() => losses === 1 && listener.connected)
  assert.equal(wakes, 3)
  await database.jobs.query('notify coffer_changes')
  await until(() => wakes === 4)

  await listener.close()
  await database.jobs.query('notify coffer_changes')
  assert.deepEqual([listener.connected, wakes, losses], [false, 4, 1])
})

test('a first connection that fails is the caller’s to know', async (t) => {
  const database = await testDatabase(t)
  await assert.rejects(listen({ ...database.settingsFor('coffer_app'), host: '/nowhere' }, { channel: 'coffer_changes', onWake: () => undefined }), { kind: 'unavailable' })
})

test('it can be closed while its database is gone', async (t) => {
  const database = await testDatabase(t)
  let losses = 0
  const listener = await listen(database.settingsFor('coffer_app'), { channel: 'coffer_changes', onWake: () => undefined, onLost: () => (losses += 1) })
  const cluster = new Pool({ ...database.settingsFor('postgres'), database: 'postgres' })
  await cluster.query(`drop database ${database.name} with (force)`)
  await cluster.close()
  await until(() => losses === 1)
  await listener.close()
  assert.equal(listener.connected, false)
})
