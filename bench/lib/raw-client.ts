// A small HTTP/1.1 client over bare sockets, because public ones either wait for an answer before they send the next request
// or round latencies to milliseconds. Open loop: every request has its moment, and its latency counts from that moment, however
// late it could be sent (coordinated omission is thereby corrected).

import { connect, type Socket } from 'node:net'

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
}

const render = ({ method, path, headers, body = '' }: RawRequest, host: string): Buffer =>
  Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}${body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`)

const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n', 'latin1')

/** One connection, one request at a time. */
class Connection {
  readonly #socket: Socket
  #buffer: Buffer = Buffer.alloc(0)
  #done: ((status: number) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    socket.on('error', () => this.#finish(0))
    socket.on('close', () => this.#finish(0))
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  send(bytes: Buffer, done: (status: number) => void): void {
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
    this.#buffer = Buffer.alloc(0)
    this.#finish(Number(head.slice(9, 12)))
  }

  #finish(status: number): void {
    const done = this.#done
    this.#done = undefined
    done?.(status)
  }
}

interface Gathered {
  readonly latencies: number[]
  errors: number
}

const summarise = ({ latencies, errors }: Gathered, seconds: number): Latencies => {
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
}

/** Each connection sends its next request when the last was answered. */
export const closedLoop = async ({ host, port, requests, connections, seconds }: Load): Promise<Latencies> => {
  const rendered = requests.map((request) => render(request, `${host}:${port}`))
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(host, port)))
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
export const openLoop = async ({ host, port, requests, connections, seconds }: Load, rate: number): Promise<Latencies> => {
  const rendered = requests.map((request) => render(request, `${host}:${port}`))
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(host, port)))
  const idle = [...opened]
  const due: number[] = []
  const gathered: Gathered = { latencies: [], errors: 0 }
  const began = performance.now()
  const offered = Math.floor(seconds * rate)
  let scheduled = 0
  let answered = 0
  await new Promise<void>((resolve) => {
    // A server that cannot keep up is not waited for; what it left unanswered counts as failed.
    const tooLate = setTimeout(resolve, seconds * 2000)
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
    const tick = (): void => {
      const now = performance.now()
      while (scheduled < offered && began + (scheduled * 1000) / rate <= now) due.push(began + (scheduled++ * 1000) / rate)
      sendDue()
      if (scheduled < offered) setTimeout(tick, 1)
    }
    tick()
  })
  gathered.errors += offered - answered
  for (let index = answered; index < scheduled; index++) gathered.latencies.push(performance.now() - (began + (index * 1000) / rate))
  const took = (performance.now() - began) / 1000
  for (const connection of opened) connection.close()
  return summarise(gathered, took)
}
