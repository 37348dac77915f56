// Back-pressure: a bounded queue for each class of work. Past it a request is refused at once instead of waiting until its
// client has given up. The classes that can hold a database connection for long have fewer places than there are
// connections, so that a read that misses its cache always finds one.

import { fail, type CofferError } from '../kernel/errors.ts'
import type { WorkClass } from '../kernel/operation.ts'
import { BoundedQueue } from '../lib/bounded-queue.ts'

interface Room {
  readonly concurrency: number
  readonly maxWaiting: number
}

const part = (connections: number, share: number): number => Math.max(1, Math.floor(connections * share))

/** Connections that writes of values share among them, however many are admitted: they are gathered. */
export const writersFor = (connections: number): number => part(connections, 0.3)

/** Those that logins share, however many are admitted. */
export const loginsFor = (connections: number): number => part(connections, 0.5)

/**
 * Places by class, for a worker with so many database connections. Logins that wait are those of a cluster that boots: ten thousand pods upon two workers all find room, and none of them
 * holds more than its request. Reads that a plan answers pass by all of this (api/http/warm.ts).
 */
export const roomsFor = (connections: number): Readonly<Record<WorkClass, Room>> => ({
  read: { concurrency: 1024, maxWaiting: 8192 },
  put: { concurrency: 128, maxWaiting: 2048 },
  write: { concurrency: part(connections, 0.4), maxWaiting: 2048 },
  login: { concurrency: 64, maxWaiting: 8192 },
  anonymous: { concurrency: part(connections, 0.3), maxWaiting: 2048 },
  list: { concurrency: part(connections, 0.2), maxWaiting: 256 },
})

/** Runs work in its class's turn. @throws unavailable `server.busy` when its waiting room is full */
export type Admission = <T>(work: WorkClass, task: () => Promise<T>) => Promise<T>

/** Also for those whose body finds no place (api/body-room.ts). */
export const busy = (): CofferError => fail('unavailable', 'server.busy', 'The server has more requests of this kind than it can take. Try again shortly.', { retryAfterSeconds: 1 })

export const makeAdmission = (rooms: Readonly<Record<WorkClass, Room>>): Admission => {
  const queue = (room: Room): BoundedQueue => new BoundedQueue(room, busy)
  const queues: Readonly<Record<WorkClass, BoundedQueue>> = { read: queue(rooms.read), put: queue(rooms.put), write: queue(rooms.write), login: queue(rooms.login), anonymous: queue(rooms.anonymous), list: queue(rooms.list) }
  return (work, task) => queues[work].run(task)
}
