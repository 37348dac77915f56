// Many callers at once, retries with a key, and documents as one transaction: nothing lost, nothing twice, no gaps.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as, anotherWorker, rootToken, written, database } = await testPlatform({ after })
const dev = { environment: 'dev' }
const put = (key: string, value: string, more: object = {}) => root(secrets.put, { key, ...dev, value, ...more })
const reveal = async (key: string, selector: object = {}) => (await root(secrets.get, { key, ...dev, reveal: true, ...selector })).value
const countUp = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1)

test('writes of many callers to one secret get the numbers 1 to n, and each value is there', async () => {
  const n = 60
  const done = await Promise.all(countUp(n).map(async (i) => ({ i, version: (await put('busy', `value ${i}`)).version })))
  assert.deepEqual(done.map(({ version }) => version).toSorted((a, b) => a - b), countUp(n))
  for (const { i, version } of done) assert.equal(await reveal('busy', { version: String(version) }), `value ${i}`)
})

test('writes through two workers interleave without a gap', async () => {
  const other = (await anotherWorker()).withToken(rootToken)
  const done = await Promise.all(countUp(20).map((i) => (i % 2 === 0 ? root : other)(secrets.put, { key: 'two-workers', ...dev, value: `value ${i}` })))
  assert.deepEqual(done.map(({ version }) => version).toSorted((a, b) => a - b), countUp(20))
})

test('of writes that expect nothing there exactly one makes the secret', async () => {
  const outcomes = await Promise.allSettled(countUp(8).map((i) => put('only-one', `value ${i}`, { expectedPreviousVersion: 0 })))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal((outcome.reason as { code: string }).code, 'secret.version_conflict')
})

test('a repeated request with its idempotency key gets the same answer and writes once', async () => {
  const once = await root(secrets.put, { key: 'idem', ...dev, value: 'v' }, { idempotencyKey: 'k1' })
  assert.deepEqual(await root(secrets.put, { key: 'idem', ...dev, value: 'v' }, { idempotencyKey: 'k1' }), once)
  assert.equal((await root(secrets.history, { key: 'idem', ...dev })).items.length, 1)
})

test('also when it held to the version that it replaced, or said how long it lives', async () => {
  await put('idem-cas', 'one')
  const request = () => root(secrets.put, { key: 'idem-cas', ...dev, value: 'two', expectedPreviousVersion: 1, ttl: 3600 }, { idempotencyKey: 'k2' })
  const once = await request()
  assert.equal(once.version, 2)
  assert.deepEqual(await request(), once)
})

test('proposals repeat by their key, too', async () => {
  const request = () => root(secrets.propose, { key: 'idem-propose', ...dev, value: 'one' }, { idempotencyKey: 'k3' })
  assert.deepEqual(await request(), await request())
})

test('requests with one key at the same time are one', async () => {
  await put('idem-race', 'zero')
  const answers = await Promise.all(countUp(6).map(() => root(secrets.put, { key: 'idem-race', ...dev, value: 'one', expectedPreviousVersion: 1 }, { idempotencyKey: 'k4' })))
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  assert.equal((await root(secrets.history, { key: 'idem-race', ...dev })).items.length, 2)
})

test('a key that was used for another request is a conflict, whatever differs', async () => {
  await root(secrets.put, { key: 'idem-other', ...dev, value: 'v' }, { idempotencyKey: 'k5' })
  for (const other of [{ key: 'idem-other', value: 'w' }, { key: 'idem-other-path', value: 'v' }, { key: 'idem-other', value: 'v', type: 'password' }, { key: 'idem-other', value: 'v', expectedPreviousVersion: 1 }]) {
    await assert.rejects(root(secrets.put, { ...dev, ...other }, { idempotencyKey: 'k5' }), { kind: 'conflict', code: 'idempotency.mismatch' })
  }
})

test('keys of different callers are different keys', async () => {
  const [one, two] = [await as({ role: 'developer' }), await as({ role: 'developer' })]
  await one.call(secrets.put, { key: 'idem-whose', ...dev, value: 'one' }, { idempotencyKey: 'same' })
  const second = await two.call(secrets.put, { key: 'idem-whose', ...dev, value: 'two' }, { idempotencyKey: 'same' })
  assert.equal(second.version, 2)
})

