import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { isCofferError } from '../kernel/errors.ts'
import { reserveAddress } from './addresses.ts'

const host = '127.0.0.1'
const isTaken = (error: unknown): boolean => isCofferError(error) && error.kind === 'conflict' && error.code === 'supervisor.address_in_use'

test('a free port is reserved, is free to listen on, and is refused to a second server', async () => {
  const mine = await reserveAddress({ host, port: 0 })
  assert.ok(mine.address.port > 0)
  await assert.rejects(reserveAddress(mine.address), isTaken)
  const worker = createServer()
  await new Promise<void>((resolve) => worker.listen({ host, port: mine.address.port }, resolve))
  await new Promise((resolve) => worker.close(resolve))
  await mine.release()
  await (await reserveAddress(mine.address)).release()
})

test('a port that others share among themselves is not joined', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen({ host, port: 0, reusePort: true }, resolve))
  const bound = other.address()
  assert.ok(typeof bound === 'object' && bound !== null)
  await assert.rejects(reserveAddress({ host, port: bound.port }), isTaken)
  await new Promise((resolve) => other.close(resolve))
})

test('a host that does not exist is named', async () => {
  await assert.rejects(reserveAddress({ host: 'no-such-host.invalid', port: 1 }), /no-such-host\.invalid/)
})
