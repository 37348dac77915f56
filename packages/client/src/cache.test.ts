import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSecretCache, type CacheOptions, type SecretCache } from './cache.ts'
import { CofferError, type ErrorKind } from './errors.ts'
import type { Client } from './client.ts'

const failure = (kind: ErrorKind, code = 'x'): CofferError => new CofferError(`${kind} of the platform`, { kind, code })

interface Bench {
  readonly cache: SecretCache
  readonly asked: string[]
  /** What the platform answers from now on. */
  answer: () => Promise<{ value: string; version: number; expiresAt?: string | null }>
  /** Moves both clocks. */
  pass(seconds: number): void
  wall: number
  monotonic: number
}

const START = Date.parse('2030-01-01T00:00:00Z') / 1000

const bench = (options: Partial<CacheOptions> = {}): Bench => {
  const asked: string[] = []
  const get = (input: { key: string }): Promise<unknown> => {
    asked.push(input.key)
    return self.answer()
  }
  // The cache uses this one method of the client.
  const client = { secrets: { get } } as unknown as Pick<Client, 'secrets'>
  const self: Bench = {
    asked,
    answer: () => Promise.resolve({ value: 'one', version: 1 }),
    wall: START,
    monotonic: 0,
    pass: (seconds) => {
      self.wall += seconds
      self.monotonic += seconds
    },
    cache: createSecretCache({ client, jitterSeconds: 0, clock: { wallSeconds: () => self.wall, monotonicSeconds: () => self.monotonic }, ...options }),
  }
  return self
}

