import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { sha256Hex } from '../../crypto/digest.ts'
import { INVALID_CREDENTIALS } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import type { SealedEntry } from '../../kernel/ports/sealed-store.ts'
import { defaultLockout, lockedNames, locking, unlock, type LockedName, type LockoutStore } from './lockout.ts'
import { Tries } from './tries.ts'

/** The contract of the store, in memory: versions that rise, and compare-and-swap. */
const memory = (): LockoutStore & { readonly entries: Map<string, SealedEntry> } => {
  const entries = new Map<string, SealedEntry>()
  const get = async (key: string): Promise<SealedEntry | undefined> => entries.get(key)
  return {
    entries,
    get,
    recall: get,
    async put(key, value, cas) {
      const before = entries.get(key)?.version ?? 0
      if (cas !== before) throw fail('conflict', 'test.conflict', 'changed meanwhile')
      entries.set(key, { value, version: before + 1 })
    },
    names: async (prefix) => [...entries.keys()].map((key) => key.slice(prefix.length)),
  }
}

const by = (mac: string): LockedName => ({ mac, name: `name of ${mac.slice(0, 4)}` })
const atOnce = { inTurn: <T>(task: () => Promise<T>): Promise<T> => task() }
/** Of another worker than all others, unless the same tries are given. */
const attempt = <T>(store: LockoutStore, mac: string, at: number, verify: () => Promise<T>, tries = new Tries(1)): Promise<T> => locking({ store, who: by(mac), config: defaultLockout, isUnguessable: false, tries, now: () => at, ...atOnce }, verify)

const wrong = async (): Promise<never> => {
  throw fail('invalid_request', INVALID_CREDENTIALS, 'invalid username or password')
}
const ann = sha256Hex('ann')

const failTimes = async (view: LockoutStore, name: string, times: number, now: number): Promise<void> => {
  for (let i = 0; i < times; i += 1) await assert.rejects(attempt(view, name, now, wrong), { code: INVALID_CREDENTIALS })
}

test('the sixth attempt is refused without a look at the credential, until the time is over', async () => {
  const view = memory()
  await failTimes(view, ann, 5, 0)
  let looked = false
  const right = async (): Promise<string> => {
    looked = true
    return 'in'
  }
  await assert.rejects(attempt(view, ann, 899_999, right), { code: 'auth.locked' })
  assert.equal(looked, false)
  assert.equal(await attempt(view, ann, 900_000, right), 'in')
})

test('failures that lie far enough apart never lock', async () => {
  const view = memory()
  for (let i = 0; i < 20; i += 1) await failTimes(view, ann, 1, i * 900_000)
})

test('a success begins the count anew, and unlocking does', async () => {
  const view = memory()
  await failTimes(view, ann, 4, 0)
  await attempt(view, ann, 1, async () => 'in')
  await failTimes(view, ann, 4, 2)
  await failTimes(view, ann, 1, 3)
  await unlock(view, by(ann), defaultLockout, 4)
  assert.equal(await attempt(view, ann, 5, async () => 'in'), 'in')
})

test('failures at the same time are all counted', async () => {
  const view = memory()
  await Promise.all(Array.from({ length: 5 }, () => failTimes(view, ann, 1, 0)))
  await assert.rejects(attempt(view, ann, 1, async () => 'in'), { code: 'auth.locked' })
})

/** What became of all, in order. */
const settled = async (attempts: readonly Promise<string>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(attempts)).map((each) => (each.status === 'fulfilled' ? each.value : (each.reason as { readonly code: string }).code)) // what fails here is ours

const counted = (codes: readonly string[]): Readonly<Record<string, number>> => Object.fromEntries(Object.entries(Object.groupBy(codes, (code) => code)).map(([code, found]) => [code, found?.length ?? 0]))

/** A directory that takes a moment to answer, and how many it was asked at once. */
const slow = () => {
  const seen = { tried: 0, underWay: 0, most: 0 }
  const ask = (isRight: boolean) => async (): Promise<string> => {
    seen.tried += 1
    seen.most = Math.max(seen.most, (seen.underWay += 1))
    for (let i = 0; i < 5; i += 1) await turn()
    seen.underWay -= 1
    return isRight ? 'in' : wrong()
  }
  return { seen, ask }
}

