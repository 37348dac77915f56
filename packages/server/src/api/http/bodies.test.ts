// Bodies that do not become whole, and whole ones whose requests wait, over real sockets: how many there may be, who is refused then, and what is free again.

import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startTestWorker } from '../../compose/testing/worker.ts'
import { BodyRoom, type Claim } from '../body-room.ts'
import { Gathering } from './bodies.ts'
import { readBody } from './request.ts'
import { certificate, get, post, start, wireTo, type Server, type Tls, type Wire } from './testing/front.ts'

const MiB = 1_048_576
/** That many of the largest find room. */
const MOST = 48
const SMALL = 16_384

const headOf = (path: string, length: number): string => `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`

/** Connections that each lack one byte of a large body. */
const hold = async ({ app, connect }: Server, count: number, framing = headOf('/slow', MiB)): Promise<readonly Wire[]> => {
  const sockets: Socket[] = []
  const note = (socket: Socket): void => void sockets.push(socket)
  const event = app.server.listenerCount('secureConnection') > 0 ? 'secureConnection' : 'connection'
  app.server.on(event, note)
  const wires = await Promise.all(Array.from({ length: count }, connect))
  const message = framing + 'x'.repeat(MiB - 1)
  for (const wire of wires) wire.socket.write(message)
  while (sockets.length < count || sockets.some((socket) => !socket.destroyed && socket.bytesRead < message.length)) await turn()
  for (let i = 0; i < 20; i++) await turn()
  app.server.off(event, note)
  return wires
}

const refused = async (wire: Wire): Promise<void> => {
  await wire.closed
  assert.match(wire.text(), /HTTP\/1\.1 503 [^\r]*\r\n(?:[^\r]+\r\n)*retry-after: 1\r\n/)
  assert.match(wire.text(), /\r\nconnection: close\r\n/i)
  assert.match(wire.text(), /<server\.busy>$/)
}

const ask = async ({ connect }: Pick<Server, 'connect'>, message: string): Promise<Wire> => {
  const wire = await connect()
  wire.socket.write(message)
  return wire
}

/** Whole requests that are not answered before what is returned is called. */
const wait = async (server: Server, count: number, body: string): Promise<readonly Wire[]> => {
  const { echo } = server
  const before = echo.waiting
  const wires = await Promise.all(Array.from({ length: count }, server.connect))
  for (const wire of wires) wire.socket.write(post('/waits', body))
  while (echo.waiting < before + count) await turn()
  return wires
}

