import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SingleFlight } from './single-flight.ts'

test('callers at the same time share one run', async () => {
  const flights = new SingleFlight<string, object>()
  const { promise: gate, resolve: open } = Promise.withResolvers<undefined>()
  let runs = 0
  const work = async (): Promise<object> => {
    runs++
    await gate
    return {}
  }
  const both = [flights.run('k', work), flights.run('k', work)]
  const other = flights.run('other', work)
  assert.equal(flights.inFlight, 2)
  open(undefined)
  const [first, second] = await Promise.all(both)
  assert.equal(first, second)
  assert.notEqual(first, await other)
  assert.equal(runs, 2)
  assert.equal(flights.inFlight, 0)
})

test('a failure reaches all who wait and is not remembered', async () => {
  const flights = new SingleFlight<string, number>()
  const failing = (): Promise<number> => Promise.reject(new Error('no'))
  const both = [flights.run('k', failing), flights.run('k', () => Promise.resolve(1))]
  for (const flight of both) await assert.rejects(flight, /no/)
  assert.equal(await flights.run('k', () => Promise.resolve(2)), 2)
})

test('work that throws at once is cleaned up as well', async () => {
  const flights = new SingleFlight<string, number>()
  await assert.rejects(flights.run('k', () => {
    throw new Error('at once')
  }), /at once/)
  assert.equal(flights.inFlight, 0)
})

test('after forget the next caller starts anew, and the old run ends without disturbing it', async () => {
  const flights = new SingleFlight<string, string>()
  const { promise: old, resolve: endOld } = Promise.withResolvers<string>()
  const { promise: fresh, resolve: endFresh } = Promise.withResolvers<string>()
  const first = flights.run('k', () => old)
  flights.forget('k')
  const second = flights.run('k', () => fresh)
  endOld('old')
  assert.equal(await first, 'old')
  assert.equal(flights.run('k', () => Promise.resolve('third')), second)
  endFresh('fresh')
  assert.equal(await second, 'fresh')
})
