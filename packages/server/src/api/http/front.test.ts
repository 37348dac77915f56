// The front over real sockets: whatever bytes come, in whatever packets, the answers are those of a server that has no plans.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { fail, type CofferError } from '../../kernel/errors.ts'
import type { Deliver, Leave, WarmFacts } from '../../request/warm.ts'
import { buildHttp, type Door, type HttpOptions } from './server.ts'
import type { WarmSource } from './warm.ts'

/** Says what came. The plans below say the same of what is below /warm/. */
const door: Door = {
  async handle({ request, reply, method }) {
    const body = Buffer.isBuffer(request.body) ? request.body.toString('latin1') : ''
    void reply.code(200).send(answerOf(method, request.raw.url ?? '', body))
    return Promise.resolve()
  },
  refuse: ({ reply }, error) => void reply.code(error.httpStatus).send(`<${error.code}>`),
}
const answerOf = (method: string, target: string, body = ''): string => `<${method} ${target} ${body}>${target.includes('large') ? 'x'.repeat(200_000) : ''}`

class Plans implements WarmSource {
  /** Of those begun, how many came from the front. */
  inFront = 0
  begun = 0
  /** How an answer is given; at once, unless a test has other wishes. */
  give: (deliver: () => void) => void = (deliver) => setImmediate(deliver)
  error: CofferError | undefined
  readonly bodies: Buffer[] = []

  begin({ target, token, head }: WarmFacts, deliver: Deliver, leave: Leave): boolean {
    if (!target.startsWith('/warm/') || token !== 'known') return false
    this.begun += 1
    if (head !== undefined) this.inFront += 1
    if (target.includes('left')) {
      this.give(leave)
      return true
    }
    const text = answerOf('GET', target)
    const requestId = `req_${'0'.repeat(30)}${String(this.begun).padStart(6, '0')}`
    const facts = { contentType: 'text/plain; charset=utf-8', contentLength: String(text.length) }
    const body = Buffer.from(head === undefined ? text : head.text({ ...facts, id: requestId, date: head.date() }) + text, 'latin1')
    this.bodies.push(body)
    this.give(() => deliver(this.error, { requestId, ...facts, body }))
    return true
  }
}

type Tls = HttpOptions['tls']
const certificate = (): Tls => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-tls-'))
  after(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=localhost'], { stdio: 'ignore' })
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), clientCa: undefined, minVersion: '1.2' }
}

interface Server {
  readonly plans: Plans
  readonly app: ReturnType<typeof buildHttp>
  connect(): Promise<Wire>
}

interface Wire {
  readonly socket: Socket
  readonly closed: Promise<void>
  text(): string
  /** What stands between angle brackets, in order, once there are as many. */
  answers(count: number): Promise<readonly string[]>
}

const start = async (t: Pick<TestContext, 'after'>, { tls, warm = true, headerBytes = 16_384 }: { readonly tls?: Tls; readonly warm?: boolean; readonly headerBytes?: number } = {}): Promise<Server> => {
  const plans = new Plans()
  const app = buildHttp({ limits: { headerBytes, bodyBytes: 1_048_576, requestSeconds: 30 }, tls, doorOf: () => door, ...(warm ? { warm: () => plans } : {}), log: { failed: () => undefined } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // listens on TCP
  const sockets: Socket[] = []
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })
  return { plans, app, connect: () => wireTo(port, tls, sockets) }
}

const wireTo = async (port: number, tls: Tls, sockets: Socket[]): Promise<Wire> => {
  const socket = tls === undefined ? connectPlain({ port, host: '127.0.0.1' }) : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  sockets.push(socket)
  let text = ''
  let count = 0
  const looks: (() => void)[] = []
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    const more = chunk.toString('latin1')
    text += more
    count += more.split('>').length - 1
    for (const look of looks) look()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve()))
  const found = (): readonly string[] => [...text.matchAll(/<([^>]*)>/g)].map(([, inner]) => inner ?? '')
  return {
    socket, closed, text: () => text,
    answers: (wanted) => new Promise((resolve, reject) => {
      const look = (): void => { if (count >= wanted) resolve(found()) }
      looks.push(look)
      void closed.then(() => reject(new Error(`closed after: ${text}`)))
      look()
    }),
  }
}

