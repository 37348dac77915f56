// Many readers and writers in one process, each worker with connections of its own, while things go wrong around them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { testDatabase, type TestDatabase, type TestScope } from '../../../kernel/testing/database.ts'
import { listen } from '../../../storage/listen.ts'
import { Pool } from '../../../storage/pool.ts'
import { changesChannel } from '../notifier.ts'
import { pruneFeed } from '../prune.ts'
import { makeReader, staleReads, type ConfirmedWrite } from './history.ts'
import { createRegisters, deaf, makeWorker, type TestWorker } from './rig.ts'
import { lastFirst } from '../../../kernel/testing/scope.ts'

const keys = ['a', 'b', 'c']

const startWorker = async (scope: TestScope, database: TestDatabase, { hearing = true, slow = false } = {}): Promise<TestWorker> => {
  const settings = database.settingsFor('coffer_app')
  const pool = new Pool(settings, { max: 4 })
  scope.after(() => pool.close())
  const worker = makeWorker({
    database: pool,
    listen: hearing ? (onWake) => listen(settings, { channel: changesChannel, onWake }) : deaf,
    slowLoad: slow ? sometimesSlow() : undefined,
  })
  scope.after(() => worker.freshness.close())
  await worker.freshness.start()
  return worker
}

/** Some loads take long enough for writes to overtake them. */
const sometimesSlow = (): (() => Promise<void>) => {
  let loads = 0
  return async () => {
    loads += 1
    if (loads % 3 === 0) await sleep(20)
  }
}

/** Until the signal: writers on every worker, readers on every worker. */
const runAll = async (workers: readonly TestWorker[], signal: AbortSignal) => {
  const writes: ConfirmedWrite[] = []
  const readers = workers.map(() => makeReader())
  const write = async (worker: TestWorker, key: string): Promise<void> => {
    while (!signal.aborted) {
      const value = await worker.revoke(key).catch(() => undefined) // not confirmed: nothing was promised
      if (value !== undefined) writes.push({ key, value, confirmedAt: process.hrtime.bigint() })
      await sleep(2)
    }
  }
  const read = async (worker: TestWorker, n: number): Promise<void> => {
    const reader = readers[n]
    while (!signal.aborted) {
      for (const key of keys) {
        const beganAt = process.hrtime.bigint()
        const peeked = worker.registers.peek(key)
        if (peeked !== undefined) reader?.hit()
        const value = peeked ?? (await worker.read(key).catch(() => undefined))
        if (value !== undefined) reader?.saw(key, value, beganAt)
      }
      await turn()
    }
  }
  await Promise.all(workers.flatMap((worker, n) => [write(worker, keys[n % keys.length] ?? ''), read(worker, n), read(worker, n)]))
  return { writes, reads: readers.map((reader) => reader.history()) }
}

const scenario = (name: string, trouble: (database: TestDatabase, signal: AbortSignal) => Promise<void>): void =>
  void test(name, { timeout: 60_000 }, async (t) => {
    const scope = lastFirst(t)
    const database = await testDatabase(scope)
    await createRegisters(database.superuser, keys)
    const workers = await Promise.all([
      startWorker(scope, database),
      startWorker(scope, database, { slow: true }),
      startWorker(scope, database, { hearing: false }),
      startWorker(scope, database),
    ])
    const signal = AbortSignal.timeout(4_000)
    const [{ writes, reads }] = await Promise.all([runAll(workers, signal), trouble(database, signal)])
    for (const history of reads) assert.deepEqual(staleReads(writes, history), [])
    assert.ok(writes.length > 20, `only ${writes.length} writes were confirmed`)
    assert.ok(reads.reduce((sum, { hits }) => sum + hits, 0) > 100, 'hardly anything was answered from a cache')
  })

scenario('no worker serves what a confirmed write replaced', async () => undefined)

scenario('nor while connections are killed at random', async ({ superuser }, signal) => {
  while (!signal.aborted) {
    await sleep(150)
    await superuser.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'coffer_app' and datname = current_database() order by random() limit 2`)
  }
})

scenario('nor while a transaction holds xmin back and the feed is pruned all the time', async ({ superuser, jobs }, signal) => {
  const holder = await superuser.connect()
  await holder.query('begin isolation level repeatable read; select pg_current_xact_id()')
  while (!signal.aborted) {
    await pruneFeed(jobs)
    await sleep(20)
  }
  await holder.query('rollback')
  holder.release()
})
