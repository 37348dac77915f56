// Questions and answers between supervisor and worker, both ways, over the socket pair that the worker inherits. Bodies
// are raw bytes; the channel takes each body over and wipes it once the kernel has it. When one side dies the other's
// pending questions fail at once, and `closed` resolves.

import type { Socket } from 'node:net'
import { asCofferError, fail, kindFacts, type CofferError, type ErrorKind, type FailOptions } from '../../kernel/errors.ts'
import { FrameReader, encodeHead } from './frames.ts'

/** Answers a question. What it returns is wiped after it was sent; a question's body is the handler's to wipe. */
export type Handler = (body: Buffer) => Promise<Buffer | undefined>

const answer = 0x80
const refusal = 0x81
const idBytes = 4
const empty = Buffer.alloc(0)

interface Pending {
  resolve(body: Buffer): void
  reject(error: Error): void
}

/** The code of a question whose other side has gone. */
export const channelClosed = 'supervisor.channel_closed'

const gone = () => fail('unavailable', channelClosed, 'The server is restarting a part of itself. Try again shortly.')

export class Channel {
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #handlers: ReadonlyMap<number, Handler>
  readonly #pending = new Map<number, Pending>()
  readonly #reader = new FrameReader((type, payload) => this.#receive(type, payload))
  #lastId = 0
  #open = true

  constructor(socket: Socket, handlers: ReadonlyMap<number, Handler>) {
    this.#socket = socket
    this.#handlers = handlers
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.close()
        resolve()
      }
      socket.once('close', close)
      socket.once('end', close)
      socket.on('error', close)
    })
  }

  /** What the socket read. Anything that is no frame ends the channel. */
  feed(chunk: Buffer): void {
    try {
      this.#reader.push(chunk)
    } catch {
      this.#socket.destroy()
    }
  }

  /** Asks and waits for the answer, which the caller wipes if it is secret. Takes the body over. */
  request(operation: number, body: Buffer = empty): Promise<Buffer> {
    if (!this.#open) {
      body.fill(0)
      return Promise.reject(gone())
    }
    this.#lastId = (this.#lastId + 1) >>> 0
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#send(operation, id, body)
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.destroy()
    for (const { reject } of this.#pending.values()) reject(gone())
    this.#pending.clear()
  }

  /** Resolves when everything sent so far has been handed to the kernel. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#open) resolve()
      else this.#socket.write(empty, () => resolve())
    })
  }

  #send(type: number, id: number, body: Buffer): void {
    if (!this.#open) {
      body.fill(0)
      return
    }
    const prefix = Buffer.alloc(idBytes)
    prefix.writeUInt32BE(id)
    this.#socket.cork()
    this.#socket.write(encodeHead(type, idBytes + body.length))
    this.#socket.write(prefix)
    // The very bytes go to the kernel (writev); no copy of a key is left in a joined buffer.
    this.#socket.write(body, () => body.fill(0))
    this.#socket.uncork()
  }

  #receive(type: number, payload: Buffer): void {
    if (payload.length < idBytes) {
      this.#socket.destroy()
      return
    }
    const id = payload.readUInt32BE(0)
    const body = payload.subarray(idBytes)
    if (type === answer || type === refusal) this.#settle(id, type, body)
    else void this.#answer(type, id, body)
  }

  #settle(id: number, type: number, body: Buffer): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (type === answer) pending?.resolve(body)
    else pending?.reject(decodeError(body))
  }

  async #answer(operation: number, id: number, body: Buffer): Promise<void> {
    try {
      const handler = this.#handlers.get(operation)
      if (handler === undefined) throw fail('internal', 'supervisor.unknown_operation', 'Supervisor and worker are of different releases. Restart the server.')
      this.#send(answer, id, (await handler(body)) ?? empty)
    } catch (error) {
      this.#send(refusal, id, encodeError(error))
    }
  }
}

/** Kind, code, message and field cross; causes and stacks do not. */
const encodeError = (error: unknown): Buffer => {
  const { kind, code, message, field, retryAfterSeconds, httpStatus } = asCofferError(error)
  return Buffer.from(JSON.stringify({ kind, code, message, field, retryAfterSeconds, httpStatus }))
}

interface WireError extends FailOptions {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
}

const decodeError = (body: Buffer): CofferError => {
  const { kind, code, message, ...options } = JSON.parse(body.toString('utf8')) as WireError // written by encodeError of the same release
  return Object.hasOwn(kindFacts, kind) ? fail(kind, code, message, options) : fail('internal', 'internal', 'Something went wrong inside the server.')
}
