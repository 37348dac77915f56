// A small HTTP/1.1 client over bare sockets, because public ones either wait for an answer before they send the next request
// or round latencies to milliseconds. Open loop: every request has its moment, and its latency counts from that moment, however
// late it could be sent (coordinated omission is thereby corrected).

import { connect, type Socket } from 'node:net'
import { connect as connectSecurely, createSecureContext, type SecureContext } from 'node:tls'
import { startPacer } from './pacer.ts'

export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Latencies {
  readonly total: number
  readonly errors: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  /** Share of TLS handshakes that took up an earlier session. */
  readonly resumed?: number
}

const render = ({ method, path, headers, body = '' }: RawRequest, host: string): Buffer =>
  Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}${body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`)

const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n', 'latin1')

/** The last session that a server gave, for the next handshake. */
interface SessionMemory {
  session: Buffer | undefined
  resumed: number
}

const contexts = new Map<string, SecureContext>()

/** One for all connections: parsing the authority for each would be half of what a connection costs the client. */
const contextOf = (ca: string): SecureContext => {
  const context = contexts.get(ca) ?? createSecureContext({ ca })
  contexts.set(ca, context)
  return context
}

/** One connection, one request at a time. */
export class Connection {
  readonly #socket: Socket
  #buffer: Buffer = Buffer.alloc(0)
  #done: ((status: number, body: string) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    socket.on('error', () => this.#finish(0))
    socket.on('close', () => this.#finish(0))
  }

  static open({ host, port, ca, memory }: Pick<Load, 'host' | 'port' | 'ca'> & { readonly memory?: SessionMemory | undefined }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (ca === undefined) {
        const socket = connect({ host, port }, () => resolve(new Connection(socket)))
        socket.once('error', reject)
        return
      }
      const session = memory?.session
      const socket = connectSecurely({ host, port, secureContext: contextOf(ca), ...(session === undefined ? {} : { session }) }, () => {
        if (memory !== undefined && socket.isSessionReused()) memory.resumed += 1
        resolve(new Connection(socket))
      })
      if (memory !== undefined) socket.on('session', (ticket) => (memory.session = ticket))
      socket.once('error', reject)
    })
  }

  send(bytes: Buffer, done: (status: number, body: string) => void): void {
    this.#done = done
    this.#socket.write(bytes)
  }

  close(): void {
    this.#done = undefined
    this.#socket.destroy()
  }

  #feed(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    const end = this.#buffer.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = this.#buffer.toString('latin1', 0, end)
    const length = /\r\ncontent-length: (\d+)/i.exec(head)
    // Without a length the body is chunked, as Vault's longer ones are; only its end matters here.
    const isWhole = length === null ? this.#buffer.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) : this.#buffer.length >= end + 4 + Number(length[1])
    if (!isWhole) return
    const body = this.#done !== undefined && this.#done.length > 1 ? this.#buffer.toString('latin1', end + 4) : ''
    this.#buffer = Buffer.alloc(0)
    this.#finish(Number(head.slice(9, 12)), body)
  }

  #finish(status: number, body = ''): void {
    const done = this.#done
    this.#done = undefined
    done?.(status, body)
  }
}

export interface Gathered {
  readonly latencies: number[]
  errors: number
}

export const summarise = ({ latencies, errors }: Gathered, seconds: number): Latencies => {
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN
  return { total: latencies.length, errors, seconds, p50: at(0.5), p99: at(0.99) }
}

export interface Load {
  readonly host: string
  readonly port: number
  readonly requests: readonly RawRequest[]
  readonly connections: number
  readonly seconds: number
  /** PEM: over TLS, trusting this. */
  readonly ca?: string
}

/** Each connection sends its next request when the last was answered. */
export const closedLoop = async (order: Load): Promise<Latencies> => {
  const { host, port, requests, connections, seconds } = order
  const rendered = requests.map((request) => render(request, `${host}:${port}`))
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(order)))
  const gathered: Gathered = { latencies: [], errors: 0 }
  const began = performance.now()
  const until = began + seconds * 1000
  let next = 0
  await Promise.all(opened.map((connection) => new Promise<void>((resolve) => {
    const go = (): void => {
      const at = performance.now()
      if (at >= until) return resolve()
      connection.send(rendered[next++ % rendered.length] ?? Buffer.alloc(0), (status) => {
        gathered.latencies.push(performance.now() - at)
        if (status < 200 || status > 299) gathered.errors += 1
        if (status === 0) resolve()
        else go()
      })
      return undefined
    }
    go()
  })))
  const took = (performance.now() - began) / 1000
  for (const connection of opened) connection.close()
  return summarise(gathered, took)
}

/** `rate` requests per second, whether or not answers come. */
export const openLoop = async (order: Load, rate: number): Promise<Latencies> => {
  const { host, port, requests, connections, seconds } = order
  const rendered = requests.map((request) => render(request, `${host}:${port}`))
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(order)))
  const idle = [...opened]
  const due: number[] = []
  const gathered: Gathered = { latencies: [], errors: 0 }
  const offered = Math.floor(seconds * rate)
  let began = Number.NaN
  let scheduled = 0
  let answered = 0
  await new Promise<void>((resolve) => {
    // A server that cannot keep up is not waited for; what it left unanswered counts as failed.
    const tooLate = setTimeout(resolve, seconds * 2000 + 1000)
    const finish = (): void => {
      clearTimeout(tooLate)
      resolve()
    }
    const sendDue = (): void => {
      while (due.length > 0 && idle.length > 0) {
        const at = due.shift() ?? 0
        const connection = idle.pop()
        connection?.send(rendered[answered % rendered.length] ?? Buffer.alloc(0), (status) => {
          gathered.latencies.push(performance.now() - at)
          if (status < 200 || status > 299) gathered.errors += 1
          answered += 1
          idle.push(connection)
          if (answered === offered) finish()
          else sendDue()
        })
      }
    }
    const tick = (soFar: number): void => {
      while (scheduled < soFar) due.push(began + (scheduled++ * 1000) / rate)
      sendDue()
    }
    began = startPacer({ everyMs: 1000 / rate, count: offered }, tick)
  })
  gathered.errors += offered - answered
  for (let index = answered; index < scheduled; index++) gathered.latencies.push(performance.now() - (began + (index * 1000) / rate))
  const took = (performance.now() - began) / 1000
  for (const connection of opened) connection.close()
  return summarise(gathered, took)
}

/** As many at a time as there are connections, each request on a connection of its own. */
export const freshConnections = async (order: Load): Promise<Latencies> => {
  const { host, port, requests, connections, seconds } = order
  const rendered = requests.map((request) => render({ ...request, headers: { ...request.headers, connection: 'close' } }, `${host}:${port}`))
  const gathered: Gathered = { latencies: [], errors: 0 }
  const began = performance.now()
  const until = began + seconds * 1000
  let next = 0
  const memories = Array.from({ length: connections }, (): SessionMemory => ({ session: undefined, resumed: 0 }))
  await Promise.all(memories.map(async (memory) => {
    for (let at = began; at < until; at = performance.now()) {
      const connection = await Connection.open({ ...order, memory }).catch(() => undefined)
      const status = connection === undefined ? 0 : await new Promise<number>((resolve) => connection.send(rendered[next++ % rendered.length] ?? Buffer.alloc(0), resolve))
      connection?.close()
      gathered.latencies.push(performance.now() - at)
      if (status < 200 || status > 299) gathered.errors += 1
    }
  }))
  const took = (performance.now() - began) / 1000
  return { ...summarise(gathered, took), ...(order.ca === undefined ? {} : { resumed: memories.reduce((sum, { resumed }) => sum + resumed, 0) / gathered.latencies.length }) }
}
