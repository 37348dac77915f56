// A model of what a cache may answer: nothing older than what was current when the last invalidation that concerns the key was applied.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../../lib/clock.ts'
import { CacheRegion, type Loaded } from './cache.ts'

const orgs = ['o1', 'o2']
const names = ['a', 'b', 'c']
const tags = ['t', 'u']

interface OpenLoad {
  readonly slot: number
  readonly seen: number
  readonly floor: number
  readonly finish: () => Promise<number>
}

type Step =
  | { readonly do: 'read' | 'make' | 'peek' | 'write' | 'invalidate'; readonly slot: number }
  | { readonly do: 'finish' | 'tag' | 'org'; readonly which: number }
  | { readonly do: 'clear' | 'lease' | 'sweep' }
  | { readonly do: 'time'; readonly ms: number }

const slots = orgs.flatMap((orgId, o) => names.map((name, n) => ({ orgId, key: `${orgId}/${name}`, tags: n === 0 ? [] : [tags[(o + n) % 2] ?? ''] })))
const anySlot = fc.nat(slots.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'make' as const, 'peek' as const, 'write' as const, 'invalidate' as const), slot: anySlot }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('tag' as const, 'org' as const), which: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('clear' as const, 'lease' as const, 'sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.nat(600) }) },
)

class Model {
  readonly clock = new ManualClock()
  held = true
  readonly region = new CacheRegion<number>({ name: 'm', maxBytes: 1_200, maxAgeMs: 1_000, affects: {} }, { lease: { usableAt: () => this.held }, clock: this.clock })
  /** What a load begun now reads, and what an answer to a reader who comes now must not be older than. */
  readonly stored = slots.map(() => 0)
  readonly floors = slots.map(() => 0)
  open: OpenLoad[] = []
  hits = 0

  read(slot: number): void {
    const { orgId, key, tags: ofSlot } = this.at(slot)
    const seen = this.stored[slot] ?? 0
    let settle: (loaded: Loaded<number>) => void = () => undefined
    const answer = this.region.getOrLoad(orgId, key, () => new Promise((resolve) => (settle = resolve)))
    const finish = (): Promise<number> => {
      settle({ value: seen, bytes: 8, tags: ofSlot })
      return answer
    }
    this.open.push({ slot, seen, floor: this.floors[slot] ?? 0, finish })
  }

  /** A value by its maker, who reads what is stored and puts it there when it is ready. */
  make(slot: number): void {
    const { orgId, key, tags: ofSlot } = this.at(slot)
    const fill = this.region.open(orgId)
    const seen = this.stored[slot] ?? 0
    const finish = (): Promise<number> => {
      fill.keep(key, { value: seen, bytes: 8, tags: ofSlot })
      return Promise.resolve(seen)
    }
    this.open.push({ slot, seen, floor: this.floors[slot] ?? 0, finish })
  }

  raise(which: (slot: (typeof slots)[number]) => boolean): void {
    slots.forEach((slot, n) => {
      if (which(slot)) this.floors[n] = this.stored[n] ?? 0
    })
  }

  at(slot: number): (typeof slots)[number] {
    const found = slots[slot]
    assert.ok(found)
    return found
  }

  async run(todo: Step): Promise<void> {
    const { region } = this
    if (todo.do === 'read') this.read(todo.slot)
    else if (todo.do === 'make') this.make(todo.slot)
    else if (todo.do === 'write') this.stored[todo.slot] = (this.stored[todo.slot] ?? 0) + 1
    else if (todo.do === 'peek') this.peek(todo.slot)
    else if (todo.do === 'invalidate') {
      region.invalidate(this.at(todo.slot).key)
      this.raise(({ key }) => key === this.at(todo.slot).key)
    } else if (todo.do === 'tag') {
      region.invalidateTag(tags[todo.which] ?? '')
      this.raise((slot) => slot.tags.includes(tags[todo.which] ?? ''))
    } else if (todo.do === 'org') {
      region.invalidateOrganization(orgs[todo.which] ?? '')
      this.raise(({ orgId }) => orgId === orgs[todo.which])
    } else if (todo.do === 'clear') {
      region.clear()
      this.raise(() => true)
    } else if (todo.do === 'lease') this.held = !this.held
    else if (todo.do === 'sweep') region.sweep()
    else if (todo.do === 'time') this.clock.advance(todo.ms)
    else if (todo.do === 'finish') await this.finish(todo.which)
  }

  /** Those who share a load hang on its first reader's gate, so a load is finished for all of its key at once. */
  async finish(which: number): Promise<void> {
    const chosen = this.open[which % Math.max(1, this.open.length)]
    if (chosen === undefined) return
    const together = this.open.filter(({ slot }) => slot === chosen.slot)
    this.open = this.open.filter(({ slot }) => slot !== chosen.slot)
    for (const { floor, value } of await Promise.all(together.map(async ({ floor, finish }) => ({ floor, value: await finish() })))) assert.ok(value >= floor)
  }

  peek(slot: number): void {
    const value = this.region.peek(this.at(slot).key)
    if (value === undefined) return
    assert.ok(this.held)
    assert.ok(value >= (this.floors[slot] ?? 0), 'older than the last invalidation')
    this.hits += 1
  }
}

test('no order of reads, writes, slow loads and invalidations brings back what was invalidated', async () => {
  let hits = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const model = new Model()
      for (const todo of steps) await model.run(todo)
      while (model.open.length > 0) await model.finish(0)
      slots.forEach((_, slot) => model.peek(slot))
      assert.ok(model.region.bytes <= 1_200)
      hits += model.hits
    }),
    { numRuns: 500 },
  )
  assert.ok(hits > 100, 'the model hardly ever met a cached value')
})
