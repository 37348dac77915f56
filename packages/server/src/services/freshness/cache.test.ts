import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock } from '../../lib/clock.ts'
import { CacheRegion, type Loaded, type RegionOptions } from './cache.ts'

const org = 'org-1'

const rig = (options: Partial<RegionOptions<string>> = {}) => {
  const clock = new ManualClock()
  const lease = { held: true, usableAt: () => lease.held }
  const evicted: string[] = []
  const region = new CacheRegion<string>(
    {
      name: 'test',
      maxBytes: 100_000,
      maxAgeMs: 1_000,
      affects: { secret: ({ key }) => ({ key }), policy: () => 'organization', principal: ({ key }) => [{ tag: key }], root: () => 'everything' },
      onEvict: (value) => evicted.push(value),
      ...options,
    },
    { lease, clock },
  )
  return { clock, lease, region, evicted }
}

const gate = () => {
  let open: (loaded: Loaded<string>) => void = () => undefined
  let started = 0
  const loader = () =>
    new Promise<Loaded<string>>((resolve) => {
      started += 1
      open = resolve
    })
  return { loader, open: (value: string, tags: string[] = []) => open({ value, bytes: 1, tags }), started: () => started }
}

const load = (value: string, more: Partial<Loaded<string>> = {}) => async (): Promise<Loaded<string>> => ({ value, bytes: 1, ...more })

test('what was loaded is peeked at while the lease is usable, and only then', async () => {
  const { region, lease } = rig()
  assert.equal(await region.getOrLoad(org, 'k', load('v')), 'v')
  assert.equal(region.peek('k'), 'v')
  lease.held = false
  assert.equal(region.peek('k'), undefined)
  assert.equal(await region.getOrLoad(org, 'k', load('newer')), 'newer')
  lease.held = true
  assert.equal(region.peek('k'), 'newer')
})

const invalidations: readonly [string, (region: CacheRegion<string>) => void][] = [
  ['its key', (region) => region.invalidate('k')],
  ['its organization', (region) => region.invalidateOrganization(org)],
  ['a tag of its', (region) => region.invalidateTag('p')],
  ['everything', (region) => region.clear()],
  ['so many other things that nobody counts them', (region) => Array.from({ length: 10_002 }, (_, n) => region.invalidate(`other-${n}`))],
]

for (const [what, invalidate] of invalidations) {
  test(`a fill that began before an invalidation of ${what} answers its own reader and never enters`, async () => {
    const { region } = rig()
    const { loader, open } = gate()
    const reading = region.getOrLoad(org, 'k', loader)
    invalidate(region)
    open('old', ['p'])
    assert.equal(await reading, 'old')
    assert.equal(region.peek('k'), undefined)
    assert.equal(region.counters.voided, 1)
    assert.equal(await region.getOrLoad(org, 'k', load('new', { tags: ['p'] })), 'new')
    assert.equal(region.peek('k'), 'new')
  })

  test(`a reader who comes after an invalidation of ${what} does not share a fill from before it`, async () => {
    const { region } = rig()
    const { loader, open } = gate()
    const before = region.getOrLoad(org, 'k', loader)
    invalidate(region)
    assert.equal(await region.getOrLoad(org, 'k', load('new', { tags: ['p'] })), 'new')
    open('old', ['p'])
    assert.equal(await before, 'old')
    assert.equal(region.peek('k'), 'new')
  })
}

for (const [what, invalidate] of invalidations) {
  test(`what its maker puts there does not enter after an invalidation of ${what} meanwhile`, () => {
    const { region } = rig()
    const fill = region.open(org)
    invalidate(region)
    fill.keep('k', { value: 'old', bytes: 1, tags: ['p'] })
    assert.equal(region.peek('k'), undefined)
    const next = region.open(org)
    next.keep('k', { value: 'new', bytes: 1, tags: ['p'] })
    assert.equal(region.peek('k'), 'new')
    invalidate(region)
    if (what !== invalidations.at(-1)?.[0]) assert.equal(region.peek('k'), undefined)
  })
}

test('an open fill ends once, with its value or with nothing', async () => {
  const { region } = rig()
  const fill = region.open(org)
  fill.end()
  fill.end()
  assert.throws(() => fill.keep('k', { value: 'v', bytes: 1 }), /has ended/)
  // One that was closed twice would let go of the marks that this one needs.
  const { loader, open } = gate()
  const reading = region.getOrLoad(org, 'k', loader)
  region.open(org).end()
  region.invalidate('k')
  region.open(org).end()
  open('old')
  await reading
  assert.equal(region.peek('k'), undefined)
})

