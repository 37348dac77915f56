import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedRoom } from './bounded-queue.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Tasks that run until they are told to end, and how many did at once. */
const tasks = () => {
  const ends: (() => void)[] = []
  const seen = { running: 0, most: 0 }
  const task = async (): Promise<void> => {
    seen.most = Math.max(seen.most, (seen.running += 1))
    await new Promise<void>((resolve) => ends.push(resolve))
    seen.running -= 1
  }
  const finish = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns += 1) {
      for (const end of ends.splice(0)) end()
      await turn()
    }
  }
  return { seen, task, finish }
}

test('journeys and work of its own share the places', async () => {
  const room = new SharedRoom(3)
  const { seen, task, finish } = tasks()
  const all = Array.from({ length: 5 }, () => [room.journey(task), room.alone(task)]).flat()
  await turn()
  assert.equal(seen.running, 3)
  await finish()
  await Promise.all(all)
  assert.equal(seen.most, 3)
})

test('work of its own leaves a place to journeys', async () => {
  const room = new SharedRoom(3)
  const { seen, task, finish } = tasks()
  const stuck = Array.from({ length: 5 }, () => room.alone(task))
  await turn()
  assert.equal(seen.running, 2)
  assert.equal(await room.journey(async () => 'there'), 'there')
  await finish()
  await Promise.all(stuck)
})

test('with one place they take turns', async () => {
  const room = new SharedRoom(1)
  const { seen, task, finish } = tasks()
  const all = [room.alone(task), room.journey(task), room.alone(task)]
  await finish()
  await Promise.all(all)
  assert.equal(seen.most, 1)
})

test('what fails gives its places back', async () => {
  const room = new SharedRoom(1)
  await assert.rejects(room.alone(async () => { throw new Error('no') }))
  await assert.rejects(room.journey(async () => { throw new Error('no') }))
  assert.equal(await room.alone(async () => 'in'), 'in')
})
