import assert from 'node:assert/strict'
import { setImmediate as oneTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { Gatherer, type GathererOptions } from './gatherer.ts'

/** Two: what ends in the first may begin something for the next. */
const turn = async (): Promise<void> => {
  await oneTurn()
  await oneTurn()
}

type Options = GathererOptions<number, string>

/** Flights that end when the test says so. */
const gatherer = (over: Partial<Options> = {}) => {
  const flights: { readonly items: readonly number[]; readonly end: () => void; readonly fail: (error: Error) => void }[] = []
  const alone: number[] = []
  const run: Options['run'] = (items) => new Promise((resolve, reject) => {
    flights.push({ items, end: () => resolve(items.map((item) => `did ${item}`)), fail: reject })
  })
  const runAlone: Options['runAlone'] = async (item) => {
    alone.push(item)
    if (item === 13) throw new Error('not this one')
    return `did ${item} alone`
  }
  return { flights, alone, gather: new Gatherer({ run, runAlone, isSeparable: (error) => error instanceof Error && error.message === 'one of them', maxItems: 100, maxBytes: 1000, flights: 1, worthwhile: 1, ...over }) }
}

test('one alone goes at once, and what comes meanwhile goes together', async () => {
  const { flights, gather } = gatherer()
  const first = gather.add(1, 1)
  await turn()
  const others = [2, 3, 4].map((item) => gather.add(item, 1))
  await turn()
  assert.deepEqual(flights.map(({ items }) => items), [[1]])
  flights[0]?.end()
  assert.equal(await first, 'did 1')
  await turn()
  assert.deepEqual(flights.map(({ items }) => items), [[1], [2, 3, 4]])
  flights[1]?.end()
  assert.deepEqual(await Promise.all(others), ['did 2', 'did 3', 'did 4'])
})

test('what one turn of the loop brings is one flight', async () => {
  const { flights, gather } = gatherer()
  const all = [1, 2].map((item) => gather.add(item, 1))
  await turn()
  assert.deepEqual(flights.map(({ items }) => items), [[1, 2]])
  flights[0]?.end()
  await Promise.all(all)
})

test('a flight takes so many items and so many bytes, and one that is larger by itself', async () => {
  const { flights, gather } = gatherer({ maxItems: 3, maxBytes: 10 })
  const all = [[1, 4], [2, 4], [3, 4], [4, 99], [5, 1], [6, 1], [7, 1], [8, 1]].map(([item = 0, bytes = 0]) => gather.add(item, bytes))
  for (let count = 0; count < 5; count++) {
    await turn()
    flights[count]?.end()
    await turn()
  }
  assert.deepEqual(flights.map(({ items }) => items), [[1, 2], [3], [4], [5, 6, 7], [8]])
  assert.equal((await Promise.all(all)).length, 8)
})

test('another flight beside one that is under way needs enough to be worth it', async () => {
  const { flights, gather } = gatherer({ flights: 2, worthwhile: 2 })
  const all = [gather.add(1, 1)]
  await turn()
  all.push(gather.add(2, 1))
  await turn()
  assert.equal(flights.length, 1)
  all.push(gather.add(3, 1))
  await turn()
  assert.deepEqual(flights.map(({ items }) => items), [[1], [2, 3]])
  all.push(gather.add(4, 1), gather.add(5, 1))
  await turn()
  assert.equal(flights.length, 2)
  flights[0]?.end()
  await turn()
  assert.deepEqual(flights[2]?.items, [4, 5])
  for (const { end } of flights) end()
  assert.equal((await Promise.all(all)).length, 5)
})

test('of several only the one at fault fails', async () => {
  const { flights, alone, gather } = gatherer()
  const all = [12, 13, 14].map((item) => gather.add(item, 1))
  await turn()
  flights[0]?.fail(new Error('one of them'))
  const outcomes = await Promise.allSettled(all)
  assert.deepEqual(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason))), ['did 12 alone', 'Error: not this one', 'did 14 alone'])
  assert.deepEqual(alone, [12, 13, 14])
})

test('what may have been done is not done again: all fail, and the next ones go on', async () => {
  const { flights, alone, gather } = gatherer()
  const all = [1, 2].map((item) => gather.add(item, 1))
  await turn()
  flights[0]?.fail(new Error('connection lost'))
  assert.deepEqual((await Promise.allSettled(all)).map(({ status }) => status), ['rejected', 'rejected'])
  assert.deepEqual(alone, [])
  const next = gather.add(3, 1)
  await turn()
  flights[1]?.end()
  assert.equal(await next, 'did 3')
})

test('a run that gives too few results fails those who wait', async () => {
  const { gather } = gatherer({ run: async () => [] })
  await assert.rejects(gather.add(1, 1), /A result for each item/)
})

test('what comes while a flight waits for its place goes with it', async () => {
  const { promise: free, resolve } = Promise.withResolvers<void>()
  const { flights, gather } = gatherer({ place: (flight) => free.then(flight) })
  const all = [gather.add(1, 1)]
  await turn()
  all.push(gather.add(2, 1))
  resolve()
  await turn()
  assert.deepEqual(flights.map(({ items }) => items), [[1, 2]])
  flights[0]?.end()
  await Promise.all(all)
})

test('it says when it has nothing to do', async () => {
  let idle = 0
  const { flights, gather } = gatherer({ onIdle: () => void idle++ })
  const all = [gather.add(1, 1)]
  await turn()
  all.push(gather.add(2, 1))
  flights[0]?.end()
  await turn()
  assert.equal(idle, 0)
  flights[1]?.end()
  await Promise.all(all)
  await turn()
  assert.equal(idle, 1)
})