test('a repeated request is permitted anew, and its answer is for whoever may write there', async () => {
  const holder = await as({ role: 'developer' })
  await holder.call(secrets.put, { key: 'idem-permitted', ...dev, value: 'one' }, { idempotencyKey: 'k6' })
  assert.equal((await holder.call(secrets.put, { key: 'idem-permitted', ...dev, value: 'one' }, { idempotencyKey: 'k6' })).version, 1)
  const { rows } = await database.superuser.query<{ body: string }>("select encode(request_mac, 'escape') || answer::text as body from coffer.idempotency")
  for (const { body } of rows) assert.ok(!body.includes('"value"'))
})

test('a repeated request leaves no record of a write that was not', async () => {
  const before = (await written()).length
  await Promise.all(countUp(4).map(() => root(secrets.put, { key: 'idem-record', ...dev, value: 'one' }, { idempotencyKey: 'k7' })))
  assert.equal((await written()).length, before + 1)
})

const push = (content: string, more: object = {}) => root(secrets.push, { environment: 'staging', format: 'env', content, ...more })

test('a document is shown first, and written only when confirmed', async () => {
  const shown = await push('A=1\nB=2\n')
  assert.deepEqual([shown.created, shown.applied], [2, false])
  await assert.rejects(root(secrets.get, { key: 'A', environment: 'staging' }), { kind: 'not_found' })
  assert.deepEqual(await push('A=1\nB=2\n', { confirm: true }).then(({ created, applied }) => ({ created, applied })), { created: 2, applied: true })
  assert.deepEqual(await push('A=1\nB=3\nC=4\n', { confirm: true }).then(({ created, updated, unchanged }) => ({ created, updated, unchanged })), { created: 1, updated: 1, unchanged: 1 })
  assert.equal((await root(secrets.get, { key: 'A', environment: 'staging' })).currentVersion, 1)
  assert.equal((await root(secrets.get, { key: 'B', environment: 'staging' })).currentVersion, 2)
})

test('a document is recorded as a whole and for each secret by its path', async () => {
  await push('X=1\nY=2\n', { prefix: 'recorded', confirm: true })
  const records = (await written()).filter(({ path, action, metadata }) => String(path).startsWith('recorded/') || (action === 'sync.push' && (metadata as { written?: number }).written === 2 && path === undefined))
  assert.deepEqual(records.slice(-3).map(({ action, path }) => [action, path ?? null]), [['secret.create', 'recorded/X'], ['secret.create', 'recorded/Y'], ['sync.push', null]])
})

test('a document of which one part is refused writes nothing', async () => {
  await root(secrets.put, { key: 'whole/N', environment: 'staging', value: '1', type: 'integer' })
  await assert.rejects(push('M=fine\nN=not a number\n', { prefix: 'whole', confirm: true }), { code: 'secret.bad_value' })
  await assert.rejects(root(secrets.get, { key: 'whole/M', environment: 'staging' }), { kind: 'not_found' })
})

test('two names for one secret in a document are an error, not whichever came last', async () => {
  const { errors, applied } = await root(secrets.push, { environment: 'staging', format: 'json', content: '{"same": "1", "/same": "2"}', confirm: true })
  assert.deepEqual([errors, applied], [1, false])
})

test('many documents at once finish on a small pool, whole', async (t) => {
  const small = await anotherWorker({ settings: { COFFER_DATABASE_POOL_SIZE: '2' } })
  const push2 = small.withToken(rootToken)
  for (const name of ['P', 'Q']) await root(secrets.put, { key: `many/${name}`, environment: 'staging', value: 'zero', maxVersions: 2 })
  const outcomes = await Promise.allSettled(countUp(10).map((i) => push2(secrets.push, { environment: 'staging', prefix: 'many', format: 'env', content: `P=${i}\nQ=${i}\n`, confirm: true })))
  assert.deepEqual(outcomes.filter(({ status }) => status === 'rejected'), [])
  const [p, q] = await Promise.all(['P', 'Q'].map(async (name) => (await root(secrets.get, { key: `many/${name}`, environment: 'staging', reveal: true })).value))
  assert.equal(p, q, 'the last document won as a whole')
  t.diagnostic(`the last was ${p ?? ''}`)
})