test('an invalidation of something else leaves a fill alone', async () => {
  const { region } = rig()
  const { loader, open } = gate()
  const reading = region.getOrLoad(org, 'k', loader)
  region.invalidate('other')
  region.invalidateOrganization('org-2')
  region.invalidateTag('q')
  open('v', ['p'])
  await reading
  assert.equal(region.peek('k'), 'v')
})

test('under the lease readers share a load; without it each reads for itself', async () => {
  const { region, lease } = rig()
  const shared = gate()
  const readers = [region.getOrLoad(org, 'k', shared.loader), region.getOrLoad(org, 'k', shared.loader)]
  assert.equal(shared.started(), 1)
  shared.open('v')
  assert.deepEqual(await Promise.all(readers), ['v', 'v'])
  lease.held = false
  await Promise.all([region.getOrLoad(org, 'k', load('w')), region.getOrLoad(org, 'k', load('w'))])
  assert.equal(region.counters.fills, 3)
})

test('a load that fails is told to those who waited and not remembered', async () => {
  const { region } = rig()
  await assert.rejects(region.getOrLoad(org, 'k', () => Promise.reject(new Error('away'))), /away/)
  await assert.rejects(region.getOrLoad(org, 'k', () => { throw new Error('at once') }), /at once/)
  assert.equal(await region.getOrLoad(org, 'k', load('v')), 'v')
})

test('an entry ends with its age, the shorter of its own and its region\'s', async () => {
  const { region, clock } = rig()
  await region.getOrLoad(org, 'short', load('none', { maxAgeMs: 100 }))
  await region.getOrLoad(org, 'long', load('v', { maxAgeMs: 1e9 }))
  await region.getOrLoad(org, 'never', load('v', { maxAgeMs: 0 }))
  assert.equal(region.peek('never'), undefined)
  clock.advance(100)
  assert.equal(region.peek('short'), undefined)
  assert.equal(region.peek('long'), 'v')
  clock.advance(900)
  assert.equal(region.peek('long'), undefined)
})

test('the byte budget holds, and what is larger than all of it is not kept', async () => {
  const { region } = rig({ maxBytes: 2_000 })
  for (let n = 0; n < 100; n += 1) await region.getOrLoad(org, `k${n}`, load('v', { bytes: 100 }))
  assert.ok(region.bytes <= 2_000 && region.count > 1)
  await region.getOrLoad(org, 'large', load('v', { bytes: 2_000 }))
  assert.equal(region.peek('large'), undefined)
})

test('every value that the region lets go of or never took in is given to onEvict once, and not within the turn that handed it out', async () => {
  const { region, evicted, clock } = rig()
  const { loader, open } = gate()
  await region.getOrLoad(org, 'a', load('deleted'))
  await region.getOrLoad(org, 'b', load('of the organization'))
  await region.getOrLoad(org, 'c', load('too old', { maxAgeMs: 10 }))
  const voided = region.getOrLoad(org, 'd', loader)
  region.invalidate('a')
  region.invalidate('d')
  open('voided')
  await voided
  assert.deepEqual(evicted, [])
  clock.advance(10)
  region.sweep()
  await turn()
  assert.deepEqual(evicted.toSorted(), ['deleted', 'too old', 'voided'])
  region.invalidateOrganization(org)
  region.sweep()
  await turn()
  assert.deepEqual(evicted.length, 4)
  assert.equal(region.count, 0)
})

test('changes drop what the region says they affect, and a kind it does not know nothing', async () => {
  const { region } = rig()
  const fill = async () => {
    await region.getOrLoad(org, 'x', load('v', { tags: ['p'] }))
    await region.getOrLoad(org, 'y', load('v'))
    await region.getOrLoad('org-2', 'z', load('v'))
  }
  const left = async (kind: string, key: string) => {
    await fill()
    region.apply([{ orgId: org, kind, key }])
    return ['x', 'y', 'z'].filter((name) => region.peek(name) !== undefined).join('')
  }
  assert.equal(await left('secret', 'y'), 'xz')
  assert.equal(await left('principal', 'p'), 'yz')
  assert.equal(await left('policy', ''), 'z')
  assert.equal(await left('root', ''), '')
  assert.equal(await left('constructor', 'x'), 'xyz')
})