/** Answers are wiped once they are sent, or cannot be. */
const wiped = async ({ bodies }: Plans): Promise<void> => {
  for (let tries = 0; tries < 1000 && !bodies.every((body) => body.every((byte) => byte === 0)); tries++) await turn()
  assert.ok(bodies.every((body) => body.every((byte) => byte === 0)), 'an answer was not wiped')
}

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: known\r\n${more}\r\n`
const post = (target: string, body: string): string => `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const masked = (text: string): string => text.replace(/x-request-id: \S+/g, 'x-request-id: ID').replace(/Date: [^\r]+/g, 'Date: DATE')

for (const [name, make] of [['plain', (): Tls => undefined], ['TLS', certificate]] as const) {
  describe(`over ${name}`, () => {
    const tls = make()

    test('the bytes of an answer are those that Node writes', async (t) => {
      const { plans, connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/warm/a'))
      await wire.answers(1)
      const byNode = wire.text()
      wire.socket.write(get('/warm/a'))
      await wire.answers(2)
      assert.equal(masked(wire.text().slice(byNode.length)), masked(byNode))
      assert.deepEqual({ begun: plans.begun, inFront: plans.inFront }, { begun: 2, inFront: 1 })
      await wiped(plans)
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

    test('a plan that was begun and left goes to Node, and what came meanwhile after it', async (t) => {
      const { plans, connect } = await start(t, { tls })
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
    })

    test('what is pipelined behind an answer that takes its time waits for it', async (t) => {
      const { plans, connect } = await start(t, { tls })
      const wire = await connect()
      wire.socket.write(get('/first'))
      await wire.answers(1)
      const waiting: (() => void)[] = []
      plans.give = (deliver) => void waiting.push(deliver)
      wire.socket.write(get('/warm/1'))
      while (waiting.length === 0) await turn()
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
  const { plans, connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  const waiting: (() => void)[] = []
  plans.give = (deliver) => void waiting.push(deliver)
  wire.socket.write(get('/warm/1'))
  while (waiting.length === 0) await turn()
  wire.socket.resetAndDestroy()
  await wire.closed
  for (let i = 0; i < 50; i++) await turn()
  for (const deliver of waiting) deliver()
  await wiped(plans)
})

test('a client that is gone before its plan is left is forgotten', async (t) => {
  const { plans, app, connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  const waiting: (() => void)[] = []
  plans.give = (leave) => void waiting.push(leave)
  wire.socket.write(get('/warm/left'))
  while (waiting.length === 0) await turn()
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
  const { plans, app, connect } = await start(t)
  const wire = await connect()
  wire.socket.write(get('/first'))
  await wire.answers(1)
  const waiting: (() => void)[] = []
  plans.give = (deliver) => void waiting.push(deliver)
  wire.socket.write(get('/warm/1'))
  while (waiting.length === 0) await turn()
  const closing = app.close()
  for (let i = 0; i < 50; i++) await turn()
  for (const deliver of waiting) deliver()
  assert.deepEqual(await wire.answers(2), ['GET /first ', 'GET /warm/1 '])
  await closing
})

describe('goes to Node although a plan would answer', () => {
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
    ['connection: close', get('/warm/x', 'connection: close\r\n')],
    ['an upgrade', get('/warm/x', 'connection: upgrade\r\nupgrade: websocket\r\n')],
    ['an expectation', get('/warm/x', 'expect: 100-continue\r\n')],
    ['chunks', get('/warm/x', 'transfer-encoding: chunked\r\n').concat('0\r\n\r\n')],
    ['an empty line before it', `\r\n${get('/warm/x')}`],
    ['another behind it', get('/warm/x') + get('/warm/y')],
  ] as const) {
    test(what, async (t) => {
      const [front, general] = [await start(t, { headerBytes: 1024 }), await start(t, { headerBytes: 1024, warm: false })]
      const texts = []
      for (const server of [front, general]) texts.push(await converse(server, [Buffer.from(get('/first')), Buffer.from(message, 'latin1')]))
      assert.deepEqual(texts[0], texts[1])
      assert.equal(front.plans.inFront, 0)
    })
  }
})

/** Status, headers but for their order, and body of all answers to these packets and a last request that closes. */
const converse = async ({ connect }: Server, packets: readonly Buffer[]): Promise<readonly string[]> => {
  const wire = await connect()
  for (const packet of [...packets, Buffer.from(get('/end', 'connection: close\r\n'))]) {
    if (wire.socket.destroyed) break
    wire.socket.write(packet)
    await turn()
    await turn()
  }
  // Bytes that swallow the last request leave both servers waiting for more.
  for (let seen = -1, quiet = 0; quiet < 4 && !wire.socket.destroyed; quiet = seen === wire.text().length ? quiet + 1 : 0) {
    seen = wire.text().length
    await Promise.race([wire.closed, new Promise((resolve) => setTimeout(resolve, 25))])
  }
  wire.socket.destroy()
  return wire.text().split(/(?=HTTP\/1\.1 \d)/).map((answer) => {
    const [head = '', ...body] = masked(answer).split('\r\n\r\n')
    return [...head.split('\r\n').sort(), ...body].join('\n')
  })
}

const message = fc.oneof(
  fc.constantFrom(get('/warm/a'), get('/warm/b', 'Accept: */*\r\nConnection: keep-alive\r\n'), get('/cold'), get('/warm/left'), get('/warm/c', 'x-vault-wrap-ttl: 5\r\n')),
  fc.string({ maxLength: 12 }).map((body) => post('/body', JSON.stringify(body).replaceAll(/[^\x20-\x7e]/g, '?'))),
  fc.constantFrom(get('/list').replace('GET', 'LIST'), get('/warm/head').replace('GET', 'HEAD'), get('/warm/x', 'transfer-encoding: chunked\r\n').concat('3\r\nabc\r\n0\r\n\r\n'), '\r\n', get('/warm/x', 'content-length: 5\r\n').concat('GET /')),
)
/** Bytes changed, taken out or put in at any place. */
const damaged = fc.tuple(message, fc.nat(), fc.constantFrom('', '\n', '\r', ' ', ':', '\u0000', '\u00ff', 'a', '\r\n\r\n', 'GET '), fc.nat({ max: 2 })).map(([text, at, put, cut]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut))
const stream = fc.tuple(fc.array(fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: damaged }), { minLength: 1, maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }), fc.boolean())

test('any bytes in any packets are answered as by a server without plans', async (t) => {
  const [front, general] = [await start(t), await start(t, { warm: false })]
  let answered = 0
  front.plans.give = (deliver) => void (answered++ % 3 === 0 ? setTimeout(deliver, 1) : setImmediate(deliver))
  await fc.assert(fc.asyncProperty(stream, async ([messages, cuts, together]) => {
    // One packet for each message, or all in one, and cut at some places more.
    const whole = Buffer.from(messages.join(''), 'latin1')
    const borders = new Set([0, whole.length, ...cuts.map((cut) => Math.floor(cut * whole.length))])
    let at = 0
    if (!together) for (const each of messages) borders.add((at += each.length))
    const places = [...borders].sort((a, b) => a - b)
    const packets = places.slice(1).map((end, index) => whole.subarray(places[index], end))
    const [ours, theirs] = await Promise.all([converse(front, packets), converse(general, packets)])
    // What Node's parser refuses ends the connection at once, and how many of the answers before it are out by then is chance:
    // bytes that waited for an answer arrive at the parser together, as they would have in one packet.
    const refused = ours.at(-1)?.includes('{"errors":') === true
    const alsoInOnePacket = async (): Promise<boolean> => (await converse(general, [whole])).at(-1) === ours.at(-1)
    const [shorter = [], longer = []] = [ours, theirs].sort((a, b) => a.length - b.length)
    if (!refused || (ours.at(-1) !== theirs.at(-1) && !(await alsoInOnePacket()))) assert.deepEqual(ours, theirs)
    else assert.deepEqual(shorter.slice(0, -1), longer.slice(0, shorter.length - 1))
  }), { numRuns: 500, examples: [[[[get('/list').replace('GET', 'LIST'), get('/warm/a').replace(' HTTP', ':HTTP'), post('/body', '""')], [], false]]] })
  assert.ok(front.plans.inFront > 20, `${front.plans.inFront} answers came from the front`)
})
