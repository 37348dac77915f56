// One request and its answer as doors see them, whatever took the bytes from the connection: Fastify (node-exchange.ts) or the
// front (front.ts).

import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { CofferError } from '../../kernel/errors.ts'
import type { ParsedTarget } from '../../kernel/path.ts'
import type { Claim } from '../body-room.ts'

export interface HttpRequest {
  /** As the client wrote it, LIST and SCAN included. */
  readonly method: string
  /** The raw target. */
  readonly url: string
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
  /** Names and values as they came, one after the other; absent when no name came twice. */
  readonly rawHeaders?: readonly string[] | undefined
  /** The whole body; undefined when there is none, and for verbs whose body nobody reads. */
  readonly body: Buffer | undefined
  /** What the body has of the room; what is made of it needs more. Absent without a body. */
  readonly claim?: Claim | undefined
  readonly sourceIp: string | undefined
  readonly socket: Socket
}

export interface HttpReply {
  code(status: number): this
  /** A name is in lower case, and takes the place of what was said under it. @throws internal for what no header can hold */
  header(name: string, value: string | readonly string[]): this
  hasHeader(name: string): boolean
  /** The whole answer; whatever is sent after it is dropped. */
  send(body?: string | Buffer): void
  /** Called once, when the answer is the operating system's as a whole, or never will be. */
  whenGone(listener: (isWhole: boolean) => void): void
}

export interface HttpExchange {
  readonly request: HttpRequest
  readonly reply: HttpReply
  readonly requestId: string
  readonly target: ParsedTarget
}

/** One door: takes what is below its prefix. */
export interface Door {
  handle(exchange: HttpExchange): Promise<void>
  /** Makes the record of what is refused before the door was asked, and says what it is refused with. Absent: nobody's records are about this door. */
  unread?(exchange: HttpExchange, thrown: unknown): Promise<unknown>
  /** Renders an error in the door's own form. */
  refuse(exchange: HttpExchange, error: CofferError): void
}
