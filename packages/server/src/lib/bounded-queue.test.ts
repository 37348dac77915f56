import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BoundedQueue, QueueFull } from './bounded-queue.ts'

test('no more than the limit run at once, in the order in which they came', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat({ max: 3 }), { maxLength: 20 }), async (concurrency, turns) => {
    const queue = new BoundedQueue({ concurrency, maxWaiting: 100 })
    const started: number[] = []
    let running = 0
    await Promise.all(turns.map((count, i) => queue.run(async () => {
      started.push(i)
      running++
      assert.ok(running <= concurrency)
      for (let turn = 0; turn < count; turn++) await Promise.resolve()
      running--
    })))
    assert.deepEqual(started, turns.map((_, i) => i))
  }))
})

test('beyond the waiting room a task is refused and never run', async () => {
  const queue = new BoundedQueue({ concurrency: 1, maxWaiting: 1 })
  const { promise: gate, resolve: open } = Promise.withResolvers<string>()
  const running = queue.run(() => gate)
  const waiting = queue.run(() => Promise.resolve('waited'))
  await assert.rejects(queue.run(() => assert.fail('it ran')), QueueFull)
  open('ran')
  assert.deepEqual(await Promise.all([running, waiting]), ['ran', 'waited'])
  assert.equal(await queue.run(() => Promise.resolve('again')), 'again')
})

test('a place that passes to a waiting task is not free for a newcomer', async () => {
  const queue = new BoundedQueue({ concurrency: 1, maxWaiting: 5 })
  const gates = [0, 1].map(() => Promise.withResolvers<undefined>())
  const started: number[] = []
  const runs = gates.map((gate, i) => queue.run(() => {
    started.push(i)
    return gate.promise
  }))
  gates[0]?.resolve(undefined)
  await runs[0]
  const newcomer = queue.run(() => {
    started.push(2)
    return Promise.resolve()
  })
  await new Promise(setImmediate)
  assert.deepEqual(started, [0, 1])
  gates[1]?.resolve(undefined)
  await Promise.all([...runs, newcomer])
  assert.deepEqual(started, [0, 1, 2])
})

test('a task that fails gives its place back', async () => {
  const queue = new BoundedQueue({ concurrency: 1, maxWaiting: 0 })
  await assert.rejects(queue.run(() => Promise.reject(new Error('broken'))), /broken/)
  await assert.rejects(queue.run(() => {
    throw new Error('at once')
  }), /at once/)
  assert.equal(await queue.run(() => Promise.resolve(1)), 1)
})

test('a queue needs room', () => {
  assert.throws(() => new BoundedQueue({ concurrency: 0, maxWaiting: 1 }), RangeError)
})