for (const [name, make] of [['plain', (): Tls => undefined], ['TLS', certificate]] as const) {
  describe(`over ${name}`, () => {
    const tls = make()

    test('large bodies that are not whole fill the room; past it the next one is refused and its connection closed', async (t) => {
      const server = await start(t, { tls })
      const wires = await hold(server, MOST)
      assert.ok(wires.every((wire) => wire.text() === '' && !wire.socket.destroyed))
      await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
      // One that says no length, too.
      await refused(await ask(server, `${headOf('/next', 0).replace('content-length: 0', 'transfer-encoding: chunked')}${(SMALL + 1).toString(16)}\r\n${'x'.repeat(SMALL + 1)}\r\n`))
    })

    test('small bodies are answered meanwhile, in front and by Node, whole and in parts', async (t) => {
      const server = await start(t, { tls })
      await hold(server, MOST)
      const wire = await server.connect()
      const body = 'y'.repeat(SMALL - 200)
      for (const [at, message] of [post('/by-node', body).replace('application/json', 'application/json; charset="utf-8"'), post('/whole', body), get('/warm/1')].entries()) {
        wire.socket.write(message)
        await wire.answers(at + 1)
      }
      const parts = post('/parts', body)
      wire.socket.write(parts.slice(0, 1000))
      for (let i = 0; i < 20; i++) await turn()
      wire.socket.write(parts.slice(1000))
      assert.deepEqual((await wire.answers(4)).map((answer) => answer.slice(0, 12)), ['POST /by-nod', 'POST /whole ', 'GET /warm/1 ', 'POST /parts '])
      assert.equal(server.echo.inFront, 2)
    })

    test('a whole body counts until its request is answered, also when its connection has ended meanwhile', async (t) => {
      const server = await start(t, { tls })
      const { promise, resolve } = Promise.withResolvers<void>()
      server.echo.waits = promise
      const wires = await wait(server, MOST, 'x'.repeat(MiB))
      await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
      for (const wire of wires.slice(0, MOST / 2)) {
        wire.socket.destroy()
        await wire.closed
      }
      for (let i = 0; i < 20; i++) await turn()
      await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
      assert.deepEqual(await (await ask(server, post('/small', 'y'))).answers(1), ['POST /small y'])
      resolve()
      for (const wire of wires.slice(MOST / 2)) assert.match((await wire.answers(1))[0] ?? '', /^POST \/waits x/)
      for (let i = 0; i < 50; i++) await turn()
      // All of it is free again, and no more than that.
      assert.ok((await hold(server, MOST)).every((wire) => wire.text() === '' && !wire.socket.destroyed))
      await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
    })

    test('whole bodies that the front took count as well', async (t) => {
      const server = await start(t, { tls })
      const { promise, resolve } = Promise.withResolvers<void>()
      server.echo.waits = promise
      await hold(server, MOST - 1)
      const body = 'z'.repeat(60_000)
      const wires = await Promise.all(Array.from({ length: 18 }, server.connect))
      for (const [at, wire] of wires.entries()) {
        wire.socket.write(get('/first'))
        await wire.answers(1)
        wire.socket.write(post('/waits', body))
        while (server.echo.waiting <= at && wire.text().split('HTTP/1.1').length < 3) await turn()
      }
      assert.deepEqual(wires.map((wire) => / 503 /.test(wire.text())), wires.map((_wire, at) => at === 17))
      assert.match(wires[17]?.text() ?? '', /retry-after: 1\r\n[^]*<server\.busy>$/)
      assert.equal(server.echo.inFront, 18 + 17, 'their first messages, and those that found room')
      resolve()
      for (const wire of wires.slice(0, 17)) await wire.answers(2)
      const again = await server.connect()
      again.socket.write(get('/first'))
      await again.answers(1)
      again.socket.write(post('/parts', body))
      assert.match((await again.answers(2))[1] ?? '', /^POST \/parts z/)
    })

    test('what is made of a body counts as well: the last one may go past the bound, and what comes then is refused until it is answered', async (t) => {
      const server = await start(t, { tls })
      const { promise, resolve } = Promise.withResolvers<void>()
      server.echo.waits = promise
      const [first, second] = [await server.connect(), await server.connect()]
      // By Node, and by the front.
      first.socket.write(`POST /waits/${MOST * MiB} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`)
      while (server.echo.waiting < 1) await turn()
      second.socket.write(get('/first'))
      await second.answers(1)
      second.socket.write(post(`/waits/${20 * MiB}`, '{}'))
      assert.equal((await second.answers(2))[1], 'server.busy')
      assert.match(second.text(), / 503 /)
      assert.deepEqual((await (await ask(server, post('/small', 'y'))).answers(1)), ['POST /small y'])
      await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
      resolve()
      await first.answers(1)
      second.socket.write(post(`/waits/${20 * MiB}`, '{}'))
      assert.match((await second.answers(3))[2] ?? '', /^POST \/waits/)
      assert.equal(server.echo.inFront, 4)
    })

    test('a body that the front has no room to wait for is Node\'s, and refused there', async (t) => {
      const server = await start(t, { tls })
      await hold(server, MOST)
      for (const cut of [1000, SMALL + 1000]) {
        const wire = await ask(server, get('/first'))
        await wire.answers(1)
        const message = post('/parts', 'y'.repeat(40_000))
        wire.socket.write(message.slice(0, cut))
        for (let i = 0; i < 20; i++) await turn()
        if (cut < SMALL) wire.socket.write(message.slice(cut, SMALL + 1000))
        await refused(wire)
      }
      assert.equal(server.echo.inFront, 2, 'the first ones alone')
    })
  })
}

test('room is free again when a body becomes whole, and when its connection ends', async (t) => {
  const server = await start(t)
  const [first, ...others] = await hold(server, MOST)
  assert.ok(first !== undefined)
  first.socket.write('x')
  await first.answers(1)
  assert.match(first.text(), /^HTTP\/1\.1 200 /)
  const [again] = await hold(server, 1)
  await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
  for (const [at, wire] of [again, ...others].entries()) {
    if (at % 2 === 0) wire?.socket.resetAndDestroy()
    else wire?.socket.end()
    await wire?.closed
  }
  for (let i = 0; i < 50; i++) await turn()
  // All of it: as many find room as at first, and one more does not.
  const wires = await hold(server, MOST)
  assert.ok(wires.every((wire) => wire.text() === '' && !wire.socket.destroyed))
  await refused(await ask(server, headOf('/next', MiB) + 'x'.repeat(SMALL + 1)))
})

test('a body that the front waits for counts, and no longer once it is answered or gone', async (t) => {
  const server = await start(t)
  const kept = await server.connect()
  for (let i = 1; i <= 20; i++) {
    const message = post('/parts', 'z'.repeat(60_000))
    if (i === 1) kept.socket.write(get('/first'))
    await kept.answers(i)
    kept.socket.write(message.slice(0, 30_000))
    for (let j = 0; j < 20; j++) await turn()
    kept.socket.write(message.slice(30_000))
    await kept.answers(i + 1)
  }
  assert.equal(server.echo.inFront, 21)
  kept.socket.write(post('/parts', 'z'.repeat(60_000)).slice(0, 30_000))
  for (let j = 0; j < 20; j++) await turn()
  kept.socket.resetAndDestroy()
  await kept.closed
  for (let j = 0; j < 50; j++) await turn()
  const wires = await hold(server, MOST)
  assert.ok(wires.every((wire) => wire.text() === '' && !wire.socket.destroyed))
})

