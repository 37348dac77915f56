// In front of Node's HTTP parser: a message that is whole and plain, on a connection where nothing else is under way, is answered
// without Node's message, response and timers, and without Fastify: by its compiled plan, or by its door. Every other byte reaches
// Node's own listener as it came, so what Node accepts, refuses and times out stays its own decision.
//
// Whether a packet begins where a message begins is known from the packets before it: each was one whole message by the
// narrow grammar of plain-head.ts (or a part of its counted body). After the first packet that was not, the connection is Node's alone.
// Node is told of a connection when it sends what is Node's, or when it has been there for a moment (newcomers.ts).
// A body that comes in parts is kept for a moment, where there is room (bodies.ts); what is not whole by then goes to Node as it came, and Node's limits count
// from there.
//
// This leans on names inside Node's http module (its listeners, the answer under way, its own pause); front.test.ts tries it on the Node that the product
// pins. Where they are not found, connections are left alone.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { wipe } from '../../../lib/bytes.ts'
import type { CofferError } from '../../../kernel/errors.ts'
import { busy } from '../../../request/admission.ts'
import { newRequestId } from '../../../request/message.ts'
import type { BodyRoom } from '../../body-room.ts'
import { asLast, headText, httpDate } from '../answer-head.ts'
import type { Answering } from '../answering.ts'
import { Gathering } from '../bodies.ts'
import { readPlainHead, type PlainHead } from './plain-head.ts'
import { introduce, Newcomers, type Newcomer } from './newcomers.ts'
import { isBodiless, type Sink, type WholeAnswer } from '../reply.ts'
import type { Outcomes, PlainMessage, WarmDoor } from '../warm.ts'

type Listener = (chunk: Buffer) => void
type HttpSocket = Socket & { readonly _httpMessage?: unknown; readonly _paused?: boolean }

export interface FrontOptions {
  readonly warm: WarmDoor
  readonly answering: Answering
  /** For bodies that are waited for or wait themselves, shared with those that Node takes. */
  readonly room: BodyRoom
  readonly limits: { readonly headerBytes: number; readonly headersMs: number; readonly bodyBytes: number }
  readonly keepAliveSeconds: number
}

/** The names of Node's listeners. */
const CONNECTION_LISTENER = 'connectionListener'
const DATA_LISTENER = 'bound socketOnData'
const END_LISTENER = 'bound socketOnEnd'

/** Larger bodies are Node's. */
const MOST_BODY_BYTES = 65_536
/** How long the rest of a body is waited for. */
const REST_MS = 1000

export class Front {
  readonly #options: FrontOptions
  readonly #connections = new WeakMap<Socket, Connection>()
  readonly #newcomers: Newcomers
  #pending = 0
  #isClosing = false
  #quiet: (() => void) | undefined

  constructor(options: FrontOptions) {
    this.#options = options
    this.#newcomers = new Newcomers({ headersMs: options.limits.headersMs })
  }

