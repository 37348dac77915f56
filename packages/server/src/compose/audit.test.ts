import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as audit from '../platform/audit/operations.ts'
import { secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root } = await testPlatform({ after })

test('the summaries count what was read, by whom and what was refused', async () => {
  await root(secrets.put, { key: 'a/b', environment: 'dev', value: 'x' })
  for (let i = 0; i < 3; i++) await root(secrets.get, { key: 'a/b', environment: 'dev', reveal: true })
  const counted = async (view: string) => (await root(audit.summary, { view })).rows
  // Reads reach the table with the next shipping.
  for (let tries = 0; tries < 200 && (await counted('reads-by-principal')).length === 0; tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  for (let tries = 0; tries < 200 && (await counted('reads-by-principal'))[0]?.count !== 3; tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  assert.deepEqual(await counted('reads-by-principal'), [{ name: 'token:root', count: 3 }])
  assert.equal((await counted('reads-by-secret'))[0]?.count, 3)
  assert.deepEqual(await counted('denied-reads'), [])
  assert.deepEqual(await counted('break-glass-reads'), [])
})

test('verification of an untouched record finds nothing and says what it cannot see', async () => {
  const report = await root(audit.verify, {})
  assert.equal(report.intact, true)
  assert.ok(report.records > 0)
  assert.ok(report.cannotSee.length > 0)
  assert.ok(report.cannotSee.every((limit) => !limit.startsWith('Records were not read')))
})
