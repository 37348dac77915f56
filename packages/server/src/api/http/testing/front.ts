// A server whose door says what came, with plans that say the same, with the front or without it; and a client of bare sockets.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect as connectPlain, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { CofferError } from '../../../kernel/errors.ts'
import type { Deliver, Leave, WarmFacts } from '../../../request/warm.ts'
import type { Door, HttpExchange } from '../exchange.ts'
import { buildHttp, type HttpOptions } from '../server.ts'
import type { WarmSource } from '../warm.ts'

const TEXT = 'text/plain; charset=utf-8'

/** Says what came, in front after as long as `pause` takes. The plans below say the same of what is below /warm/. */
export class Echo implements Door {
  /** Requests that Node's parser never saw. */
  inFront = 0
  pause: (() => Promise<void>) | undefined
  /** What is below /waits, whoever took it. */
  waits: Promise<void> | undefined
  waiting = 0
  readonly gone: boolean[] = []

  async handle({ request: { method, url, body, rawHeaders, claim }, reply }: HttpExchange): Promise<void> {
    if (rawHeaders === undefined) this.inFront += 1
    reply.whenGone((isWhole) => void this.gone.push(isWhole))
    const text = answerOf(method, url, body?.toString('latin1'))
    if (this.pause !== undefined && rawHeaders === undefined) await this.pause()
    if (url.startsWith('/waits')) {
      // As though so much were in the body.
      claim?.grow(Number(/\d+$/.exec(url)?.[0] ?? 0))
      this.waiting += 1
      await this.waits
    }
    if (url === '/broken') throw new Error('broken')
    if (url === '/header') reply.header('x-bad', 'a\r\nb')
    const status = Number(/^\/status\/(\d{3})/.exec(url)?.[1] ?? 200)
    reply.code(status).header('content-type', TEXT)
    if (url.includes('nothing')) reply.send()
    else reply.send(url.includes('bytes') ? Buffer.from(text) : text)
    reply.send('<too late>')
  }

  refuse({ reply }: HttpExchange, error: CofferError): void {
    if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
    reply.code(error.httpStatus).header('content-type', TEXT).send(`<${error.code}>`)
  }
}
const answerOf = (method: string, target: string, body = ''): string => `<${method} ${target} ${body}>${target.includes('large') ? 'x'.repeat(200_000) : ''}`

export class Plans implements WarmSource {
  /** Of those begun, how many came from the front. */
  inFront = 0
  begun = 0
  /** How an answer is given; at once, unless a test has other wishes. */
  give: (deliver: () => void) => void = (deliver) => setImmediate(deliver)
  error: CofferError | undefined
  readonly bodies: Buffer[] = []

  beginInline(): boolean {
    return false
  }

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
    const facts = { contentType: TEXT, contentLength: String(text.length) }
    const body = Buffer.from(head === undefined ? text : head.text({ ...facts, id: requestId, date: head.date() }) + text, 'latin1')
    this.bodies.push(body)
    this.give(() => deliver(this.error, { requestId, ...facts, body }))
    return true
  }
}

export type Tls = HttpOptions['tls']
export const certificate = (): Tls => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-tls-'))
  after(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=localhost'], { stdio: 'ignore' })
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), clientCa: undefined, minVersion: '1.2' }
}

export interface Server {
  readonly plans: Plans
  readonly echo: Echo
  readonly app: ReturnType<typeof buildHttp>
  connect(): Promise<Wire>
}

export interface Wire {
  readonly socket: Socket
  readonly closed: Promise<void>
  text(): string
  /** What stands between angle brackets, in order, once there are as many. */
  answers(count: number): Promise<readonly string[]>
  /** Resolves when what came since then is a whole answer. */
  whole(from: number): Promise<void>
}

interface Kind {
  readonly tls?: Tls
  readonly warm?: boolean
  /** Without it, every byte is Node's. */
  readonly front?: boolean
  readonly headerBytes?: number
  readonly bodyBytes?: number
  readonly requestSeconds?: number
  /** How often Node looks for connections that are past a limit. */
  readonly checkMs?: number
}

export const start = async (t: Pick<TestContext, 'after'>, { tls, warm = true, front = true, headerBytes = 16_384, bodyBytes = 1_048_576, requestSeconds = 30, checkMs }: Kind = {}): Promise<Server> => {
  const [plans, echo] = [new Plans(), new Echo()]
  const app = buildHttp({ limits: { headerBytes, bodyBytes, requestSeconds, ...(checkMs === undefined ? {} : { checkMs }) }, tls, doorOf: () => echo, ...(warm ? { warm: () => plans } : {}), log: { failed: () => undefined } })
  const event = tls === undefined ? 'connection' : 'secureConnection'
  if (!front) {
    const [nodes] = createServer().listeners('connection')
    if (nodes === undefined) throw new Error('a server of Node has no listener for connections')
    // The front's alone is there.
    app.server.removeAllListeners(event)
    app.server.on(event, (socket: Socket) => void Reflect.apply(nodes, app.server, [socket]))
  }
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // listens on TCP
  const sockets: Socket[] = []
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })
  return { plans, echo, app, connect: () => wireTo(port, tls, sockets) }
}

export const wireTo = async (port: number, tls: Tls, sockets: Socket[]): Promise<Wire> => {
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
    whole: (from) => new Promise((resolve, reject) => {
      const look = (): void => { if (isWhole(text.slice(from))) resolve() }
      looks.push(look)
      void closed.then(() => reject(new Error(`closed after: ${text.slice(from)}`)))
      look()
    }),
    answers: (wanted) => new Promise((resolve, reject) => {
      const look = (): void => { if (count >= wanted) resolve(found()) }
      looks.push(look)
      void closed.then(() => reject(new Error(`closed after: ${text}`)))
      look()
    }),
  }
}

const isWhole = (answer: string): boolean => {
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  return rest.length > 0 && (/^HTTP\/1\.1 (204|304)/.test(head) || rest.join('\r\n\r\n').length >= Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0))
}

/** Answers are wiped once they are sent, or cannot be. */
export const wiped = async ({ bodies }: Plans): Promise<void> => {
  for (let tries = 0; tries < 1000 && !bodies.every((body) => body.every((byte) => byte === 0)); tries++) await turn()
  assert.ok(bodies.every((body) => body.every((byte) => byte === 0)), 'an answer was not wiped')
}

export const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: known\r\n${more}\r\n`
export const post = (target: string, body: string): string => `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
export const masked = (text: string): string => text.replace(/x-request-id: \S+/g, 'x-request-id: ID').replace(/Date: [^\r]+/g, 'Date: DATE')

/** Status, headers but for their order, and body of the answers to these packets and a last request that closes, which is never the front's. */
export const converse = async ({ connect }: Server, packets: readonly Buffer[]): Promise<readonly string[]> => {
  const wire = await connect()
  for (const packet of [...packets, Buffer.from(get('/end', 'connection: close\r\nte: trailers\r\n'))]) {
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
