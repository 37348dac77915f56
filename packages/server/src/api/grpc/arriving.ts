// Calls whose message is not there yet. Whoever makes one has shown no token, and may take its time: what the calls of all connections take together is bounded, and
// so is how long one may take. grpc-js bounds a message and the calls of a connection, and neither of these.
//
// This leans on a name inside grpc-js (the stream of a call: nothing else tells of bytes before a message is whole); arriving.test.ts tries it on the version that
// the product pins.

import type { Http2Stream } from 'node:http2'
import { ServerInterceptingCall, ServerListenerBuilder, status, type Metadata, type ServerInterceptingCallInterface, type ServerInterceptor, type StatusObject } from '@grpc/grpc-js'
import { newRequestId } from '../../request/message.ts'
import { busy } from '../../request/admission.ts'
import type { BodyRoom } from '../body-room.ts'
import { statusOf, trailers } from './status.ts'

/** 100 paths of the greatest length with room for the token; nothing that is asked needs more. */
export const MESSAGE_BYTES = 128 * 1024
/** Behind a byte for compression and four for the length. */
const FRAMED_BYTES = MESSAGE_BYTES + 5

/** What a call takes besides its headers and its message. */
export const CALL_BYTES = 8192

const streamOf = (call: ServerInterceptingCallInterface): Http2Stream => {
  if ('stream' in call) return call.stream as Http2Stream // as the test of it says
  throw new Error('grpc-js keeps the stream of a call under another name')
}

const sizeOf = (metadata: Metadata): number => Object.entries(metadata.toHttp2Headers()).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0)

class Arriving {
  readonly #room: BodyRoom
  readonly #call: ServerInterceptingCallInterface
  readonly #stream: Http2Stream
  readonly #late: NodeJS.Timeout
  #size = 0
  #received = 0
  #isOver = false

  constructor(room: BodyRoom, call: ServerInterceptingCallInterface, seconds: number) {
    this.#room = room
    this.#call = call
    this.#stream = streamOf(call)
    this.#late = setTimeout(() => this.#refuse({ code: status.DEADLINE_EXCEEDED, details: `The message did not come within ${seconds} seconds.`, metadata: trailers(newRequestId()) }), seconds * 1000)
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk.length))
    this.#stream.once('close', () => this.over())
  }

  /** What comes behind a message that was too large is dropped, and must not take room for ever. */
  #receive(bytes: number): void {
    this.#received += bytes
    if (this.#received > FRAMED_BYTES) this.#refuse({ code: status.RESOURCE_EXHAUSTED, details: `A message has at most ${MESSAGE_BYTES} bytes.`, metadata: trailers(newRequestId()) })
    else this.take(bytes)
  }

  /** False: there was no room, and the call is refused. */
  take(more: number): boolean {
    if (this.#isOver) return false
    const size = this.#size + more
    if (!this.#room.grow(this.#size, size)) {
      this.#refuse(statusOf(busy(), newRequestId()))
      return false
    }
    this.#size = size
    return true
  }

  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#late)
    this.#room.giveBack(this.#size)
  }

  #refuse(answer: StatusObject): void {
    if (this.#isOver) return
    this.over()
    this.#call.sendStatus(answer)
    // After the answer (RFC 9113, 8.1): a client that goes on sending would keep what it has sent.
    this.#stream.close()
  }
}

/** @param seconds in which a message must be there */
export const boundArriving = (room: BodyRoom, seconds: number): ServerInterceptor => (_method, call) => new ServerInterceptingCall(call, {
  start(next) {
    const arriving = new Arriving(room, call, seconds)
    if (!arriving.take(CALL_BYTES)) return
    next(new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, pass) => {
        if (arriving.take(sizeOf(metadata))) pass(metadata)
      })
      .withOnReceiveHalfClose((pass) => {
        // The door takes its own room before this is given back (door.ts).
        pass()
        arriving.over()
      })
      .build())
  },
})