  attach(server: Server, event: 'connection' | 'secureConnection'): void {
    const listeners = server.listeners(event).filter(({ name }) => name === CONNECTION_LISTENER)
    const [listener] = listeners
    if (listener === undefined || listeners.length > 1) return
    const facts: Facts = {
      ...this.#options,
      bodyBytes: Math.min(this.#options.limits.bodyBytes, MOST_BODY_BYTES),
      newcomers: this.#newcomers,
      toNode: (socket) => void Reflect.apply(listener, server, [socket]),
      isClosing: () => this.#isClosing,
      count: (change) => this.#count(change),
    }
    server.removeListener(event, listener as (socket: Socket) => void) // its name says what it takes
    server.on(event, (socket: Socket) => {
      if (this.#isClosing) facts.toNode(socket)
      else this.#connections.set(socket, new Connection(socket, facts))
    })
    // Node takes a connection whose answer is under way here for an idle one. With a listener it leaves the end of those to us.
    server.on('timeout', (socket: HttpSocket) => { if (this.#connections.get(socket)?.isBusy() !== true && !socket._httpMessage) socket.destroy() })
  }

  /** From here on everything is Node's. Resolves when no answer is under way. */
  async close(): Promise<void> {
    this.#isClosing = true
    while (this.#pending > 0) await new Promise<void>((resolve) => { this.#quiet = resolve })
    this.#newcomers.stop()
  }

  #count(change: number): void {
    this.#pending += change
    if (this.#pending === 0) this.#quiet?.()
  }
}

interface Facts extends FrontOptions {
  readonly bodyBytes: number
  readonly newcomers: Newcomers
  /** Node's own listener for connections. */
  toNode(socket: Socket): void
  isClosing(): boolean
  count(change: number): void
}

/** Verbs whose body nobody reads, and those whose body is the request. */
const BARE: ReadonlySet<string> = new Set(['GET', 'LIST', 'SCAN'])
const BODIED: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Types that nobody who reads them refuses. */
const TYPE = /^[a-z0-9]+\/[a-z0-9.+-]+(?:; ?charset=[a-z0-9-]+)?$/i

/** A message whose body is not all there. */
interface Begun {
  readonly head: PlainHead
  readonly gathering: Gathering
  left: number
  readonly timer: NodeJS.Timeout
}

class Connection implements Newcomer {
  readonly #socket: HttpSocket
  readonly #facts: Facts
  readonly #outcomes: Outcomes
  readonly #sourceIp: string | undefined
  /** Node's listener for bytes, once Node knows the connection. */
  #toNode: Listener | undefined
  /** Whether a message was begun here before Node knew of the connection. */
  #isAhead = false
  /** Whether Node still waits for a first message. */
  #isAwaited = true
  /** Whether the client has ended its side before Node knew of the connection. */
  #isEnded = false
  /** Whether nothing more is answered. */
  #isOver = false
  /** What Node's parser still waits for. */
  #bodyLeft = 0
  #begun: Begun | undefined
  /** The message whose answer is awaited. */
  #asked: PlainMessage | undefined
  #held: Buffer[] = []
  /** Answers that are awaited, or not the operating system's yet. */
  #pending = 0

  constructor(socket: Socket, facts: Facts) {
    this.#socket = socket
    this.#facts = facts
    this.#sourceIp = socket.remoteAddress
    facts.newcomers.add(this)
    socket.on('error', ignore)
    socket.once('end', this.#onEnd)
    socket.once('close', this.#onClose)
    socket.on('data', this.#onData)
    this.#outcomes = {
      deliver: (error, { requestId, body }) => {
        const asked = this.#asked
        if (asked === undefined) return wipe(body)
        if (error === undefined) {
          wipeBody(asked)
          return this.#send(body)
        }
        // What cannot be answered after all is refused by its door.
        wipe(body)
        return this.#ask(asked, requestId, error)
      },
      leave: () => { if (this.#asked !== undefined) this.#ask(this.#asked, newRequestId()) },
    }
  }

  isBusy(): boolean {
    return this.#pending > 0
  }

  /** What is waited for is not there yet, and becomes Node's by itself when it does not come. */
  settle(): void {
    const { newcomers, keepAliveSeconds } = this.#facts
    if (this.#begun !== undefined || (this.#isEnded && !this.#isOver)) return newcomers.add(this)
    if (!this.#isOver) return void this.#tellNode()
    // The client does not take the last answer.
    this.#socket.setTimeout(keepAliveSeconds * 1000, () => this.#socket.destroy())
    return undefined
  }

  readonly #onData: Listener = (chunk) => this.#take(chunk)

  readonly #onClose = (): void => this.#facts.newcomers.forget(this)

  readonly #onEnd = (): void => {
    // Node has been told of the connection while its end was being told of.
    if (this.#toNode !== undefined) return nodesListener(this.#socket, 'end', END_LISTENER)?.()
    this.#isEnded = true
    if (this.#asked === undefined) this.#end()
    return undefined
  }

  /** The connection is Node's, with its time limits; its bytes still come here first. */
  #tellNode(): Listener {
    if (this.#toNode !== undefined) return this.#toNode
    const { newcomers, toNode } = this.#facts
    const socket = this.#socket
    newcomers.forget(this)
    socket.removeListener('error', ignore)
    socket.removeListener('end', this.#onEnd)
    socket.removeListener('close', this.#onClose)
    socket.removeListener('data', this.#onData)
    toNode(socket)
    const listener = nodesListener(socket, 'data', DATA_LISTENER)
    this.#toNode = listener ?? ((chunk) => void socket.emit('data', chunk))
    if (listener === undefined) return this.#toNode
    socket.removeListener('data', listener)
    socket.on('data', this.#onData)
    // One of which Node cannot be told is ended when it has nothing to do.
    if (this.#isAhead && !this.#isWelcome() && this.#pending === 0) socket.end()
    return listener
  }

  /** Whether Node does not wait for a first message, which it would never see; it is told of one where it does. */
  #isWelcome(): boolean {
    if (this.#toNode === undefined || !this.#isAwaited) return true
    if (!introduce(this.#socket)) return false
    this.#isAwaited = false
    // Node sets it when an answer of its own is over.
    this.#socket.setTimeout(this.#facts.keepAliveSeconds * 1000)
    return true
  }

  #count(change: number): void {
    this.#pending += change
    this.#facts.count(change)
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return wipe(chunk)
    if (this.#asked !== undefined) {
      // Pipelined behind a request that is not answered yet: its answer must come first.
      this.#held.push(chunk)
      this.#socket.pause()
      return
    }
    if (this.#begun !== undefined) return this.#gather(this.#begun, chunk)
    if (this.#bodyLeft > 0) return this.#pass(chunk, this.#bodyLeft - chunk.length)
    const head = readPlainHead(chunk)
    if (head === undefined) return this.#pass(chunk, Number.NaN)
    const left = head.length + head.bodyLength - chunk.length
    if (left >= 0 && this.#isOurs(head) && this.#isWelcome()) return left === 0 ? this.#begin({ head, packet: chunk }) : this.#await(head, chunk, left)
    return this.#pass(chunk, NOT_NODES.has(head.method) ? Number.NaN : left)
  }

  /** To Node, with how many bytes its message still lacks: fewer than none, or an unknown number, and it is Node's for good. */
  #pass(chunk: Buffer, bodyLeft: number): void {
    const toNode = this.#tellNode()
    this.#isAwaited = false
    if (bodyLeft >= 0) this.#bodyLeft = bodyLeft
    else if (this.#socket.listeners('data').includes(this.#onData)) {
      this.#socket.removeListener('data', this.#onData)
      this.#socket.on('data', toNode)
    }
    toNode(chunk)
    if (this.#isEnded) nodesListener(this.#socket, 'end', END_LISTENER)?.()
  }

  #isOurs({ method, repeated, length, bodyLength, headers }: PlainHead): boolean {
    const { limits, bodyBytes, isClosing } = this.#facts
    if (repeated || length > limits.headerBytes || isClosing()) return false
    if (BARE.has(method) ? bodyLength > 0 : !BODIED.has(method) || bodyLength > bodyBytes) return false
    const type = headers['content-type']
    if (type !== undefined && !TYPE.test(type)) return false
    // An answer of Node's that is not over, or bytes that the client does not take: there the order is Node's to keep.
    return !this.#socket._httpMessage && this.#socket.writableLength === 0
  }

  #await(head: PlainHead, first: Buffer, left: number): void {
    const gathering = new Gathering(this.#facts.room, first.length + left)
    if (!gathering.add(first)) return this.#pass(first, left)
    wipe(first)
    const timer = setTimeout(this.#giveUp, REST_MS)
    this.#begun = { head, gathering, left, timer }
    // Before Node's own listener, which must have had the bytes by then.
    this.#socket.prependOnceListener('end', this.#giveUp)
    this.#socket.once('close', this.#giveUp)
  }

  #gather(begun: Begun, chunk: Buffer): void {
    begun.left -= chunk.length
    if (!begun.gathering.add(chunk)) {
      const before = this.#gathered(begun)
      return this.#pass(Buffer.concat([before, chunk]), begun.left)
    }
    wipe(chunk)
    if (begun.left > 0) return
    const packet = this.#gathered(begun)
    if (begun.left === 0 && this.#isOurs(begun.head)) return this.#begin({ head: begun.head, packet })
    return this.#pass(packet, begun.left)
  }

  #gathered({ gathering, timer }: Begun): Buffer {
    this.#begun = undefined
    clearTimeout(timer)
    this.#socket.removeListener('end', this.#giveUp)
    this.#socket.removeListener('close', this.#giveUp)
    return gathering.take()
  }

  /** To Node with what there is. */
  readonly #giveUp = (): void => {
    const begun = this.#begun
    if (begun === undefined) return
    const packet = this.#gathered(begun)
    if (!this.#socket.destroyed) this.#pass(packet, begun.left)
  }

  #begin(asked: PlainMessage): void {
    this.#asked = asked
    this.#isAhead = this.#toNode === undefined
    this.#count(1)
    if (!this.#facts.warm.beginPlain(asked, this.#sourceIp, this.#outcomes)) this.#ask(asked, newRequestId())
  }

  #ask({ head: { method, target, headers, length, bodyLength }, packet }: PlainMessage, requestId: string, refusal?: CofferError): void {
    const { answering, room, keepAliveSeconds } = this.#facts
    const body = bodyLength === 0 ? undefined : packet.subarray(length)
    const claim = body === undefined ? undefined : room.claim(packet.length)
    const sink: Sink = (answer, gone) => {
      if (body !== undefined) wipe(body)
      claim?.giveBack()
      this.#send(bytesOf(answer, keepAliveSeconds), gone)
    }
    answering.answer({ method, url: target, headers, body, claim, sourceIp: this.#sourceIp, socket: this.#socket }, requestId, sink, refusal ?? (body === undefined || claim !== undefined ? undefined : busy()))
  }

  #send(answer: Buffer, gone?: (isWhole: boolean) => void): void {
    const socket = this.#socket
    const isLast = this.#asked?.head.isLast === true
    const bytes = isLast ? asLast(answer, this.#facts.keepAliveSeconds) : answer
    if (isLast) wipe(answer)
    this.#asked = undefined
    if (socket.destroyed || !socket.writable) this.#over(bytes, false, gone)
    // Called when the bytes are the kernel's, and also when the connection broke before.
    else socket.write(bytes, (error) => this.#over(bytes, error === undefined || error === null, gone))
    if (isLast || (this.#isEnded && this.#held.length === 0)) return this.#end()
    return this.#goOn()
  }

  /** What came behind the last message is not answered (RFC 9112, 9.6). */
  #end(): void {
    this.#isOver = true
    for (const chunk of this.#held) wipe(chunk)
    this.#held = []
    this.#socket.destroySoon()
  }

  #over(bytes: Buffer, isWhole: boolean, gone: ((isWhole: boolean) => void) | undefined): void {
    wipe(bytes)
    this.#count(-1)
    gone?.(isWhole)
  }

  #goOn(): void {
    if (this.#held.length === 0) return
    const held = this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held)
    this.#held = []
    if (this.#socket.destroyed) return
    // Before the packet is taken: whoever gets it may have a reason of its own to stop the socket.
    if (this.#socket._paused !== true) this.#socket.resume()
    this.#take(held)
  }
}

/** It may hold a secret. */
const wipeBody = ({ head: { length, bodyLength }, packet }: PlainMessage): void => {
  if (bodyLength > 0) wipe(packet.subarray(length))
}

/** Node's parser refuses them, and what becomes of the connection then is decided there (foreign-verbs.ts). */
const NOT_NODES: ReadonlySet<string> = new Set(['LIST', 'SCAN'])

const ignore = (): void => undefined

const nodesListener = (socket: Socket, event: 'data' | 'end', name: string): ((...args: unknown[]) => void) | undefined => {
  const found = socket.listeners(event).filter((listener) => listener.name === name)
  return found.length === 1 ? (found[0] as (...args: unknown[]) => void) : undefined // its name says what it takes
}

const bytesOf = ({ status, headers, body }: WholeAnswer, keepAliveSeconds: number): Buffer => {
  const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const isEmpty = isBodiless(status)
  const head = headText({ status, headers, contentLength: isEmpty && body === undefined ? undefined : String(length), date: httpDate() }, keepAliveSeconds)
  const bytes = Buffer.allocUnsafe(head.length + (isEmpty ? 0 : length))
  bytes.write(head, 0, 'latin1')
  if (isEmpty || body === undefined) return bytes
  if (typeof body === 'string') bytes.write(body, head.length, 'utf8')
  else bytes.set(body, head.length)
  return bytes
}
