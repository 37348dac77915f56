import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gathering, Portions, type GatheringOptions } from './gathering.ts'

class Refused extends Error {}

/** What was sent, and how to let a sending end. */
const harness = (most = 100, more: Partial<GatheringOptions<string, string>> = {}) => {
  const sent: string[] = []
  const ends: (() => void)[] = []
  const gathering = new Gathering<string, string>({
    most,
    ...more,
    isOfOne: (error) => error instanceof Refused,
    async send(key, items) {
      sent.push(`${key}:${items.join('')}`)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (items.includes('!')) throw new Refused()
      if (items.includes('?')) throw new Error('lost')
      return items.map((item) => item.toUpperCase())
    },
  })
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  /** Lets everything end that is under way or comes of it. */
  const finish = async (): Promise<void> => {
    for (let turns = 0; turns < 10; turns += 1) {
      for (const end of ends.splice(0)) end()
      await turn()
    }
  }
  return { sent, gathering, turn, finish }
}

test('what is alone is sent in the same turn of the loop', async () => {
  const { sent, gathering, turn, finish } = harness()
  const one = gathering.add('k', 'a')
  await turn()
  assert.deepEqual(sent, ['k:a'])
  await finish()
  assert.equal(await one, 'A')
})

test('what comes while something is under way goes together after it, each with its own answer', async () => {
  const { sent, gathering, turn, finish } = harness()
  const first = gathering.add('k', 'a')
  await turn()
  const others = ['b', 'c', 'd'].map((item) => gathering.add('k', item))
  await turn()
  assert.deepEqual(sent, ['k:a'])
  await finish()
  assert.deepEqual(await Promise.all([first, ...others]), ['A', 'B', 'C', 'D'])
  assert.deepEqual(sent, ['k:a', 'k:bcd'])
  const again = gathering.add('k', 'e')
  await finish()
  assert.equal(await again, 'E')
})

test('keys do not wait for each other, and are never mixed', async () => {
  const { sent, gathering, turn, finish } = harness()
  const all = [gathering.add('k', 'a'), gathering.add('l', 'b'), gathering.add('k', 'c')]
  await turn()
  assert.deepEqual(sent, ['k:ac', 'l:b'])
  await finish()
  assert.deepEqual(await Promise.all(all), ['A', 'B', 'C'])
})

test('no more go together than may', async () => {
  const { sent, gathering, finish } = harness(2)
  const all = ['a', 'b', 'c'].map((item) => gathering.add('k', item))
  await finish()
  assert.deepEqual(await Promise.all(all), ['A', 'B', 'C'])
  assert.deepEqual(sent, ['k:ab', 'k:c'])
})

