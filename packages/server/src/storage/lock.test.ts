import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testDatabase } from '../kernel/testing/database.ts'
import { tryAdvisoryLock, withAdvisoryLock } from './lock.ts'

const database = await testDatabase({ after })

test('work under one name never overlaps, under two it may', async () => {
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    most = Math.max(most, (inside += 1))
    await database.app.query('select pg_sleep(0.02)')
    inside -= 1
  }
  await Promise.all([1, 2, 3].map(() => withAdvisoryLock(database.app, 'test/one', work)))
  assert.equal(most, 1)
  await withAdvisoryLock(database.app, 'test/one', async () => {
    assert.equal(await tryAdvisoryLock(database.jobs, 'test/two', async () => 'in'), 'in')
  })
})

test('a lock that is held is not waited for when that was asked, and only so long otherwise', async () => {
  await withAdvisoryLock(database.app, 'test/held', async () => {
    assert.equal(await tryAdvisoryLock(database.jobs, 'test/held', async () => 'in'), undefined)
    await assert.rejects(withAdvisoryLock(database.jobs, 'test/held', async () => 'in', 30), { code: 'storage.lock_timeout' })
  })
  assert.equal(await tryAdvisoryLock(database.jobs, 'test/held', async () => 'in'), 'in')
})

test('work that fails lets go of its lock', async () => {
  await assert.rejects(withAdvisoryLock(database.app, 'test/failing', () => Promise.reject(new Error('no'))), /no/)
  assert.equal(await withAdvisoryLock(database.jobs, 'test/failing', async () => 'in'), 'in')
})
