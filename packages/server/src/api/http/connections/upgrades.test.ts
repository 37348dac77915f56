// Requests that ask for another protocol, over real sockets, and what comes behind them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { certificate, get, post, start, type Tls } from '../testing/front.ts'

const UPGRADE = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
const asking = (message: string): string => message.replace('\r\n', `\r\n${UPGRADE}`)

for (const [name, make] of [['plain', (): Tls => undefined], ['TLS', certificate]] as const) {
  describe(`over ${name}`, () => {
    const tls = make()

    test('what comes behind one in the same packet is answered, in order, and the connection goes on', async (t) => {
      const { connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/1', UPGRADE) + get('/2') + asking(post('/3', '{"a":1}')) + post('/4', '{"b":2}') + get('/5', UPGRADE))
      await wire.answers(5)
      wire.socket.write(get('/warm/6'))
      assert.deepEqual(await wire.answers(6), ['GET /1 ', 'GET /2 ', 'POST /3 {"a":1}', 'POST /4 {"b":2}', 'GET /5 ', 'GET /warm/6 '])
      assert.doesNotMatch(wire.text(), /HTTP\/1\.1 101|upgrade/i)
    })

    test('wherever packets are cut', async (t) => {
      const { connect } = await start(t, { tls })
      const text = asking(post('/1', '{"a":1}')) + get('/2', UPGRADE) + get('/3')
      for (let at = 7; at < text.length; at += 23) {
        const wire = await connect()
        wire.socket.write(text.slice(0, at))
        for (let i = 0; i < 5; i++) await turn()
        wire.socket.write(text.slice(at))
        assert.deepEqual(await wire.answers(3), ['POST /1 {"a":1}', 'GET /2 ', 'GET /3 '], `cut at ${at}`)
      }
    })

    test('answers before it come first, large ones too, and a client that leaves meanwhile does no harm', async (t) => {
      const server = await start(t, { tls })
      const { promise, resolve } = Promise.withResolvers<void>()
      server.echo.waits = promise
      const [stays, leaves] = [await server.connect(), await server.connect()]
      for (const { socket } of [stays, leaves]) socket.write(get('/waits/large') + get('/2', UPGRADE) + get('/3'))
      while (server.echo.waiting < 2) await turn()
      leaves.socket.destroy()
      for (let i = 0; i < 20; i++) await turn()
      resolve()
      assert.deepEqual(await stays.answers(3), ['GET /waits/large ', 'GET /2 ', 'GET /3 '])
    })
  })
}

test('LIST asks as any other verb does', async (t) => {
  const { connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/1', UPGRADE).replace('GET', 'LIST') + get('/2'))
  assert.deepEqual(await wire.answers(2), ['LIST /1 ', 'GET /2 '])
})

test('"100 Continue" is said, and "close" is heard', async (t) => {
  const { connect } = await start(t)
  const wire = await connect()
  wire.socket.write(asking(post('/1', 'x').replace('\r\n', '\r\nexpect: 100-continue\r\n')).slice(0, -1))
  while (!wire.text().startsWith('HTTP/1.1 100 ')) await turn()
  wire.socket.write(`x${get('/2', 'Connection: Upgrade, close\r\nUpgrade: websocket\r\n')}${get('/3')}`)
  await wire.closed
  assert.match(wire.text(), /<POST \/1 x>[^]*<GET \/2 >$/)
})

test('one whose headers Node does not give back as a whole is refused', async (t) => {
  const { connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/1', UPGRADE + 'a:\r\n'.repeat(1000) + 'transfer-encoding: chunked\r\n') + '0\r\n\r\n' + get('/2'))
  await wire.closed
  assert.match(wire.text(), /^HTTP\/1\.1 431 [^]*"request header fields too large"\]\}$/)
})