test('what is refused because of one is sent one by one, and only that one fails', async () => {
  const { sent, gathering, finish } = harness()
  const all = Promise.allSettled(['a', '!', 'c'].map((item) => gathering.add('k', item)))
  await finish()
  assert.deepEqual((await all).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
  assert.deepEqual(sent, ['k:a!c', 'k:a', 'k:!', 'k:c'])
})

test('a failure that may have done something is never tried again', async () => {
  const { sent, gathering, finish } = harness()
  const all = Promise.allSettled(['a', '?', 'c'].map((item) => gathering.add('k', item)))
  await finish()
  assert.deepEqual((await all).map(({ status }) => status), ['rejected', 'rejected', 'rejected'])
  assert.deepEqual(sent, ['k:a?c'])
})

test('another journey beside one that is under way needs enough to be worth it', async () => {
  const { sent, gathering, turn, finish } = harness(100, { journeys: 2, worthwhile: 2 })
  const all = [gathering.add('k', 'a')]
  await turn()
  all.push(gathering.add('k', 'b'))
  await turn()
  assert.deepEqual(sent, ['k:a'])
  all.push(gathering.add('k', 'c'))
  await turn()
  assert.deepEqual(sent, ['k:a', 'k:bc'])
  all.push(gathering.add('k', 'd'), gathering.add('k', 'e'))
  await turn()
  assert.equal(sent.length, 2)
  await finish()
  assert.deepEqual(sent, ['k:a', 'k:bc', 'k:de'])
  assert.deepEqual(await Promise.all(all), ['A', 'B', 'C', 'D', 'E'])
  assert.equal(gathering.count, 0)
})

test('what is large goes by itself, and no more bytes together than may', async () => {
  const { sent, gathering, finish } = harness(100, { mostBytes: 10 })
  const all = ([['a', 4], ['b', 4], ['c', 4], ['d', 99], ['e', 1], ['f', 1]] as const).map(([item, bytes]) => gathering.add('k', item, bytes))
  await finish()
  assert.deepEqual(sent, ['k:ab', 'k:c', 'k:d', 'k:ef'])
  assert.equal((await Promise.all(all)).length, 6)
})

test('what comes while a journey waits for its place goes with it', async () => {
  const { promise: free, resolve } = Promise.withResolvers<void>()
  const { sent, gathering, turn, finish } = harness(100, { place: (journey) => free.then(journey) })
  const all = [gathering.add('k', 'a')]
  await turn()
  all.push(gathering.add('k', 'b'))
  resolve()
  await finish()
  assert.deepEqual(sent, ['k:ab'])
  assert.deepEqual(await Promise.all(all), ['A', 'B'])
  assert.equal(gathering.count, 0)
})

test('answers that keep others waiting are heard a portion in each turn of the loop', async () => {
  const { gathering, turn, finish } = harness(100, { portions: new Portions(2) })
  const heard: string[] = []
  const all = ['a', 'b', 'c', 'd', 'e'].map((item) => gathering.add('k', item).then((answer) => heard.push(answer)))
  await turn()
  const counts: number[] = []
  const ending = finish()
  for (let turns = 0; turns < 8; turns += 1) {
    await turn()
    counts.push(heard.length)
  }
  await Promise.all([ending, ...all])
  assert.deepEqual([...new Set(counts)].filter((count) => count > 0), [2, 4, 5])
  assert.deepEqual(heard, ['A', 'B', 'C', 'D', 'E'])
})

test('the next journey does not wait until all have heard of the last', async () => {
  const heard: string[] = []
  const { sent, gathering, finish } = harness(3, { portions: new Portions(1) })
  const all = ['a', 'b', 'c', 'd'].map((item) => gathering.add('k', item).then((answer) => heard.push(`${answer}${sent.length}`)))
  await finish()
  await Promise.all(all)
  assert.deepEqual(sent, ['k:abc', 'k:d'])
  assert.ok(heard.includes('C2'), heard.join())
  assert.equal(gathering.count, 0)
})

test('of what is sent one by one each hears of his own, whatever the portion', async () => {
  const { sent, gathering, finish } = harness(100, { portions: new Portions(1) })
  const all = Promise.allSettled(['a', '!', 'c', '?'].map((item) => gathering.add('k', item)))
  await finish()
  assert.deepEqual((await all).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  assert.deepEqual(sent, ['k:a!c?', 'k:a', 'k:!', 'k:c', 'k:?'])
})

test('portions are shared by all who tell by them, in the order in which they came', async () => {
  const portions = new Portions(2)
  const heard: string[] = []
  const say = (text: string) => () => void heard.push(text)
  portions.tell([say('a'), say('b'), say('c')])
  portions.tell([say('d')])
  assert.deepEqual(heard, ['a', 'b'])
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await turn()
  assert.deepEqual(heard, ['a', 'b', 'c', 'd'])
  portions.tell([say('e')])
  assert.equal(heard.length, 4)
  await turn()
  await turn()
  assert.deepEqual(heard, ['a', 'b', 'c', 'd', 'e'])
  await turn()
  portions.tell([])
  portions.tell([say('f')])
  assert.equal(heard.at(-1), 'f')
})