/** Lets what is in the background finish. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('a value is fetched once and used for its TTL', async () => {
  const b = bench()
  assert.equal(await b.cache.get('db/password'), 'one')
  b.pass(40)
  assert.equal(await b.cache.get('db/password'), 'one')
  assert.deepEqual(b.asked, ['db/password'])
  assert.equal(b.cache.stats().hits, 1)
})

test('many readers of a value that nobody has yet cost one request', async () => {
  const b = bench()
  const values = await Promise.all(Array.from({ length: 50 }, () => b.cache.get('x')))
  assert.deepEqual([...new Set(values)], ['one'])
  assert.equal(b.asked.length, 1)
})

test('near its end a value is refreshed in the background, and the reader does not wait', async () => {
  const b = bench()
  await b.cache.get('x')
  b.answer = () => Promise.resolve({ value: 'two', version: 2 })
  b.pass(50)
  assert.equal(await b.cache.get('x'), 'one')
  await settle()
  assert.deepEqual(await b.cache.read('x'), { value: 'two', version: 2, expiresAt: null })
  assert.equal(b.asked.length, 2)
})

test('after its end a value is asked for before it is used: an idle program does not start with an old one', async () => {
  const b = bench()
  await b.cache.get('x')
  b.answer = () => Promise.resolve({ value: 'two', version: 2 })
  b.pass(61)
  assert.equal(await b.cache.get('x'), 'two')
})

test('the jitter makes each TTL its own, within 60 and 75 seconds', async () => {
  const ends = new Set<number>()
  for (let round = 0; round < 40; round += 1) {
    const b = bench({ jitterSeconds: 15 })
    await b.cache.get('x')
    const begin = b.asked.length
    let seconds = 0
    while (b.asked.length === begin) {
      b.pass(1)
      seconds += 1
      await b.cache.get('x')
    }
    // The refresh begins at 80 % of the TTL.
    assert.ok(seconds >= 48 && seconds <= 60, `${seconds}`)
    ends.add(seconds)
  }
  assert.ok(ends.size > 3)
})

test('in an outage the last value is served up to its bound, and then no more', async () => {
  const failures: string[] = []
  const b = bench({ startupSeconds: 0, onRefreshFailure: ({ path, error, ageSeconds }) => failures.push(`${path} ${error.kind} ${Math.round(ageSeconds)}`) })
  await b.cache.get('x')
  b.answer = () => Promise.reject(failure('unavailable'))
  b.pass(100)
  assert.equal(await b.cache.get('x'), 'one')
  b.pass(700)
  assert.equal(await b.cache.get('x'), 'one')
  await settle()
  assert.deepEqual(failures, ['x unavailable 100', 'x unavailable 800'])
  const { staleServed, refreshFailures, oldestAgeSeconds } = b.cache.stats()
  assert.deepEqual([staleServed, refreshFailures, oldestAgeSeconds], [2, 2, 800])
  b.pass(101)
  await assert.rejects(b.cache.get('x'), { kind: 'unavailable', code: 'client.secret_unavailable' })
  assert.equal(b.cache.stats().entries, 0)
})

test('while an outage is known nobody waits for it, and the platform is asked ever less often', async () => {
  const b = bench()
  await b.cache.get('x')
  b.answer = () => Promise.reject(failure('unavailable'))
  b.pass(61)
  for (let second = 0; second < 300; second += 1) {
    assert.equal(await b.cache.get('x'), 'one')
    await settle()
    b.pass(1)
  }
  // Without back-off there would be 300; with it about one every 15 seconds once it is at its ceiling.
  assert.ok(b.asked.length > 5 && b.asked.length < 80, `${b.asked.length}`)
  b.answer = () => Promise.resolve({ value: 'back', version: 3 })
  b.pass(31)
  await b.cache.get('x')
  await settle()
  assert.equal(await b.cache.get('x'), 'back')
})

for (const kind of ['permission_denied', 'not_found', 'unauthenticated'] as const) {
  test(`${kind} on a refresh drops the value at once, also in the background`, async () => {
    const b = bench()
    await b.cache.get('x')
    b.answer = () => Promise.reject(failure(kind))
    b.pass(50)
    await b.cache.get('x')
    await settle()
    await assert.rejects(b.cache.get('x'), { kind })
    assert.equal(b.cache.stats().revocations, 1)
    const expired = bench()
    await expired.cache.get('x')
    expired.answer = b.answer
    expired.pass(61)
    await assert.rejects(expired.cache.get('x'), { kind })
    assert.equal(expired.cache.stats().staleServed, 0)
  })
}

test('a revocation that comes in the middle of an outage ends the stale value too', async () => {
  const b = bench()
  await b.cache.get('x')
  b.answer = () => Promise.reject(failure('unavailable'))
  b.pass(100)
  assert.equal(await b.cache.get('x'), 'one')
  b.answer = () => Promise.reject(failure('permission_denied'))
  b.pass(60)
  await b.cache.get('x')
  await settle()
  await assert.rejects(b.cache.get('x'), { kind: 'permission_denied' })
})

test('the two choices of failing open can be turned round', async () => {
  const closed = bench({ failOpenOnRefreshError: false })
  await closed.cache.get('x')
  closed.answer = () => Promise.reject(failure('unavailable'))
  closed.pass(61)
  await assert.rejects(closed.cache.get('x'), { kind: 'unavailable' })
  const open = bench({ failOpenOnExplicitRevocation: true })
  await open.cache.get('x')
  open.answer = () => Promise.reject(failure('permission_denied'))
  open.pass(61)
  assert.equal(await open.cache.get('x'), 'one')
})

test('the first read is tried until the platform answers', async () => {
  const b = bench({ startupSeconds: 1e9 })
  let tries = 0
  b.answer = () => {
    tries += 1
    return tries < 3 ? Promise.reject(failure('unavailable')) : Promise.resolve({ value: 'late', version: 1 })
  }
  assert.equal(await b.cache.get('x'), 'late')
  assert.equal(tries, 3)
})

test('the first read fails closed at once where waiting cannot help', async () => {
  for (const kind of ['permission_denied', 'not_found', 'unauthenticated', 'invalid_request'] as const) {
    const b = bench({ startupSeconds: 1e9 })
    b.answer = () => Promise.reject(failure(kind))
    await assert.rejects(b.cache.get('x'), { kind })
    assert.equal(b.asked.length, 1)
  }
})

test('what was under way when a value was forgotten is not kept', async () => {
  const b = bench()
  const held = Promise.withResolvers<{ value: string; version: number }>()
  b.answer = () => held.promise
  const early = b.cache.get('x')
  b.cache.invalidate('x')
  b.answer = () => Promise.resolve({ value: 'new', version: 2 })
  assert.equal(await b.cache.get('x'), 'new')
  held.resolve({ value: 'old', version: 1 })
  assert.equal(await early, 'old')
  assert.equal(await b.cache.get('x'), 'new')
})

test('a version that ends by itself is not served after its end, outage or not', async () => {
  const b = bench({ startupSeconds: 0 })
  b.answer = () => Promise.resolve({ value: 'short', version: 1, expiresAt: new Date((START + 30) * 1000).toISOString() })
  await b.cache.get('x')
  b.answer = () => Promise.reject(failure('unavailable'))
  b.pass(31)
  await assert.rejects(b.cache.get('x'), { kind: 'unavailable' })
})

test('a machine that slept, or a clock that was set back, does not make a value young', async () => {
  const slept = bench({ startupSeconds: 0 })
  await slept.cache.get('x')
  slept.answer = () => Promise.reject(failure('unavailable'))
  slept.wall += 901
  await assert.rejects(slept.cache.get('x'), { kind: 'unavailable' })
  const setBack = bench({ startupSeconds: 0 })
  await setBack.cache.get('x')
  setBack.answer = () => Promise.reject(failure('unavailable'))
  setBack.wall -= 100_000
  setBack.monotonic += 901
  await assert.rejects(setBack.cache.get('x'), { kind: 'unavailable' })
})

test('errors, events and counts hold no value', async () => {
  const told: unknown[] = []
  const b = bench({ onRefreshFailure: (event) => told.push(event.path, event.error.message, event.error.stack, event.ageSeconds) })
  b.answer = () => Promise.resolve({ value: 'canary-5f1c', version: 1 })
  await b.cache.get('x')
  b.answer = () => Promise.reject(failure('unavailable'))
  b.pass(100)
  await b.cache.get('x')
  assert.ok(told.length > 0)
  assert.doesNotMatch(JSON.stringify([told, b.cache.stats(), String(b.cache), { ...b.cache }]), /canary-5f1c/)
})
