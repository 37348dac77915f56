// What a plan may be learned from, and when a read waits for its token. Whether plans answer as the general way does is api/http/warm.test.ts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeRegistry, type Mount } from '../kernel/tenancy.ts'
import type { Lesson } from './ports.ts'
import { WarmReads, type WarmPorts } from './warm.ts'

const orgId = '0198c5d2-7a00-7abc-9def-000000000001'
const mount: Mount = { mountId: '0198c5d2-7a00-7abc-9def-000000000002', class: 'secret', path: 'secret', type: 'kv', description: '', options: { version: '2' }, config: {}, createdAt: 0, rowVersion: 1 }

/** Only what learning looks at; a plan that was not learned asks the cache for nothing. */
const setUp = () => {
  const places = { now: makeRegistry(orgId, [mount], []) }
  const organizations = { now: 0 }
  const asked: string[] = []
  const caller = { orgId, lock: undefined }
  const ports = {
    registry: () => places.now,
    organizations: () => organizations.now,
    tokens: { peek: () => ({ numUses: 0, boundCidrs: [], caller, decide: () => ({ allow: true, rule: 'root', reason: '' }) }) },
    secrets: { keyOf: () => 'the secret', cached: (key: string) => void asked.push(key) },
    pieces: { actor: () => '' },
    journal: {},
    now: () => 0,
  }
  const reads = new WarmReads(ports as unknown as WarmPorts)
  const learn = (lesson: { readonly places: unknown; readonly mount: unknown; readonly organizations?: number }): void =>
    reads.learn({ ...lesson, operation: {}, answer: {}, form: { target: '/v1/secret/data/x' }, door: 'vault', projectHeader: undefined, caller, address: { orgId }, selector: 'current', action: 'reveal', resource: {}, draft: {} } as unknown as Lesson)
  const isKnown = (): boolean => {
    reads.begin({ target: '/v1/secret/data/x', token: 't', organizationHeader: undefined, projectHeader: undefined, sourceIp: undefined }, () => undefined)
    return asked.length > 0
  }
  return { places, organizations, learn, isKnown }
}

test('a target whose places stayed the same is learned', () => {
  const { places, learn, isKnown } = setUp()
  learn({ places: places.now, mount })
  assert.equal(isKnown(), true)
})

test('a target whose places changed while it was answered is not: it may mean another secret now', () => {
  const { places, learn, isKnown } = setUp()
  const before = places.now
  places.now = makeRegistry(orgId, [mount], [])
  learn({ places: before, mount })
  assert.equal(isKnown(), false)
})

test('nor is one that the door routed to a mount which is not there any more', () => {
  const { places, learn, isKnown } = setUp()
  learn({ places: places.now, mount: { ...mount } })
  assert.equal(isKnown(), false)
})

test('a name of several organizations is learned as it was before it was resolved, and forgotten with the next change of any', () => {
  const { places, organizations, learn, isKnown } = setUp()
  organizations.now = 1
  learn({ places: places.now, mount, organizations: 0 })
  assert.equal(isKnown(), false)
  learn({ places: places.now, mount, organizations: 1 })
  organizations.now = 2
  assert.equal(isKnown(), false)
  learn({ places: places.now, mount, organizations: 2 })
  assert.equal(isKnown(), true)
})

describe('a token that is not in the cache', () => {
  /** One whose look-up is pending until it is let go. */
  const unknown = ({ isLimited = false, target = '/v1/secret/data/x' } = {}) => {
    const places = makeRegistry(orgId, [mount], [])
    const caller = { orgId, lock: undefined }
    const looked: ((found: unknown) => void)[] = []
    const ports = {
      registry: () => places, organizations: () => 0,
      tokens: { peek: () => undefined, authenticate: () => new Promise((resolve) => void looked.push(resolve)) },
      secrets: { keyOf: () => 'the secret', cached: () => undefined }, pieces: { actor: () => '' }, journal: {}, now: () => 0,
      limits: { active: isLimited },
    }
    const reads = new WarmReads(ports as unknown as WarmPorts)
    reads.learn({ places, mount, operation: {}, answer: {}, form: { target: '/v1/secret/data/x' }, door: 'vault', projectHeader: undefined, caller, address: { orgId }, selector: 'current', action: 'reveal', resource: {}, draft: {} } as unknown as Lesson)
    let left = 0
    const begin = (): boolean => reads.begin({ target, token: 't', organizationHeader: undefined, projectHeader: undefined, sourceIp: undefined }, () => undefined, () => void (left += 1))
    return { begin, looked, caller, left: () => left, counters: reads.counters }
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('is waited for, and the read goes the general way when it is nobody\'s or its plan does not hold', async () => {
    const { begin, looked, caller, left, counters } = unknown()
    assert.deepEqual([begin(), begin()], [true, true])
    looked[0]?.(undefined)
    looked[1]?.({ numUses: 0, boundCidrs: [], caller, decide: () => ({ allow: true, rule: 'root', reason: '' }) })
    await settle()
    assert.equal(left(), 2)
    assert.deepEqual(counters, { answered: 0, left: 2 })
  })

  test('is not looked up for a target that nobody taught', () => {
    const { begin, looked } = unknown({ target: '/v1/secret/data/y' })
    assert.deepEqual([begin(), looked.length], [false, 0])
  })

  test('nor while there are limits: a guess must count before anything is looked up for it', () => {
    const { begin, looked } = unknown({ isLimited: true })
    assert.deepEqual([begin(), looked.length], [false, 0])
  })

  test('nor when very many wait already', async () => {
    const { begin, looked } = unknown()
    let waiting = 0
    while (begin()) waiting += 1
    assert.equal(waiting, looked.length)
    assert.ok(waiting >= 256 && waiting <= 4096, `${waiting} wait`)
    looked[0]?.(undefined)
    await settle()
    assert.deepEqual([begin(), begin()], [true, false])
  })
})
