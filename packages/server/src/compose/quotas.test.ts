// Quotas across workers, and what a request pays for them.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { deleteRateLimit, writeLeaseCount, writeRateLimit } from '../system/quotas/operations.ts'
import { secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, rootToken, anotherWorker, written, database, as } = await testPlatform({ after })
const other = await anotherWorker()
const there = other.withToken(rootToken)
await root(secrets.put, { key: 'app/password', environment: 'dev', value: 'x' })
const read = { key: 'app/password', environment: 'dev', reveal: true }
const limited = (error: { readonly code?: string; readonly retryAfterSeconds?: number }): boolean => error.code === 'quota.rate_exceeded' && (error.retryAfterSeconds ?? 0) > 0

test('a quota that one worker wrote is the other\'s with the feed, and its end, too', async () => {
  await there(secrets.get, read)
  await root(writeRateLimit, { name: 'one', rate: 1, interval: 600, path: 'secret' })
  const refusedThere = async (): Promise<boolean> => there(secrets.get, read).then(() => false, limited)
  for (let tries = 0; tries < 100 && !(await refusedThere()); tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  assert.equal(await refusedThere(), true)
  await root(deleteRateLimit, { name: 'one' })
  for (let tries = 0; tries < 100 && (await refusedThere()); tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  assert.equal(await refusedThere(), false)
  assert.deepEqual((await written()).map(({ action }) => action).filter((action) => String(action).startsWith('quota.')), ['quota.write', 'quota.delete'])
})

test('a row that was altered is not believed', async () => {
  await root(writeRateLimit, { name: 'altered', rate: 100_000, path: 'secret' })
  await database.superuser.query('update coffer.quotas set rate = 1')
  await assert.rejects(root(writeRateLimit, { name: 'altered', rate: 100_000, path: 'secret' }), { code: 'row.integrity' })
  await database.superuser.query('delete from coffer.quotas')
})

test('lease counts are the database\'s: a token that the native door makes counts as well', async () => {
  await root(writeLeaseCount, { name: 'few', max_leases: 2 })
  await as({ role: 'reader', ttl: 600 })
  await as({ role: 'reader', ttl: 600 })
  await as({ role: 'reader' })
  await assert.rejects(as({ role: 'reader', ttl: 600 }), { kind: 'rate_limited', code: 'quota.leases_exceeded' })
})

test('who asks for a whole environment counts for what limits everything in it', async () => {
  await root(secrets.inject, { environment: 'dev' })
  await root(writeRateLimit, { name: 'everything', rate: 1, interval: 600, path: 'secret/data/dev/*' })
  await root(secrets.inject, { environment: 'dev' })
  await assert.rejects(root(secrets.inject, { environment: 'dev' }), limited)
  await root(deleteRateLimit, { name: 'everything' })
})
