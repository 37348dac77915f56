// The front over real sockets: what it answers, what it leaves to Node, and what becomes of answers that take their time.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fail } from '../../../kernel/errors.ts'
import { certificate, converse, get, masked, post, start, wiped, type Server, type Tls, type Wire } from '../testing/front.ts'

/** A connection whose second message's plan has begun; `waiting` is called to end it. */
const planUnderWay = async (t: TestContext, target: string, kind: { readonly tls?: Tls } = {}): Promise<Pick<Server, 'plans' | 'app'> & { readonly wire: Wire; readonly waiting: readonly (() => void)[] }> => {
  const { plans, app, connect } = await start(t, kind)
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  const waiting: (() => void)[] = []
  plans.give = (end) => void waiting.push(end)
  wire.socket.write(get(target))
  while (waiting.length === 0) await turn()
  return { plans, app, wire, waiting }
}

for (const [name, make] of [['plain', (): Tls => undefined], ['TLS', certificate]] as const) {
  describe(`over ${name}`, () => {
    const tls = make()

    test('the bytes of an answer are those that Node writes', async (t) => {
      const [ours, theirs] = [await start(t, { tls }), await start(t, { tls, front: false })]
      for (const more of ['', 'connection: close\r\n']) {
        const [wire, byNode] = [await ours.connect(), await theirs.connect()]
        for (const { socket } of [wire, byNode]) socket.write(get('/warm/a', more))
        await Promise.all([wire.answers(1), byNode.answers(1)])
        assert.equal(masked(wire.text()), masked(byNode.text()))
        if (more !== '') await Promise.all([wire.closed, byNode.closed])
      }
      assert.deepEqual({ begun: ours.plans.begun, inFront: ours.plans.inFront, byNode: theirs.plans.inFront }, { begun: 2, inFront: 2, byNode: 0 })
      await wiped(ours.plans)
    })

    test('plans and the general way take turns on one connection, bodies in parts included', async (t) => {
      const { plans, connect } = await start(t, { tls })
      const wire = await connect()
      const asked = [get('/first'), get('/warm/1'), post('/b', '{"a":1}'), get('/warm/2'), get('/cold'), get('/warm/3'), get('/warm/4', 'connection: Keep-Alive\r\n')]
      for (const [at, message] of asked.entries()) {
        wire.socket.write(message)
        await wire.answers(at + 1)
      }
      wire.socket.write(post('/c', '{"b":2}').slice(0, -4))
      await turn()
      wire.socket.write('":2}')
      await wire.answers(8)
      wire.socket.write(get('/warm/5'))
      assert.deepEqual(await wire.answers(9), ['GET /first ', 'GET /warm/1 ', 'POST /b {"a":1}', 'GET /warm/2 ', 'GET /cold ', 'GET /warm/3 ', 'GET /warm/4 ', 'POST /c {"b":2}', 'GET /warm/5 '])
      assert.equal(plans.inFront, 5)
    })

    test('a plan that was begun and left is answered by the door, and what came meanwhile after it', async (t) => {
      const { plans, echo, connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/first'))
      await wire.answers(1)
      for (const [at, meanwhile] of ['', get('/warm/2'), post('/2', '{}') + get('/warm/left-too')].entries()) {
        const waiting: (() => void)[] = []
        plans.give = (leave) => void waiting.push(leave)
        wire.socket.write(get(`/warm/left-${at}`))
        while (waiting.length === 0) await turn()
        if (meanwhile !== '') wire.socket.write(meanwhile)
        for (let i = 0; i < 20; i++) await turn()
        plans.give = (each) => each()
        for (const leave of waiting) leave()
        await wire.answers([2, 4, 7][at] ?? 0)
      }
      assert.deepEqual(await wire.answers(7), ['GET /first ', 'GET /warm/left-0 ', 'GET /warm/left-1 ', 'GET /warm/2 ', 'GET /warm/left-2 ', 'POST /2 {}', 'GET /warm/left-too '])
      assert.equal(echo.inFront, 4)
    })

    test('whole messages of every plain verb are answered in front, with the bytes that Node writes', async (t) => {
      const [ours, theirs] = [await start(t, { tls }), await start(t, { tls, front: false })]
      const asked = [
        get('/a'), get('/a/nothing'), get('/a/bytes', 'accept: */*\r\n'), get('/status/204/nothing'), get('/status/204'), get('/status/404'), get('/status/304'), get('/status/304/nothing'), get('/status/472'), get('/broken'), get('/header'),
        get('/not%zz'), get('/list?x=1').replace('GET', 'LIST'), get('/scan').replace('GET', 'SCAN'),
        ...['POST', 'PUT', 'PATCH', 'DELETE'].flatMap((verb) => [post('/b?c=d', '{"a":1}'), post('/b/bytes', ''), post('/b', 'x'.repeat(30_000)), get('/bare')].map((each) => each.replace(/^[A-Z]+/, verb))),
        post('/untyped', '{}').replace(/content-type: [^\r]+\r\n/, ''), post('/typed', '{}').replace('application/json', 'application/merge-patch+json; charset=utf-8'), get('/large'),
      ]
      const seen: string[][] = []
      for (const server of [ours, theirs]) {
        const wire = await server.connect()
        wire.socket.write(get('/first'))
        await wire.answers(1)
        let from = 0
        const texts = []
        for (const message of asked) {
          from = wire.text().length
          wire.socket.write(message)
          await wire.whole(from)
          texts.push(masked(wire.text().slice(from)))
        }
        seen.push(texts)
      }
      for (const [at, text] of (seen[0] ?? []).entries()) assert.equal(text.slice(0, 1000), seen[1]?.[at]?.slice(0, 1000), asked[at]?.slice(0, 100))
      // All but the target that is no path, and the first.
      assert.deepEqual([ours.echo.inFront, theirs.echo.inFront], [asked.length, 0])
      assert.ok(ours.echo.gone.every((isWhole) => isWhole))
    })

    test('a body that comes in parts is answered in front when the rest comes soon', async (t) => {
      const { echo, connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/first'))
      await wire.answers(1)
      const body = 'y'.repeat(20_000)
      const message = post('/parts', body)
      for (const [count, cuts] of [[message.length - body.length], [message.length - body.length, 5000, 19_000], [message.length - 1]].entries()) {
        const places = [0, ...cuts, message.length]
        for (const [at, place] of places.slice(0, -1).entries()) {
          wire.socket.write(message.slice(place, places[at + 1]))
          for (let i = 0; i < 5; i++) await turn()
        }
        assert.equal((await wire.answers(count + 2)).at(-1), `POST /parts ${body}`)
      }
      assert.equal(echo.inFront, 4)
    })

    test('a slow body and one with more behind it are Node\'s', async (t) => {
      const { echo, connect } = await start(t, { tls })
      for (const [first, second, answers] of [[post('/slow', '{"a":1}').slice(0, -3), ':1}', ['POST /slow {"a":1}']], [post('/more', '{"a":1}').slice(0, -3), `:1}${get('/next')}`, ['POST /more {"a":1}', 'GET /next ']]] as const) {
        const wire = await connect()
        wire.socket.write(get('/first'))
        await wire.answers(1)
        wire.socket.write(first)
        if (answers.length === 1) await new Promise((resolve) => setTimeout(resolve, 1300))
        else for (let i = 0; i < 20; i++) await turn()
        wire.socket.write(second)
        assert.deepEqual((await wire.answers(1 + answers.length)).slice(1), answers)
      }
      assert.equal(echo.inFront, 2, 'the first ones alone')
    })

    test('what is pipelined behind an answer that takes its time waits for it', async (t) => {
      const { plans, wire, waiting } = await planUnderWay(t, '/warm/1', { tls })
      wire.socket.write(get('/2') + get('/warm/3'))
      for (let i = 0; i < 20; i++) await turn()
      wire.socket.write(post('/4', '{}'))
      for (let i = 0; i < 20; i++) await turn()
      assert.equal((await wire.answers(1)).length, 1)
      plans.give = (deliver) => deliver()
      for (const deliver of waiting) deliver()
      assert.deepEqual(await wire.answers(5), ['GET /first ', 'GET /warm/1 ', 'GET /2 ', 'GET /warm/3 ', 'POST /4 {}'])
    })

    test('LIST, which Node refuses, and plans on one connection', async (t) => {
      const { connect } = await start(t, { tls })
      const wire = await connect()
      for (const [at, message] of [get('/first'), get('/warm/1'), get('/list').replace('GET', 'LIST'), get('/warm/2'), get('/warm/3'), get('/scan').replace('GET', 'SCAN')].entries()) {
        wire.socket.write(message)
        await wire.answers(at + 1)
      }
      assert.deepEqual(await wire.answers(6), ['GET /first ', 'GET /warm/1 ', 'LIST /list ', 'GET /warm/2 ', 'GET /warm/3 ', 'SCAN /scan '])
    })

    test('LIST behind an answer that takes its time', async (t) => {
      const { plans, connect } = await start(t, { tls })
      const wire = await connect()
      const list = get('/list').replace('GET', 'LIST')
      wire.socket.write(list)
      await wire.answers(1)
      for (let round = 0; round < 20; round++) {
        const waiting: (() => void)[] = []
        plans.give = (deliver) => void waiting.push(deliver)
        wire.socket.write(get('/warm/1'))
        while (waiting.length === 0) await turn()
        wire.socket.write(list)
        for (let i = 0; i < round; i++) await turn()
        for (const deliver of waiting) deliver()
        assert.deepEqual((await wire.answers(3 + 2 * round)).slice(-2), ['GET /warm/1 ', 'LIST /list '])
      }
    })

    test('a client that does not read gets everything in order when it does', async (t) => {
      const { connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/first'))
      await wire.answers(1)
      wire.socket.pause()
      for (let i = 0; i < 20; i++) {
        wire.socket.write(get(`/warm/large-${i}`))
        await turn()
      }
      wire.socket.resume()
      const answers = await wire.answers(21)
      assert.deepEqual(answers.slice(1), Array.from({ length: 20 }, (_, i) => `GET /warm/large-${i} `))
    })
  })
}

test('a client that is gone before its answer gets none, and the answer is wiped', async (t) => {
  const { plans, wire, waiting } = await planUnderWay(t, '/warm/1')
  wire.socket.resetAndDestroy()
  await wire.closed
  for (let i = 0; i < 50; i++) await turn()
  for (const deliver of waiting) deliver()
  await wiped(plans)
})

test('a client that is gone before its plan is left is forgotten', async (t) => {
  const { app, wire, waiting } = await planUnderWay(t, '/warm/left')
  wire.socket.resetAndDestroy()
  await wire.closed
  for (let i = 0; i < 50; i++) await turn()
  for (const leave of waiting) leave()
  // Closing waits for what is under way; nothing is.
  await app.close()
})

test('an answer that may not be given is refused by its door, and the connection goes on', async (t) => {
  const { plans, connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  plans.error = fail('internal', 'audit_unavailable', 'no')
  for (const give of [(deliver: () => void): void => void setImmediate(deliver), (deliver: () => void): void => deliver()]) {
    plans.give = give
    wire.socket.write(get('/warm/1'))
    for (let i = 0; i < 50; i++) await turn()
  }
  plans.error = undefined
  wire.socket.write(get('/warm/2'))
  assert.deepEqual(await wire.answers(4), ['GET /first ', 'audit_unavailable', 'audit_unavailable', 'GET /warm/2 '])
  assert.equal(plans.inFront, 3)
  assert.match(wire.text(), /HTTP\/1\.1 500 [^\r]*\r\n(?:[^\r]+\r\n)*x-request-id: req_0{30}00000[12]\r\n/)
  await wiped(plans)
})

test('closing waits for the answer that is under way', async (t) => {
  const { app, wire, waiting } = await planUnderWay(t, '/warm/1')
  const closing = app.close()
  for (let i = 0; i < 50; i++) await turn()
  for (const deliver of waiting) deliver()
  assert.deepEqual(await wire.answers(2), ['GET /first ', 'GET /warm/1 '])
  await closing
})

describe('a request that takes its time in front', () => {
  /** A request under way, and the server's end of its connection. */
  const underWay = async (t: TestContext): Promise<{ readonly server: Server; readonly wire: Wire; readonly socket: Socket; release(): void }> => {
    const server = await start(t)
    const sockets: Socket[] = []
    server.app.server.on('connection', (socket: Socket) => sockets.push(socket))
    const wire = await server.connect()
    wire.socket.write(get('/first'))
    await wire.answers(1)
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    server.echo.pause = () => released
    wire.socket.write(post('/slow', '{"a":1}'))
    while (server.echo.inFront === 1) await turn()
    const [socket] = sockets
    assert.ok(socket !== undefined)
    return { server, wire, socket, release }
  }

  test('is waited for when the server closes, and what comes behind it is refused', async (t) => {
    const { server, wire, release } = await underWay(t)
    const closing = server.app.close()
    for (let i = 0; i < 20; i++) await turn()
    wire.socket.write(get('/late'))
    for (let i = 0; i < 20; i++) await turn()
    release()
    assert.deepEqual(await wire.answers(2), ['GET /first ', 'POST /slow {"a":1}'])
    await closing
    await wire.closed
    assert.match(wire.text().slice(wire.text().indexOf('/slow')), /HTTP\/1\.1 503 /)
    assert.equal(server.echo.inFront, 2)
  })

  test('outlives the sweep of idle connections when the server closes', async (t) => {
    const { server, wire, release } = await underWay(t)
    const closing = server.app.close()
    await new Promise((resolve) => setTimeout(resolve, 200))
    release()
    assert.equal((await wire.answers(2))[1], 'POST /slow {"a":1}')
    await closing
  })

  test('is not ended by the time that an idle connection has; an idle one is', async (t) => {
    const { wire, socket, release } = await underWay(t)
    socket.emit('timeout')
    for (let i = 0; i < 20; i++) await turn()
    release()
    assert.equal((await wire.answers(2))[1], 'POST /slow {"a":1}')
    for (let i = 0; i < 20; i++) await turn()
    socket.emit('timeout')
    await wire.closed
  })

  test('ends for nobody when its client is gone', async (t) => {
    const { server, wire, release } = await underWay(t)
    wire.socket.resetAndDestroy()
    await wire.closed
    for (let i = 0; i < 50; i++) await turn()
    release()
    while (server.echo.gone.length < 2) await turn()
    assert.deepEqual(server.echo.gone, [true, false])
    await server.app.close()
  })
})

test('a message is wiped once it is answered', async (t) => {
  const { echo, connect } = await start(t)
  const bodies: Buffer[] = []
  const handle = echo.handle.bind(echo)
  echo.handle = async (exchange) => {
    if (exchange.request.body !== undefined) bodies.push(exchange.request.body)
    await handle(exchange)
  }
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  const message = post('/body', '{"password":"x"}')
  wire.socket.write(message)
  await wire.answers(2)
  wire.socket.write(message.slice(0, -5))
  for (let i = 0; i < 20; i++) await turn()
  wire.socket.write(message.slice(-5))
  await wire.answers(3)
  assert.equal(bodies.length, 2)
  assert.ok(bodies.every((body) => body.length === 16 && body.every((byte) => byte === 0)))
})

test('a client that ends in the middle of a body is told as by Node', async (t) => {
  const texts = []
  for (const front of [true, false]) {
    const { connect } = await start(t, { front })
    const wire = await connect()
    wire.socket.write(get('/first'))
    await wire.answers(1)
    wire.socket.write(post('/half', '{"a":1}').slice(0, -3))
    for (let i = 0; i < 20; i++) await turn()
    wire.socket.end()
    await wire.closed
    texts.push(masked(wire.text()))
  }
  assert.equal(texts[0], texts[1])
  assert.match(texts[0] ?? '', /400 Bad Request/)
})

for (const first of [get('/first'), '']) {
  const where = first === '' ? 'as the first message' : 'later'

  test(`100 Continue comes before the head of the answer that it belongs to, pipelined ${where}`, async (t) => {
    const { connect } = await start(t)
    const wire = await connect()
    if (first !== '') {
      wire.socket.write(first)
      await wire.answers(1)
    }
    const from = wire.text().length
    // The general way gives the first answer later than the plan the second, whose body is bytes.
    wire.socket.write(post('/slow/bytes', '{}') + get('/warm/a', 'Expect: 100-continue\r\n') + get('/warm/b') + post('/c', '{}').replace('host: x', 'host: x\r\nexpect: 100-continue'))
    const count = first === '' ? 4 : 5
    assert.deepEqual((await wire.answers(count)).slice(-4), ['POST /slow/bytes {}', 'GET /warm/a ', 'GET /warm/b ', 'POST /c {}'])
    assert.deepEqual(wire.text().slice(from).split(/(?=HTTP\/1\.1 )/).map((part) => part.slice(9, 12)), ['200', '100', '200', '200', '100', '200'])
  })

  test(`what Node refuses is refused after the answers before it, pipelined ${where}`, async (t) => {
    const { connect } = await start(t)
    for (const [garbage, status] of [['GARBAGE\r\n\r\n', 400], [`GET /x HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431]] as const) {
      const wire = await connect()
      if (first !== '') {
        wire.socket.write(first)
        await wire.answers(1)
      }
      const from = wire.text().length
      wire.socket.write(post('/written', '{"a":1}') + get('/warm/a') + get('/cold') + garbage)
      await wire.closed
      const parts = wire.text().slice(from).split(/(?=HTTP\/1\.1 )/)
      assert.deepEqual(parts.map((part) => [part.slice(9, 12), /<([^>]*)>/.exec(part)?.[1] ?? '']), [['200', 'POST /written {"a":1}'], ['200', 'GET /warm/a '], ['200', 'GET /cold '], [String(status), '']])
    }
  })
}

describe('nothing is done of what comes behind an answer that ends the connection', () => {
  for (const [what, message, status] of [
    ['a message without a host', get('/a').replace('Host: x\r\n', ''), '400'],
    ['a body that is too large', post('/a', '').replace('content-length: 0', 'transfer-encoding: chunked') + `4000\r\n${'x'.repeat(0x4000)}\r\n0\r\n\r\n`, '413'],
  ] as const) {
    for (const before of [[], [get('/first')], [get('/slow'), get('/slow-too')]]) {
      test(`${what}, ${before.length} before it`, async (t) => {
        const { echo, connect } = await start(t, { bodyBytes: 10_000 })
        const seen: string[] = []
        const handle = echo.handle.bind(echo)
        echo.handle = (exchange) => (seen.push(exchange.request.url), handle(exchange))
        const wire = await connect()
        wire.socket.write([...before, message, post('/behind', '{"a":1}')].join(''))
        await wire.closed
        await new Promise((resolve) => setTimeout(resolve, 50))
        assert.match(wire.text(), new RegExp(`HTTP/1\\.1 ${status} `))
        assert.deepEqual(seen.filter((url) => url === '/behind'), [])
      })
    }
  }
})

test('an expectation that nobody here knows is ignored', async (t) => {
  const { echo, connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/expecting', 'expect: the unexpected\r\n') + get('/next'))
  assert.deepEqual(await wire.answers(2), ['GET /expecting ', 'GET /next '])
  assert.equal(echo.inFront, 0)
})

describe('is no plan\'s, and answered as by Node', () => {
  for (const [what, message] of [
    ['a repeated header', get('/warm/x', 'X-Vault-Token: known\r\n')],
    ['a body', get('/warm/x', 'content-length: 2\r\n').concat('{}')],
    ['no body, but a length', get('/warm/x', 'content-length: 0\r\n')],
    ['a header beyond the limit', get('/warm/x', `x-long: ${'a'.repeat(2000)}\r\n`)],
    ['white space before a colon', get('/warm/x', 'accept : */*\r\n')],
    ['a folded header', get('/warm/x', 'accept: a\r\n b\r\n')],
    ['a lone line feed', get('/warm/x').replace('Host: x\r\n', 'Host: x\n')],
    ['HTTP/1.0', get('/warm/x').replace('HTTP/1.1', 'HTTP/1.0')],
    ['no host', get('/warm/x').replace('Host: x\r\n', '')],
    ['an absolute target', get('/warm/x').replace('/warm/x', 'http://x/warm/x')],
    ['two connections', get('/warm/x', 'connection: close\r\nconnection: keep-alive\r\n')],
    ['a connection of several words', get('/warm/x', 'connection: close, x\r\n')],
    ['an upgrade', get('/warm/x', 'connection: upgrade\r\nupgrade: websocket\r\n')],
    ['an expectation', get('/warm/x', 'expect: 100-continue\r\n')],
    ['chunks', get('/warm/x', 'transfer-encoding: chunked\r\n').concat('0\r\n\r\n')],
    ['an empty line before it', `\r\n${get('/warm/x')}`],
    ['another behind it', get('/warm/x') + get('/warm/y')],
    ['HEAD', get('/warm/x').replace('GET', 'HEAD')],
    ['OPTIONS', get('/warm/x').replace('GET', 'OPTIONS')],
    ['LINK', get('/warm/x').replace('GET', 'LINK')],
    ['a body in chunks', post('/x', '3\r\nabc\r\n0\r\n\r\n').replace(/content-length: \d+/, 'transfer-encoding: chunked')],
    ['a body and an expectation', post('/x', '{}').replace('host: x', 'host: x\r\nexpect: 100-continue')],
    ['a body and connection: close', post('/x', '{}').replace('host: x', 'host: x\r\nconnection: close')],
    ['a body with HTTP/1.0', post('/x', '{}').replace('HTTP/1.1', 'HTTP/1.0')],
    ['a body with two types', post('/x', '{}').replace('host: x', 'host: x\r\nContent-Type: text/plain')],
    ['a body with two lengths', post('/x', '{}').replace('host: x', 'host: x\r\nContent-Length: 2')],
    ['a body with two lengths that differ', post('/x', '{}').replace('host: x', 'host: x\r\nContent-Length: 3')],
    ['a type that is none', post('/x', '{}').replace('application/json', 'json')],
    ['an empty type', post('/x', '{}').replace('application/json', '')],
    ['a type in quotes', post('/x', '{}').replace('application/json', 'application/json; charset="utf-8"')],
    ['a body beyond the limit', post('/x', 'x'.repeat(50_001))],
    ['a body with another message behind it', post('/x', '{}') + post('/y', '{}')],
    ['a body that is longer than its length', `${post('/x', '{}')}}`],
  ] as const) {
    test(what, async (t) => {
      const [front, general] = [await start(t, { headerBytes: 1024, bodyBytes: 50_000 }), await start(t, { headerBytes: 1024, bodyBytes: 50_000, warm: false, front: false })]
      const texts = []
      for (const server of [front, general]) texts.push(await converse(server, [Buffer.from(get('/first')), Buffer.from(message, 'latin1')]))
      assert.deepEqual(texts[0], texts[1])
      assert.equal(front.plans.inFront, 0)
      // Some are whole and plain, but no plan's.
      const isPlain = what === 'no body, but a length' || what === 'a body and connection: close'
      assert.equal(front.echo.inFront, isPlain ? 2 : 1, 'the first one, and those')
    })
  }
})
