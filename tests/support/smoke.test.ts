// The support itself: a throw-away server and a durable one that is started twice.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { superuserOf } from './database.ts'
import { isAlive } from './processes.ts'
import { dataDirectoryOf, scratchDirectory, startDevServer, startDurableServer } from './server.ts'

test('a throw-away server answers and is gone afterwards', async (t) => {
  const { server, root } = await startDevServer(t)
  await root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  assert.equal((await root.expect('GET', '/api/v1/secrets/a?environment=dev&reveal=true')).data.value, 'x')
  const pids = [...server.workers(), server.database()]
  assert.ok(pids.every(isAlive))
  assert.equal((await server.stop()).code, 0)
  assert.deepEqual(pids.filter(isAlive), [])
})

test('a second start in the same folder finds everything again', async (t) => {
  const folder = scratchDirectory(t)
  const first = await startDurableServer(t, { folder, flags: ['--workers', '2'] })
  await first.root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  assert.equal(first.server.workers().length, 2)
  const { rows } = await superuserOf(t, dataDirectoryOf(folder)).query<{ n: number }>('select count(*)::int as n from coffer.secrets')
  assert.equal(rows[0]?.n, 1)
  assert.equal((await first.server.stop()).code, 0)
  const second = await startDurableServer(t, { folder }, first.rootToken)
  assert.equal((await second.root.expect('GET', '/api/v1/secrets/a?environment=dev&reveal=true')).data.value, 'x')
})
