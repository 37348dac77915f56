// LIST and SCAN over real sockets, in every way in which packets can fall.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Door } from '../exchange.ts'
import { buildHttp, type HttpOptions } from '../server.ts'

/** Says what came: verb, target and body. Answers to /slow wait until `release` is called. */
const echoing = (): { readonly door: Door; release(): void } => {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  return {
    release: () => release(),
    door: {
      async handle({ request: { method, url, body }, reply }) {
        if (url === '/slow') await released
        reply.code(200).header('content-type', 'text/plain').send(`<${method} ${url} ${body?.toString() ?? ''}>`)
      },
      refuse: ({ reply }, error) => reply.code(error.httpStatus).send(error.code),
    },
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

interface Wire {
  readonly socket: Socket
  text(): string
  /** Resolves when the text holds as many answers. */
  answers(count: number): Promise<readonly string[]>
  readonly closed: Promise<void>
  release(): void
}

const open = async (t: TestContext, tls: Tls): Promise<Wire> => {
  const { door, release } = echoing()
  const app = buildHttp({ limits: { headerBytes: 16_384, bodyBytes: 1_048_576, requestSeconds: 30 }, tls, doorOf: () => door, log: { failed: () => undefined } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // listens on TCP
  const socket = tls === undefined ? connectPlain({ port, host: '127.0.0.1' }) : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.after(async () => {
    socket.destroy()
    await app.close()
  })
  let text = ''
  const waiting: (() => void)[] = []
  const found = (): readonly string[] => [...text.matchAll(/<([^>]*)>/g)].map(([, inner]) => inner ?? '')
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (const look of waiting) look()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve()))
  return {
    socket, closed, release,
    text: () => text,
    answers: (count) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (found().length >= count) resolve(found())
        }
        waiting.push(look)
        void closed.then(() => reject(new Error(`closed after: ${text}`)))
        look()
      }),
  }
}

const request = (verb: string, path: string, body = ''): string => `${verb} ${path} HTTP/1.1\r\nhost: x\r\n${body === '' ? '' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`}\r\n${body}`
const WAYS: readonly (readonly [string, () => Tls])[] = [['plain', () => undefined], ['TLS', certificate]]

for (const [name, make] of WAYS) {
  describe(`over ${name}`, () => {
    const tls = make()
    test('LIST and SCAN arrive as what they are, and the connection goes on with other verbs', async (t) => {
      const wire = await open(t, tls)
      const sent: string[] = []
      for (const verb of ['LIST', 'GET', 'LIST', 'LIST', 'PUT', 'SCAN', 'GET', 'LIST']) {
        sent.push(verb)
        wire.socket.write(request(verb, `/v1/${sent.length}`))
        await wire.answers(sent.length)
      }
      assert.deepEqual(await wire.answers(8), sent.map((verb, at) => `${verb} /v1/${at + 1} `))
    })
    test('pipelined in one packet, each is answered in its turn', async (t) => {
      const wire = await open(t, tls)
      wire.socket.write(request('GET', '/a') + request('LIST', '/b') + request('LIST', '/c', '{"x":1}') + request('POST', '/d', '{}') + request('SCAN', '/e') + request('GET', '/f'))
      assert.deepEqual(await wire.answers(6), ['GET /a ', 'LIST /b ', 'LIST /c {"x":1}', 'POST /d {}', 'SCAN /e ', 'GET /f '])
    })
    test('behind an answer that takes its time, none overtakes it', async (t) => {
      const wire = await open(t, tls)
      wire.socket.write(request('GET', '/slow') + request('GET', '/second') + request('LIST', '/third') + request('GET', '/fourth'))
      for (let i = 0; i < 50; i++) await turn()
      wire.socket.write(request('LIST', '/fifth'))
      for (let i = 0; i < 50; i++) await turn()
      assert.equal(wire.text(), '')
      wire.release()
      assert.deepEqual(await wire.answers(5), ['GET /slow ', 'GET /second ', 'LIST /third ', 'GET /fourth ', 'LIST /fifth '])
    })
    test('split at every byte, also behind another request', async (t) => {
      const message = request('LIST', '/v1/x', '{"a":"b"}')
      for (let at = 1; at < message.length; at++) {
        const wire = await open(t, tls)
        wire.socket.write(request('GET', '/first') + message.slice(0, at))
        await wire.answers(1)
        for (let i = 0; i < 5; i++) await turn()
        wire.socket.write(message.slice(at))
        assert.deepEqual(await wire.answers(2), ['GET /first ', 'LIST /v1/x {"a":"b"}'])
        wire.socket.destroy()
      }
    })
    test('byte by byte', async (t) => {
      const wire = await open(t, tls)
      for (const byte of request('SCAN', '/v1/x') + request('LIST', '/v1/y', '{}')) {
        wire.socket.write(byte)
        await turn()
      }
      assert.deepEqual(await wire.answers(2), ['SCAN /v1/x ', 'LIST /v1/y {}'])
    })
    test('verbs that nobody has are still refused', async (t) => {
      for (const verb of ['LISP', 'LI', 'LISTS', 'list', 'SCANS', 'FOO']) {
        const wire = await open(t, tls)
        wire.socket.write(request(verb, '/v1/x'))
        await wire.closed
        assert.match(wire.text(), /^HTTP\/1\.1 400 /)
      }
    })
    test('a body is never taken for a request', async (t) => {
      const wire = await open(t, tls)
      wire.socket.write(request('POST', '/v1/x', request('LIST', '/v1/smuggled')))
      const [first] = await wire.answers(1)
      assert.match(first ?? '', /^POST \/v1\/x LIST/)
      wire.socket.write(request('GET', '/next'))
      assert.deepEqual((await wire.answers(2))[1], 'GET /next ')
    })
  })
}
