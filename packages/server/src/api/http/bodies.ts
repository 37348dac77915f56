// Bodies, from their first byte until their requests are answered. Whoever sends one may have shown no token, and may take its time; and one that is whole
// may wait for its turn. What all connections of a worker hold together is bounded, and past the bound a request is refused at once instead of the memory being taken.

import type { IncomingMessage } from 'node:http'
import { errorCodes, type FastifyRequest } from 'fastify'
import { wipe } from '../../lib/bytes.ts'
import { busy } from '../../request/admission.ts'
import type { BodyRoom } from '../body-room.ts'
import type { HttpRequest } from './exchange.ts'
import type { Sink } from './reply.ts'

/** For a request whose body has just become whole, and had its room until then: it keeps it until its answer is gone. */
export const keepUntilGone = (room: BodyRoom, request: HttpRequest, send: Sink): readonly [HttpRequest, Sink] => {
  if (request.body === undefined) return [request, send]
  const claim = room.keep(request.body.buffer.byteLength)
  const sink: Sink = (answer, gone) => send(answer, (isWhole) => {
    claim.giveBack()
    gone(isWhole)
  })
  return [{ ...request, claim }, sink]
}

const NOTHING = Buffer.alloc(0)

/**
 * One body on its way. Room is taken for bytes that came, never for a length that was only announced. They are copied into one buffer that doubles: a
 * list of pieces would cost many times its bytes when each is tiny, and leave the heap in pieces when they are not.
 */
export class Gathering {
  readonly #room: BodyRoom
  /** How long it can become. */
  readonly #most: number
  #bytes = NOTHING
  #length = 0

  constructor(room: BodyRoom, most: number) {
    this.#room = room
    this.#most = most
  }

  get length(): number {
    return this.#length
  }

  /** False: there is no room for it. What came before is kept. */
  add(chunk: Buffer): boolean {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length && !this.#grow(length)) return false
    this.#bytes.set(chunk, this.#length)
    this.#length = length
    return true
  }

  #grow(length: number): boolean {
    const before = this.#bytes
    const size = Math.max(length, Math.min(2 * before.length, this.#most))
    if (!this.#room.grow(before.length, size)) return false
    // Not from Node's pool, of which a few bytes can keep 8 KiB.
    this.#bytes = Buffer.allocUnsafeSlow(size)
    this.#bytes.set(before.subarray(0, this.#length))
    wipe(before)
    return true
  }

  /** Hands over what came; its room is free again, and whoever goes on to hold it takes it anew in the same turn. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#room.giveBack(this.#bytes.length)
    this.#bytes = NOTHING
    this.#length = 0
    return bytes
  }

  /** It may have held a secret. */
  drop(): void {
    wipe(this.take())
  }
}

type Done = (error: Error | null, body?: Buffer) => void

/** Fastify's own way to bytes, with its checks and its errors, within the room. */
export const collectBodies = (room: BodyRoom, limit: number) => ({ headers }: FastifyRequest, payload: IncomingMessage, done: Done): void => {
  const announced = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
  if (announced !== undefined && announced > limit) return done(errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
  const gathering = new Gathering(room, announced ?? limit)
  const stop = (): void => {
    payload.removeListener('data', onData).removeListener('end', onEnd).removeListener('error', onBroken).removeListener('close', onBroken)
  }
  const refuse = (error: Error): void => {
    stop()
    gathering.drop()
    done(error)
  }
  const onData = (chunk: Buffer): void => {
    if (gathering.length + chunk.length > limit) refuse(errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
    else if (!gathering.add(chunk)) refuse(busy())
  }
  const onEnd = (): void => {
    if (announced !== undefined && announced !== gathering.length) return refuse(errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH())
    stop()
    done(null, gathering.take())
  }
  const onBroken = (): void => refuse(errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH())
  payload.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  payload.resume()
}
