// LIST and SCAN, which Vault's clients send as verbs and Node's HTTP/1 parser refuses before anything sees them
// (HPE_INVALID_METHOD). The refused request is given a legal verb that nothing else here uses, and its socket goes back to
// the server as if it were new, with the bytes that were not parsed yet. Requests with other verbs pay nothing.
//
// This leans on names inside Node's http module (the listeners it puts on a socket, and its parser): foreign-verbs.test.ts
// tries it pipelined, split across packets, with bodies and over TLS, on the Node that the product pins.

import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'

/** What the parser takes in place of each verb, and how much of it the parser has read when it refuses: LI of LINK and LIST. */
const VERBS = [
  { verb: 'LIST', stand: 'LINK', accepted: 2 },
  { verb: 'SCAN', stand: 'UNLINK', accepted: 1 },
] as const

/** The verbs that the parser takes instead. */
export const standIns: readonly string[] = VERBS.map(({ stand }) => stand)

const verbs: ReadonlyMap<string, string> = new Map(VERBS.map(({ verb, stand }) => [stand, verb]))

/** The verb that the client sent. */
export const verbOf = (method: string): string => verbs.get(method) ?? method

interface ParserError extends Error {
  readonly code?: string | undefined
  readonly rawPacket?: Buffer | undefined
  readonly bytesParsed?: number | undefined
}

/** Node's parser, as much of it as taking it off a socket needs. */
interface Parser {
  _consumed?: boolean
  unconsume(): void
  remove(): void
  close(): void
  socket: unknown
}

type HttpSocket = Socket & { parser?: Parser | null; _httpMessage?: ServerResponse | null }

/** How long the rest of a verb may take to come. */
const REST_MS = 10_000

type Found = { readonly verb: (typeof VERBS)[number]; readonly at: number }

/** Whether what was refused at `at` is, or may become with more bytes, one of our verbs. */
const find = (packet: Buffer, at: number): { readonly found?: Found; readonly maybe: boolean } => {
  let maybe = false
  for (const each of VERBS) {
    const { verb, accepted } = each
    // What came before the refused byte: in this packet, as much of it as there is.
    const before = packet.subarray(Math.max(0, at - accepted), at).toString('latin1')
    if (!verb.slice(0, accepted).endsWith(before)) continue
    const rest = `${verb.slice(accepted)} `
    const seen = packet.subarray(at, at + rest.length).toString('latin1')
    if (seen === rest) return { found: { verb: each, at }, maybe: true }
    if (rest.startsWith(seen)) maybe = true
  }
  return { maybe }
}

const LISTENERS = /^(bound )?(socketOn(Data|End|Close|Drain|Error|Timeout)|onSocket(Pause|Resume))$/

const takeListeners = (socket: Socket, events: readonly string[]): void => {
  for (const event of events) {
    for (const listener of socket.rawListeners(event)) {
      // Of Node's http module only: the socket's own listeners stay.
      if (LISTENERS.test(listener.name)) socket.removeListener(event, listener as (...args: unknown[]) => void)
    }
  }
}

const takeParser = (socket: HttpSocket): void => {
  const { parser } = socket
  if (parser === null || parser === undefined) return
  if (parser._consumed === true) parser.unconsume()
  parser.remove()
  parser.socket = null
  socket.parser = null
  // Its stack must unwind first.
  setImmediate(() => parser.close())
}

/** Nothing more is read from the connection, and Node's parser hears no more of it. */
export const stopReading = (socket: Socket): void => {
  // Those of pause and resume would stop the socket's handle behind its back.
  takeListeners(socket, ['data', 'end', 'pause', 'resume'])
  socket.pause()
}

/**
 * Calls back when every answer that the connection still owes has gone: they come before that to the refused request. One that is owed to a request which is not
 * whole is not waited for, unless it is on its way: what was refused is part of it.
 */
export const whenAnswered = (socket: HttpSocket, then: () => void): void => {
  const pending = socket._httpMessage
  if (socket.destroyed) return
  if (pending === null || pending === undefined || (!pending.req.complete && !pending.writableEnded)) then()
  else pending.once('close', () => whenAnswered(socket, then))
}

/** The socket is the server's as if it were new, with these bytes first, once the answers before them have gone. */
export const handBack = (server: Server, socket: HttpSocket, bytes: Buffer, before?: () => void): void => {
  whenAnswered(socket, () => {
    // The answer before it was the last one.
    if (socket.writableEnded) return socket.destroySoon()
    before?.()
    takeListeners(socket, ['close', 'drain', 'error', 'timeout'])
    socket.setTimeout(0)
    socket.unshift(bytes)
    server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
    socket.resume()
  })
}

const rewritten = (packet: Buffer, { verb, at }: Found): Buffer => Buffer.concat([Buffer.from(`${verb.stand} `), packet.subarray(at + verb.verb.length - verb.accepted + 1)])

/** Waits for the rest of a verb that was cut by the end of a packet. */
const awaitRest = (server: Server, socket: HttpSocket, begun: Buffer, at: number, giveUp: () => void): void => {
  let packet = begun
  const settle = (): void => {
    clearTimeout(timer)
    socket.removeListener('readable', look)
    socket.removeListener('close', settle)
  }
  const look = (): void => {
    const more: unknown = socket.read()
    if (Buffer.isBuffer(more)) packet = Buffer.concat([packet, more])
    const { found, maybe } = find(packet, at)
    if (found === undefined && maybe && !socket.readableEnded) return
    settle()
    if (found === undefined) giveUp()
    else handBack(server, socket, rewritten(packet, found))
  }
  const timer = setTimeout(() => {
    settle()
    giveUp()
  }, REST_MS)
  socket.on('readable', look)
  socket.once('close', settle)
}

/**
 * For the server's `clientError`: true when the request is one of ours and goes on. `giveUp` is called when it turns out not
 * to be after all.
 */
export const takeForeignVerb = (server: Server, thrown: Error, socket: Duplex, giveUp: () => void): boolean => {
  const error: ParserError = thrown
  const { rawPacket, bytesParsed } = error
  if (error.code !== 'HPE_INVALID_METHOD' || rawPacket === undefined || bytesParsed === undefined || !(socket instanceof Socket)) return false
  const { found, maybe } = find(rawPacket, bytesParsed)
  if (!maybe) return false
  // The packet is the parser's memory and does not outlive this call.
  const packet = Buffer.from(rawPacket)
  stopReading(socket)
  takeParser(socket)
  if (found === undefined) awaitRest(server, socket, packet, bytesParsed, giveUp)
  else handBack(server, socket, rewritten(packet, found))
  return true
}