for (const before of [0, 3]) {
  test(`of forty guesses at once no more are tried than may still fail, after ${before} failures`, async () => {
    const [view, tries, { seen, ask }] = [memory(), new Tries(1), slow()]
    await failTimes(view, ann, before, 0)
    // The right one comes too late.
    const codes = await settled(Array.from({ length: 40 }, (_, i) => attempt(view, ann, 1, ask(i === 20), tries)))
    assert.deepEqual(counted(codes), { [INVALID_CREDENTIALS]: 5 - before, 'auth.locked': 35 + before })
    assert.equal(seen.tried, 5 - before)
  })
}

test('of guesses at once in several workers no more are told to be wrong, and those of each worker are a share', async () => {
  const [view, { seen, ask }] = [memory(), slow()]
  const workers = [new Tries(2), new Tries(2)]
  const codes = await settled(Array.from({ length: 40 }, (_, i) => attempt(view, ann, 1, ask(false), workers[i % 2])))
  assert.deepEqual(counted(codes), { [INVALID_CREDENTIALS]: 5, 'auth.locked': 35 })
  assert.ok(seen.most <= 4)
  assert.ok(seen.tried <= 6, `${seen.tried} were tried`)
})

test('a crowd that knows the credential gets in as a whole, a few at a time', async () => {
  const [view, tries, { seen, ask }] = [memory(), new Tries(1), slow()]
  await failTimes(view, ann, 3, 0)
  const codes = await settled(Array.from({ length: 40 }, () => attempt(view, ann, 1, ask(true), tries)))
  assert.deepEqual(counted(codes), { in: 40 })
  assert.equal(seen.most, 5)
})

test('what ends without a verdict makes room for the next, and other names do not wait', async () => {
  const [view, tries] = [memory(), new Tries(5)]
  const { promise, reject } = Promise.withResolvers<string>()
  const first = attempt(view, ann, 0, () => promise, tries)
  const next = attempt(view, ann, 0, async () => 'in', tries)
  assert.equal(await attempt(view, sha256Hex('bob'), 0, async () => 'in', tries), 'in')
  reject(fail('unavailable', 'test.away', 'The directory is away.'))
  await assert.rejects(first, { code: 'test.away' })
  assert.equal(await next, 'in')
})

test('attempts with secrets that nobody guesses do not wait for each other', async () => {
  const [view, tries, { seen, ask }] = [memory(), new Tries(1), slow()]
  const who = { store: view, who: by(ann), config: defaultLockout, isUnguessable: true, tries, now: () => 0, ...atOnce }
  await settled(Array.from({ length: 40 }, () => locking(who, ask(true))))
  assert.equal(seen.most, 40)
})

test('a right guess among many at once does not pass when the others lock the name meanwhile', async () => {
  const view = memory()
  const right = attempt(view, ann, 0, async () => {
    await failTimes(view, ann, 5, 0)
    return 'in'
  })
  await assert.rejects(right, { code: 'auth.locked' })
})

test('other faults than a wrong credential do not count', async () => {
  const view = memory()
  for (let i = 0; i < 10; i += 1) await assert.rejects(attempt(view, ann, 0, async () => { throw fail('unavailable', 'x', 'busy') }))
  assert.equal(view.entries.size, 0)
})

test('however many names fail, the state stays bounded', async () => {
  const view = memory()
  const sameBucket = (n: number): string => `abc${sha256Hex(String(n)).slice(3)}`
  for (let n = 0; n < 200; n += 1) await failTimes(view, sameBucket(n), 1, n)
  assert.deepEqual([...view.entries.keys()], ['sys/lockout/abc'])
  assert.equal(Object.keys(view.entries.get('sys/lockout/abc')?.value as object).length, 64)
})

test('the names that are locked are told while they are', async () => {
  const view = memory()
  const bob = sha256Hex('bob')
  await failTimes(view, ann, 5, 0)
  await failTimes(view, bob, 4, 0)
  assert.deepEqual(await lockedNames(view, defaultLockout, 1), [by(ann).name])
  assert.deepEqual(await lockedNames(view, defaultLockout, 900_000), [])
})

test('a count that is remembered is enough for secrets that nobody guesses, and not for those that people choose', async () => {
  const view = memory()
  const forgetful = { ...view, recall: async () => undefined }
  await failTimes(view, ann, 5, 0)
  const right = { store: forgetful, who: by(ann), config: defaultLockout, tries: new Tries(1), now: () => 1, ...atOnce }
  await assert.rejects(locking({ ...right, isUnguessable: false }, async () => 'in'), { code: 'auth.locked' })
  assert.equal(await locking({ ...right, isUnguessable: true }, async () => 'in'), 'in')
})
