// Writes that go to the database together, over a real one: each is a change of its own, whatever becomes of the others.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, test } from 'node:test'
import { keys, organizations, secrets, kv } from '../../../compose/testing/contracts.ts'
import { testPlatform } from '../../../compose/testing/platform.ts'
import { makeRewrap } from '../../../compose/rewrap.ts'
import { fail } from '../../../kernel/errors.ts'
import type { TestScope } from '../../../kernel/testing/database.ts'
import { silentLogger } from '../../../telemetry/logger.ts'

const { root, rootOrgId, withToken, anotherWorker, rootToken, written, database, keyring, pools } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const reveal = async (key: string, selector: object = {}) => (await root(secrets.get, { key, ...dev, reveal: true, ...selector })).value
const names = (prefix: string, n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${prefix}/${i}`)
const version = (outcome: PromiseSettledResult<{ readonly version: number }>): number | string => (outcome.status === 'fulfilled' ? outcome.value.version : (outcome.reason as { code: string }).code)
const versions = async (key: string): Promise<number> => (await root(secrets.history, { key, ...dev })).items.length

/** Changes what the statement of gathered writes does until the test ends: `to` may use $1 and $2 as it got them. */
const around = (scope: TestScope, to: (send: () => Promise<never>, name: string | undefined, values: readonly unknown[]) => Promise<never>): void => {
  const send = pools.app.query.bind(pools.app)
  pools.app.query = (text, values, options) => to(() => send(text, values, options) as Promise<never>, options?.name, values ?? [])
  scope.after(async () => void Reflect.deleteProperty(pools.app, 'query'))
}

test('many secrets that are written at once take a few statements, and each has its value and its record', async () => {
  const keysOf = names('together', 30)
  const before = { ...pools.app.counters }
  await Promise.all(keysOf.map((key) => put(key, `first ${key}`)))
  await Promise.all(keysOf.map((key) => put(key, `second ${key}`)))
  const statements = pools.app.counters.statements - before.statements
  assert.ok(statements < 20, `${statements} statements for 60 writes`)
  for (const key of keysOf) assert.deepEqual([await reveal(key), await reveal(key, { version: '1' })], [`second ${key}`, `first ${key}`])
  const records = (await written()).filter(({ path }) => String(path).startsWith('together/'))
  assert.deepEqual(new Set(records.map(({ path, action, version: of }) => `${String(path)} ${String(action)} ${String(of)}`)).size, 60)
  for (const { action, version: of } of records) assert.equal(action, of === 1 ? 'secret.create' : 'secret.update')
})

test('a write among others that expects another version fails alone', async () => {
  const keysOf = names('expecting', 10)
  await Promise.all(keysOf.map((key) => put(key, 'one')))
  const outcomes = await Promise.allSettled(keysOf.map((key, i) => put(key, 'two', { expectedPreviousVersion: i === 4 ? 7 : 1 })))
  assert.deepEqual(outcomes.map(version), keysOf.map((_, i) => (i === 4 ? 'secret.version_conflict' : 2)))
})

test('two writes of one secret at once: the numbers follow each other, and of two that expect the same version one is made', async () => {
  const done = await Promise.all(names('around', 6).flatMap((key) => [put(key, 'noise'), put('twice', `by ${key}`)]))
  assert.deepEqual(done.filter((_, i) => i % 2 === 1).map((each) => each.version), [1, 2, 3, 4, 5, 6])
  const outcomes = await Promise.allSettled(names('around', 6).flatMap((key) => [put(key, 'noise'), put('twice', `by ${key}`, { expectedPreviousVersion: 6 })]))
  assert.deepEqual(outcomes.filter((_, i) => i % 2 === 1).map(version), [7, ...Array.from({ length: 5 }, () => 'secret.version_conflict')])
  assert.equal(await reveal('twice'), 'by around/0')
})

test('what another worker did meanwhile is seen, also by a write that must not replace it', async () => {
  const other = (await anotherWorker()).withToken(rootToken)
  for (const key of names('shared', 4)) await put(key, 'one')
  for (const key of names('shared', 4)) await other(secrets.put, { key, ...dev, value: 'two' })
  const outcomes = await Promise.allSettled(names('shared', 4).map((key, i) => put(key, 'three', i < 2 ? {} : { expectedPreviousVersion: i === 2 ? 1 : 2 })))
  assert.deepEqual(outcomes.map(version), [3, 3, 'secret.version_conflict', 3])
  await other(secrets.remove, { key: 'shared/0', ...dev })
  assert.equal((await put('shared/0', 'four')).version, 4)
  assert.equal(await reveal('shared/0'), 'four')
})

test('writes of two organizations are two statements, and each organization has its own', async (t) => {
  const { token } = await root(organizations.create, { slug: 'gathers' })
  const theirs = withToken(token)
  await Promise.all([root(secrets.put, { key: 'whose/warm', ...dev, value: 'x' }), theirs(secrets.put, { key: 'whose/warm', ...dev, value: 'x' })])
  const sent: { readonly orgId: string; readonly items: number }[] = []
  around(t, (send, name, values) => {
    if (name === 'secret_apply_many') sent.push({ orgId: String(values[0]), items: (JSON.parse(String(values[1])) as unknown[]).length })
    return send()
  })
  for (let round = 0; round < 2; round++) {
    await Promise.all(names('whose', 5).flatMap((key) => [root(secrets.put, { key, ...dev, value: `ours ${round}` }), theirs(secrets.put, { key, ...dev, value: `theirs ${round}` })]))
  }
  assert.ok(sent.filter(({ items }) => items > 1).length >= 2)
  assert.equal(new Set(sent.map(({ orgId }) => orgId)).size, 2)
  for (const key of names('whose', 5)) assert.deepEqual([await reveal(key), (await theirs(secrets.get, { key, ...dev, reveal: true })).value], ['ours 1', 'theirs 1'])
  const { rows } = await database.superuser.query<{ org_id: string; n: number }>("select org_id, count(*)::int as n from coffer.audit_events where path like 'whose/_' and stream is null group by org_id")
  assert.deepEqual(rows.map(({ n }) => n), [10, 10])
})

test('items of another organization are refused by the database, whoever hands them in', async () => {
  const { rows } = await database.superuser.query<{ secret_id: string; revision: number }>("select secret_id, revision from coffer.secrets where path = 'whose/0' and org_id <> $1", [rootOrgId])
  const item = { id: rows[0]?.secret_id, rev: rows[0]?.revision, was: 'x', version: 9, type: 'text', start: 1 }
  const { rows: none } = await database.app.query('select * from coffer.secret_apply_many($1, $2, $3)', [rootOrgId, JSON.stringify([item]), Buffer.alloc(200)])
  assert.deepEqual(none, [])
})

test('one that the database refuses does not take the others with it', async (t) => {
  await database.superuser.query("alter table coffer.secrets add constraint for_a_test check (path <> 'refusing/3')")
  t.after(async () => void (await database.superuser.query('alter table coffer.secrets drop constraint for_a_test')))
  const outcomes = await Promise.allSettled(names('refusing', 6).map((key) => put(key, 'one')))
  assert.deepEqual(outcomes.map(version), [1, 1, 1, 'storage.statement_refused', 1, 1])
  assert.equal((await written()).filter(({ path }) => String(path).startsWith('refusing/')).length, 5)
})

test('a row that somebody holds keeps its own write waiting and no other', async () => {
  const keysOf = names('held', 5)
  await Promise.all(keysOf.map((key) => put(key, 'one')))
  const holder = await database.superuser.connect()
  await holder.query('begin')
  await holder.query("select from coffer.secrets where path = 'held/2' for update")
  let isDone = false
  const waiting = put('held/2', 'two').then((done) => {
    isDone = true
    return done
  })
  const others = await Promise.all(keysOf.filter((key) => key !== 'held/2').map((key) => put(key, 'two')))
  assert.deepEqual(others.map((each) => each.version), [2, 2, 2, 2])
  assert.equal(isDone, false)
  await holder.query('commit')
  holder.release()
  assert.equal((await waiting).version, 2)
})

test('when the answer is lost after the commit all are told so, nothing is written twice, and each write has its record', async (t) => {
  const keysOf = names('lost', 5)
  await Promise.all(keysOf.map((key) => put(key, 'one')))
  let lost = 0
  around(t, async (send, name) => {
    const result = await send()
    if (name !== 'secret_apply_many' || lost++ > 0) return result
    throw fail('unavailable', 'storage.unavailable', 'The connection was lost.')
  })
  const outcomes = await Promise.allSettled(keysOf.map((key) => put(key, 'two')))
  assert.deepEqual(outcomes.map(version), keysOf.map(() => 'storage.unavailable'))
  for (const key of keysOf) assert.deepEqual([await versions(key), await reveal(key)], [2, 'two'])
  assert.equal((await written()).filter(({ path, version: of }) => String(path).startsWith('lost/') && of === 2).length, 5)
  assert.deepEqual((await Promise.all(keysOf.map((key) => put(key, 'three')))).map((each) => each.version), keysOf.map(() => 3))
})

test('when the connection ends before the commit nothing is written, and the next writes go on', async () => {
  const keysOf = names('ended', 5)
  await Promise.all(keysOf.map((key) => put(key, 'one')))
  const holder = await database.superuser.connect()
  await holder.query('begin')
  await holder.query('lock table coffer.audit_events in exclusive mode')
  const outcomes = Promise.allSettled(keysOf.map((key) => put(key, 'two')))
  const stuck = "select pid from pg_stat_activity where datname = current_database() and query like '%secret_apply_many%' and wait_event_type = 'Lock'"
  while ((await holder.query(stuck)).rows.length === 0) await sleep(5)
  await holder.query(`select pg_terminate_backend(pid) from (${stuck}) s`)
  await holder.query('rollback')
  holder.release()
  assert.ok((await outcomes).every((each) => each.status === 'rejected' && (each.reason as { kind: string }).kind === 'unavailable'))
  for (const key of keysOf) assert.equal(await versions(key), 1)
  assert.deepEqual((await Promise.all(keysOf.map((key) => put(key, 'two')))).map((each) => each.version), keysOf.map(() => 2))
})

test('writes while data keys are wrapped anew are read afterwards, the old versions as well', async () => {
  const keysOf = names('rewrapped', 12)
  await Promise.all(keysOf.map((key) => put(key, 'one')))
  await root(keys.rotate, {})
  keyring.forget(rootOrgId)
  const turn = makeRewrap({ keyring, pools, logger: silentLogger })
  const rounds = async (): Promise<void> => {
    for (const value of ['two', 'three', 'four']) await Promise.all(keysOf.map((key) => put(key, value)))
  }
  await Promise.all([turn(), rounds(), turn()])
  await turn()
  for (const key of keysOf) assert.deepEqual([await reveal(key, { version: '1' }), await reveal(key, { version: '3' }), await reveal(key)], ['one', 'three', 'four'])
})

test('versions past the limit are dropped, each secret\'s own', async () => {
  const keysOf = names('kept', 4)
  for (const value of ['one', 'two', 'three', 'four']) await Promise.all(keysOf.map((key, i) => put(key, value, { maxVersions: i + 1 })))
  const states = async (key: string) => (await root(secrets.history, { key, ...dev })).items.map(({ state }) => state)
  assert.deepEqual(await Promise.all(keysOf.map(states)), [
    ['CURRENT', 'DESTROYED', 'DESTROYED', 'DESTROYED'], ['CURRENT', 'PREVIOUS', 'DESTROYED', 'DESTROYED'], ['CURRENT', 'PREVIOUS', 'PREVIOUS', 'DESTROYED'], ['CURRENT', 'PREVIOUS', 'PREVIOUS', 'PREVIOUS'],
  ])
  const { rows } = await database.superuser.query<{ n: number }>("select count(*)::int as n from coffer.secret_versions v join coffer.secrets s using (org_id, secret_id) where s.path like 'kept/%' and v.ciphertext is null")
  assert.equal(rows[0]?.n, 6)
})

test('what was dropped once is not looked for again, and a lower limit drops what is left', async (t) => {
  for (let i = 0; i < 6; i++) await put('dropped', `${i}`, { maxVersions: 3 })
  const ranges: unknown[] = []
  around(t, (send, name, values) => {
    if (name === 'secret_versions_between') ranges.push([values[2], values[3]])
    return send()
  })
  await put('dropped', '6')
  await put('dropped', '7', { maxVersions: 1 })
  assert.deepEqual(ranges, [[[3], [4]], [[4], [7]]])
  const items = (await root(secrets.history, { key: 'dropped', ...dev })).items
  assert.deepEqual(items.map(({ state }) => state === 'DESTROYED'), [false, true, true, true, true, true, true, true])
})

test('labels, settings, lifetimes and other aliases stay as they were, and change when they are said', async () => {
  const said = { ownerTeam: 'payments', description: 'for cards' }
  const keysOf = names('said', 3)
  await Promise.all(keysOf.map((key) => put(key, 'one', { ...said, ttl: 3600 })))
  await root(secrets.setAlias, { key: 'said/1', ...dev, alias: 'canary', version: 1 })
  const done = await Promise.all(keysOf.map((key, i) => put(key, 'two', i === 2 ? { description: 'for coins' } : {})))
  assert.deepEqual(done.map((each) => each.version), [2, 2, 2])
  const [first, second, third] = await Promise.all(keysOf.map((key) => root(secrets.get, { key, ...dev })))
  assert.deepEqual([first?.ownerTeam, first?.description, third?.description, third?.ownerTeam], ['payments', 'for cards', 'for coins', 'payments'])
  assert.equal(await reveal('said/1', { alias: 'canary' }), 'one')
  assert.equal(second?.currentVersion, 2)
})

test('a KV write of a deleted secret goes on where its numbers ended', async () => {
  const write = (path: string, data: object) => root(kv.writeData, { path, data })
  const paths = names('dev/kv-gathered', 4)
  await Promise.all(paths.map((path) => write(path, { a: 1 })))
  await Promise.all(paths.map((path) => root(secrets.remove, { key: path.slice(4), ...dev })))
  assert.deepEqual((await Promise.all(paths.map((path) => write(path, { a: 2 })))).map((each) => each.version), [2, 2, 2, 2])
})

test('a large value goes by itself beside small ones', async () => {
  const large = 'x'.repeat(50_000)
  const done = await Promise.all([put('sizes/large', large), ...names('sizes', 5).map((key) => put(key, 'small'))])
  assert.deepEqual(done.map((each) => each.version), [1, 1, 1, 1, 1, 1])
  assert.equal((await put('sizes/large', `${large}y`)).version, 2)
  assert.equal((await reveal('sizes/large'))?.length, large.length + 1)
})
