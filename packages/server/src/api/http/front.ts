// In front of Node's HTTP parser: a packet that is exactly one plain GET, on a connection where nothing else is under way, is
// answered by its compiled plan without a message object, a response object or a timer. Every other byte reaches Node's
// own listener as it came, so what Node accepts, refuses and times out stays its own decision.
//
// Whether a packet begins where a message begins is known from the packets before it: each was one whole message by the
// narrow grammar of plain-head.ts (or a part of its counted body). After the first packet that was not, the connection is Node's alone.
// The first message is always Node's, which thereby takes the connection for an idle one afterwards, with its time limits.
//
// This leans on names inside Node's http module (its `data` listener, the answer under way, its own pause); front.test.ts tries it on the Node that the product
// pins. Where that listener is not found, connections are left alone.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { wipe } from '../../lib/bytes.ts'
import type { CofferError } from '../../kernel/errors.ts'
import type { WarmReply } from '../../request/warm.ts'
import { readPlainHead, type PlainHead } from './plain-head.ts'
import type { Outcomes, WarmDoor } from './warm.ts'

type Listener = (chunk: Buffer) => void
type HttpSocket = Socket & { readonly _httpMessage?: unknown; readonly _paused?: boolean }

export class Front {
  readonly #door: WarmDoor
  readonly #mostBytes: number
  #pending = 0
  #quiet: (() => void) | undefined

  constructor(door: WarmDoor, headerBytes: number) {
    this.#door = door
    this.#mostBytes = headerBytes
  }

  attach(server: Server, event: 'connection' | 'secureConnection'): void {
    server.on(event, (socket: Socket) => this.#take(socket))
  }

  /** Resolves when no answer is under way. Nothing may begin meanwhile. */
  async quiet(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => { this.#quiet = resolve })
  }

  #take(socket: Socket): void {
    // Asked for after Node's listener was put there: its 'data' alone is what the parser gets.
    const listeners = socket.listeners('data').filter(({ name }) => name === 'bound socketOnData')
    const [listener] = listeners
    if (listener === undefined || listeners.length > 1) return
    const connection = new Connection(socket, listener as Listener, { door: this.#door, mostBytes: this.#mostBytes, count: (change) => this.#count(change) }) // its name says what it takes
    socket.removeListener('data', listener as Listener)
    socket.on('data', connection.onData)
  }

  #count(change: number): void {
    this.#pending += change
    if (this.#pending === 0) this.#quiet?.()
  }
}

interface Facts {
  readonly door: WarmDoor
  readonly mostBytes: number
  count(change: number): void
}

class Connection {
  readonly onData: Listener
  readonly #socket: HttpSocket
  readonly #toNode: Listener
  readonly #facts: Facts
  readonly #outcomes: Outcomes
  readonly #sourceIp: string | undefined
  /** Whether Node's parser has had a whole message. */
  #known = false
  #bodyLeft = 0
  /** The packet whose answer is awaited. */
  #asked: Buffer | undefined
  #held: Buffer[] = []

  constructor(socket: Socket, toNode: Listener, facts: Facts) {
    this.#socket = socket
    this.#toNode = toNode
    this.#facts = facts
    this.#sourceIp = socket.remoteAddress
    this.onData = (chunk) => this.#take(chunk)
    this.#outcomes = {
      deliver: (error, reply) => {
        const asked = this.#asked
        if (asked === undefined) return wipe(reply.body)
        this.#answered()
        if (error === undefined) this.#send(reply)
        else this.#refuse(asked, error, reply)
        return this.#goOn()
      },
      leave: () => this.#leave(),
    }
  }

  #take(chunk: Buffer): void {
    if (this.#asked !== undefined) {
      // Pipelined behind a request that is not answered yet: its answer must come first.
      this.#held.push(chunk)
      this.#socket.pause()
      return
    }
    if (this.#bodyLeft > 0) return this.#pass(chunk, this.#bodyLeft - chunk.length)
    const head = readPlainHead(chunk)
    if (head === undefined) return this.#pass(chunk, Number.NaN)
    if (this.#known && this.#begin(head, chunk)) return undefined
    return this.#pass(chunk, head.length + head.bodyLength - chunk.length)
  }

  /** To Node, with how many bytes its message still lacks: fewer than none, or an unknown number, and it is Node's for good. */
  #pass(chunk: Buffer, bodyLeft: number): void {
    if (bodyLeft >= 0) {
      this.#known = true
      this.#bodyLeft = bodyLeft
    } else {
      this.#socket.removeListener('data', this.onData)
      this.#socket.on('data', this.#toNode)
    }
    this.#toNode(chunk)
  }

  #begin(head: PlainHead, chunk: Buffer): boolean {
    const socket = this.#socket
    // An answer of Node's that is not over, or bytes that the client does not take: there the order is Node's to keep.
    if (head.method !== 'GET' || head.repeated || head.length !== chunk.length || head.length > this.#facts.mostBytes || socket._httpMessage || socket.writableLength > 0) return false
    this.#asked = chunk
    this.#facts.count(1)
    if (this.#facts.door.beginPlain(head, this.#sourceIp, this.#outcomes)) return true
    this.#answered()
    return false
  }

  /** The plan could not be followed after all: Node gets the packet as if it came only now. */
  #leave(): void {
    const asked = this.#asked
    if (asked === undefined) return
    this.#answered()
    if (this.#socket.destroyed) return
    this.#pass(asked, 0)
    this.#goOn()
  }

  #answered(): void {
    this.#asked = undefined
    this.#facts.count(-1)
  }

  #send({ body }: WarmReply): void {
    const socket = this.#socket
    if (socket.destroyed || !socket.writable) return wipe(body)
    // Called when the bytes are the kernel's, and also when the connection broke before.
    socket.write(body, () => wipe(body))
    return undefined
  }

  /** What cannot be answered after all is refused the general way. */
  #refuse(asked: Buffer, error: CofferError, { requestId, body }: WarmReply): void {
    wipe(body)
    if (this.#socket.destroyed) return
    this.#facts.door.refuseNext(this.#socket, { error, requestId })
    this.#pass(asked, 0)
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
