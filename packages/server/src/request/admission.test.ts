import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCofferError } from '../kernel/errors.ts'
import { loginsFor, makeAdmission, roomsFor, writersFor } from './admission.ts'

const room = (concurrency: number, maxWaiting: number) => ({ concurrency, maxWaiting })

test('what a class has no place and no waiting room for is refused at once, with a time to come back', async () => {
  const admit = makeAdmission({ ...roomsFor(10), write: room(1, 1) })
  const { promise, resolve } = Promise.withResolvers<void>()
  const running = admit('write', () => promise)
  const waiting = admit('write', async () => 'later')
  await assert.rejects(admit('write', async () => 'never'), (error) => isCofferError(error) && error.code === 'server.busy' && error.httpStatus === 503 && error.retryAfterSeconds === 1)
  resolve()
  await running
  assert.equal(await waiting, 'later')
})

test('reads go on while writes and lists are stuck', async () => {
  const admit = makeAdmission({ ...roomsFor(10), write: room(1, 0), list: room(1, 0) })
  const stuck = Promise.withResolvers<void>()
  const all = [admit('write', () => stuck.promise), admit('list', () => stuck.promise)]
  assert.equal(await admit('read', async () => 'read'), 'read')
  stuck.resolve()
  await Promise.all(all)
})

test('a failed task gives its place back', async () => {
  const admit = makeAdmission({ ...roomsFor(10), login: room(1, 0) })
  await assert.rejects(admit('login', async () => { throw new Error('no') }))
  assert.equal(await admit('login', async () => 'in'), 'in')
})

test('ten thousand logins upon two workers all find room', () => {
  const { login } = roomsFor(2)
  assert.ok(2 * (login.concurrency + login.maxWaiting) >= 10_000)
})

test('reads go on while logins wait', async () => {
  const admit = makeAdmission({ ...roomsFor(10), login: room(1, 100) })
  const stuck = Promise.withResolvers<void>()
  const all = Array.from({ length: 100 }, () => admit('login', () => stuck.promise))
  assert.equal(await admit('read', async () => 'read'), 'read')
  stuck.resolve()
  await Promise.all(all)
})

test('logins share a part of the connections, however many are admitted', () => {
  for (const connections of [2, 4, 10, 64, 200]) assert.ok(loginsFor(connections) < connections)
})

test('writes and lists together leave a connection to reads, however few there are', () => {
  for (const connections of [4, 10, 64, 200]) {
    const rooms = roomsFor(connections)
    assert.ok(writersFor(connections) + rooms.write.concurrency + rooms.list.concurrency < connections)
  }
})
