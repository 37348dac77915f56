// Connections that Node is not told of at first, and as Node sees them afterwards.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { certificate, get, post, start, type Server, type Tls } from '../testing/front.ts'

/** Node looks for connections past a limit every 30 seconds; here it has to be sooner. */
const SECONDS = 1

/** The server's ends of its connections, as they come. */
const endsOf = ({ app }: Server, tls: Tls): readonly Socket[] => {
  const ends: Socket[] = []
  app.server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => ends.push(socket))
  return ends
}

const isNodes = (socket: Socket | undefined): boolean => socket !== undefined && 'parser' in socket

for (const [name, make] of [['plain', (): Tls => undefined], ['TLS', certificate]] as const) {
  describe(`over ${name}`, () => {
    const tls = make()

    test('are kept after the time that the first message may take, and Node takes what comes then', async (t) => {
      const { echo, connect } = await start(t, { tls, requestSeconds: SECONDS, checkMs: 50 })
      const [first, silent] = [await connect(), await connect()]
      first.socket.write(get('/first'))
      await first.answers(1)
      assert.equal(echo.inFront, 1)
      // One that sends nothing tells when the time is over.
      await silent.closed
      await sleep(200)
      first.socket.write(get('/a') + get('/b'))
      assert.deepEqual(await first.answers(3), ['GET /first ', 'GET /a ', 'GET /b '])
      assert.equal(echo.inFront, 1)
    })

    test('are kept also when their first message comes after Node knows of them', async (t) => {
      const server = await start(t, { tls, requestSeconds: SECONDS, checkMs: 50 })
      const ends = endsOf(server, tls)
      const [late, silent] = [await server.connect(), await server.connect()]
      while (!ends.every(isNodes)) await sleep(10)
      late.socket.write(get('/first'))
      await late.answers(1)
      await silent.closed
      await sleep(200)
      late.socket.write(post('/later', '{"a":1}'))
      assert.deepEqual(await late.answers(2), ['GET /first ', 'POST /later {"a":1}'])
      assert.equal(server.echo.inFront, 2)
    })

    test('have Node\'s limits for what they send later', async (t) => {
      const { connect } = await start(t, { tls, requestSeconds: SECONDS, checkMs: 50 })
      for (const wait of [0, 600]) {
        const wire = await connect()
        wire.socket.write(get('/first'))
        await wire.answers(1)
        await sleep(wait)
        wire.socket.write(get('/half').slice(0, -5))
        await wire.closed
        assert.match(wire.text(), /HTTP\/1\.1 408 /)
      }
    })

    test('are not ended while their first answer takes its time', async (t) => {
      const { echo, connect } = await start(t, { tls, requestSeconds: SECONDS, checkMs: 50 })
      const silent = await connect()
      const wire = await connect()
      let release = (): void => undefined
      const released = new Promise<void>((resolve) => (release = resolve))
      echo.pause = () => released
      wire.socket.write(post('/slow', '{"a":1}'))
      while (echo.inFront === 0) await turn()
      await silent.closed
      await sleep(200)
      release()
      assert.deepEqual(await wire.answers(1), ['POST /slow {"a":1}'])
    })

    test('are Node\'s when they send what is, and after a moment whatever they do', async (t) => {
      const server = await start(t, { tls, requestSeconds: 2 })
      const ends = endsOf(server, tls)
      const [asking, silent] = [await server.connect(), await server.connect()]
      asking.socket.write(get('/first'))
      await asking.answers(1)
      assert.deepEqual(ends.map(isNodes), [false, false])
      const other = await server.connect()
      other.socket.write(get('/a') + get('/b'))
      await other.answers(2)
      assert.deepEqual(ends.map(isNodes), [false, false, true])
      while (!ends.every(isNodes)) await sleep(10)
      for (const wire of [asking, silent]) wire.socket.write(get('/later'))
      assert.deepEqual([await asking.answers(2), await silent.answers(1)], [['GET /first ', 'GET /later '], ['GET /later ']])
      assert.equal(server.echo.inFront, 3)
    })

    test('that end or break without a message are gone', async (t) => {
      const server = await start(t, { tls })
      const ends = endsOf(server, tls)
      const [ending, breaking] = [await server.connect(), await server.connect()]
      while (ends.length < 2) await turn()
      ending.socket.end()
      if (tls === undefined) breaking.socket.resetAndDestroy()
      else breaking.socket.destroy()
      await Promise.all([ending.closed, breaking.closed])
      while (!ends.every(({ destroyed }) => destroyed)) await sleep(5)
      assert.deepEqual([ends.length, ends.some(isNodes)], [2, false])
    })

    test('are ended when the server closes', async (t) => {
      const { app, connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/first'))
      await wire.answers(1)
      await app.close()
      await wire.closed
    })

    test('that say it is their only message are ended after its answer, and nothing behind it is answered', async (t) => {
      for (const front of [true, false]) {
        const server = await start(t, { tls, front })
        const { echo, plans, connect } = server
        const ends = endsOf(server, tls)
        for (const target of ['/a', '/warm/a']) {
          const wire = await connect()
          const waiting: (() => void)[] = []
          echo.pause = () => new Promise((resolve) => waiting.push(resolve))
          plans.give = (deliver) => void waiting.push(deliver)
          wire.socket.write(get(target, 'Connection: Close\r\n'))
          while (front && waiting.length === 0) await turn()
          wire.socket.write(get('/behind'))
          for (let i = 0; i < 20; i++) await turn()
          for (const release of waiting) release()
          await wire.closed
          assert.equal(ends.some(isNodes), !front)
          assert.deepEqual(await wire.answers(1), [`GET ${target} `])
          assert.match(wire.text(), /\r\nConnection: close\r\n/)
          assert.doesNotMatch(wire.text(), /keep-alive/i)
        }
        assert.deepEqual([echo.inFront, plans.inFront], front ? [1, 1] : [0, 0])
      }
    })
  })
}

// Over TLS Node ends both sides at once.
test('that end before Node knows of them still get the answers that are owed', async (t) => {
  const server = await start(t)
  const { echo, plans } = server
  const ends = endsOf(server, undefined)
  for (const [behind, answers] of [['', ['POST /slow {}']], [get('/warm/a'), ['POST /slow {}', 'GET /warm/a ']]] as const) {
    const wire = await server.connect()
    const begun = echo.inFront
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    echo.pause = () => released
    wire.socket.write(post('/slow', '{}'))
    while (echo.inFront === begun) await turn()
    if (behind !== '') wire.socket.write(behind)
    wire.socket.end()
    for (let i = 0; i < 20; i++) await turn()
    release()
    assert.deepEqual(await wire.answers(answers.length), answers)
    await wire.closed
  }
  assert.deepEqual(ends.map(isNodes), [false, false])
  assert.equal(plans.inFront, 1)
})