test('a body beyond the limit is refused by its length, and by its bytes where it says none; a whole one in many parts is taken', async (t) => {
  const server = await start(t, { bodyBytes: 1000 })
  for (const message of [headOf('/x', 1001), `${headOf('/x', 0).replace('content-length: 0', 'transfer-encoding: chunked')}3e8\r\n${'x'.repeat(1000)}\r\n1\r\nx\r\n0\r\n\r\n`]) {
    const wire = await ask(server, message)
    await wire.closed
    assert.match(wire.text(), /^HTTP\/1\.1 413 /)
    assert.match(wire.text(), /<request\.too_large>$/)
  }
  const body = Array.from({ length: 1000 }, (_, i) => String(i % 10)).join('')
  const wire = await ask(server, headOf('/x', 0).replace('content-length: 0', 'transfer-encoding: chunked'))
  for (const each of body) wire.socket.write(`1\r\n${each}\r\n`)
  wire.socket.write('0\r\n\r\n')
  assert.deepEqual(await wire.answers(1), [`POST /x ${body}`])
})

test('the doors of a whole worker say that it is busy, and when to come again', async (t) => {
  const sockets: Socket[] = []
  // Before the worker, which waits for its connections.
  t.after(() => { for (const socket of sockets) socket.destroy() })
  const { origin, rootToken } = await startTestWorker(t)
  const connect = (): Promise<Wire> => wireTo(Number(new URL(origin).port), undefined, sockets)
  for (let i = 0; i < MOST; i++) (await connect()).socket.write(headOf('/v1/auth/approle/login', MiB) + 'x'.repeat(MiB - 1))
  for (const [path, body] of [['/v1/auth/approle/login', /\{"errors":\[".*more requests of this kind than it can take/], ['/api/v1/me', /"code":"server\.busy"/]] as const) {
    let text = ''
    // Until all that was sent is read. Each that is not refused stays: it may have had the room of one of the first.
    for (let tries = 0; tries < 1000 && text === ''; tries++) {
      const wire = await ask({ connect }, headOf(path, MiB) + 'x'.repeat(SMALL + 1))
      await Promise.race([wire.closed, new Promise((resolve) => setTimeout(resolve, 50))])
      text = wire.text()
    }
    assert.match(text, /^HTTP\/1\.1 503 [^\r]*\r\n(?:[^\r]+\r\n)*retry-after: 1\r\n/i)
    assert.match(text, body)
  }
  const small = await fetch(`${origin}/v1/auth/token/lookup`, { method: 'POST', headers: { 'x-vault-token': rootToken, 'content-type': 'application/json' }, body: JSON.stringify({ token: rootToken }) })
  assert.equal(small.status, 200)
})

test('room is taken by bytes that came, in doublings up to the announced length, and given back once', () => {
  const room = new BodyRoom(MiB)
  const gathering = new Gathering(room, 1000)
  assert.equal(room.used, 0)
  const used = []
  for (let i = 0; i < 10; i++) {
    assert.ok(gathering.add(Buffer.alloc(100, i)))
    used.push(room.used)
  }
  assert.deepEqual(used, [100, 200, 400, 400, 800, 800, 800, 800, 1000, 1000])
  assert.deepEqual(gathering.take(), Buffer.concat(Array.from({ length: 10 }, (_, i) => Buffer.alloc(100, i))))
  assert.equal(room.used, 0)
  gathering.drop()
  assert.equal(room.used, 0)
})

test('a body of many small values takes the room that they take in memory, and is refused when there is none', () => {
  const room = new BodyRoom(MiB)
  const body = Buffer.from(`{"a":[${'{},'.repeat(300_000)}0]}`)
  const read = (claim: Claim | undefined): unknown => readBody({ method: 'POST', url: '/', headers: {}, body, claim, sourceIp: undefined, socket: new Socket() }, { depth: 8, bytes: MiB }, undefined)
  const first = room.claim(body.length)
  read(first)
  assert.ok(room.used > MOST * MiB)
  const second = room.keep(body.length)
  assert.throws(() => read(second), { code: 'server.busy', httpStatus: 503 })
  second.giveBack()
  first?.giveBack()
  assert.equal(room.used, 0)
})

test('a limit that is set high finds room for two bodies', () => {
  const room = new BodyRoom(32 * MiB)
  assert.ok(room.grow(0, 32 * MiB) && room.grow(0, 32 * MiB))
  assert.ok(!room.grow(0, 32 * MiB))
  assert.ok(room.grow(0, SMALL))
})
