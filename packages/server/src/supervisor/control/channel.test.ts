import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { Channel, channelClosed, type Handler } from './channel.ts'
import { encodeHead } from './frames.ts'
import { decodeInitResult, encodeInitResult } from './protocol.ts'

const socketPair = async (t: TestContext): Promise<readonly [Socket, Socket]> => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-channel-'))
  const path = join(folder, 's')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = createConnection(path)
  const other = await accepted
  t.after(() => {
    for (const socket of [client, other]) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return [client, other]
}

const channelPair = async (t: TestContext, handlers: readonly (readonly [number, Handler])[]): Promise<readonly [Channel, Channel, Socket]> => {
  const [left, right] = await socketPair(t)
  const make = (socket: Socket, own: readonly (readonly [number, Handler])[]): Channel => {
    const channel = new Channel(socket, new Map(own))
    socket.on('data', (chunk: Buffer) => channel.feed(chunk))
    return channel
  }
  return [make(left, []), make(right, handlers), left]
}

test('answers find their questions, whatever the order in which they come', async (t) => {
  const gates: (() => void)[] = []
  const [asking] = await channelPair(t, [[7, (body) => new Promise((resolve) => gates.unshift(() => resolve(Buffer.from(`re: ${body.toString()}`))))]])
  const answers = ['a', 'b', 'c'].map((text) => asking.request(7, Buffer.from(text)))
  while (gates.length < 3) await new Promise((resolve) => setImmediate(resolve))
  for (const open of gates) open()
  assert.deepEqual((await Promise.all(answers)).map(String), ['re: a', 're: b', 're: c'])
})

test('what is sent is wiped once it is on its way, question and answer alike', async (t) => {
  const answer = Buffer.from('the answer')
  const [asking] = await channelPair(t, [[1, async () => answer]])
  const body = Buffer.from('the root key')
  assert.equal((await asking.request(1, body)).toString(), 'the answer')
  assert.ok(body.every((byte) => byte === 0))
  while (!answer.every((byte) => byte === 0)) await new Promise((resolve) => setImmediate(resolve))
})

test('an error crosses with kind, code, message and field, and without its cause', async (t) => {
  const [asking] = await channelPair(t, [
    [1, () => Promise.reject(fail('invalid_request', 'seal.share_unknown', 'Not ours.', { field: 'key', cause: new Error('kestrel') }))],
    [2, () => Promise.reject(new Error('kestrel'))],
  ])
  await assert.rejects(asking.request(1), (error) => isCofferError(error) && error.kind === 'invalid_request' && error.code === 'seal.share_unknown' && error.field === 'key' && error.cause === undefined)
  await assert.rejects(asking.request(2), (error) => isCofferError(error) && error.kind === 'internal' && !error.message.includes('kestrel'))
  await assert.rejects(asking.request(3), (error) => isCofferError(error) && error.code === 'supervisor.unknown_operation')
})

test('when the other side goes, pending questions fail at once and later ones too', async (t) => {
  const [asking, answering] = await channelPair(t, [[1, () => new Promise(() => undefined)]])
  const pending = asking.request(1)
  answering.close()
  const isGone = (error: unknown): boolean => isCofferError(error) && error.code === channelClosed
  await assert.rejects(pending, isGone)
  await asking.closed
  const late = Buffer.from('key')
  await assert.rejects(asking.request(1, late), isGone)
  assert.ok(late.every((byte) => byte === 0))
})

test('bytes that are no frame end the channel', async (t) => {
  const [asking, answering, socket] = await channelPair(t, [])
  socket.write(encodeHead(1, 1))
  socket.write('x')
  await answering.closed
  await asking.closed
})

test('shares and token survive the crossing, and nothing else keeps them', () => {
  const shares = [Buffer.from('first share'), Buffer.from('second')]
  const recoveryShares = [Buffer.from('third')]
  const body = encodeInitResult({ shares, recoveryShares, rootToken: 'any text, also ünicode' })
  assert.ok([...shares, ...recoveryShares].every((share) => share.every((byte) => byte === 0)))
  const decoded = decodeInitResult(body)
  assert.deepEqual(decoded.shares.map(String), ['first share', 'second'])
  assert.deepEqual(decoded.recoveryShares.map(String), ['third'])
  assert.equal(decoded.rootToken, 'any text, also ünicode')
  assert.ok(body.every((byte) => byte === 0))
})
