// Requests that would rather speak another protocol, as `curl --http2` and Java's client send them first. Nothing here speaks one, so the header is ignored and the
// connection goes on (RFC 9110, 7.8). Node answers them too, but its parser stops behind each and drops what has come after it in the same packet; only a
// listener for upgrades is given those bytes. So the request goes back without the header that says it, and with all that follows it.

import type { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { handBack, stopReading } from './foreign-verbs.ts'

/** Names and values. Of more, Node's parser drops some, and what it dropped may have said how long the body is. */
const MOST_HEADERS = 2000

const withoutUpgrade = ({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): string => {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() !== 'upgrade') head += `${rawHeaders[at] ?? ''}:${rawHeaders[at + 1] ?? ''}\r\n`
  return `${head}\r\n`
}

/** @param refuse what has more headers than can be given back */
export const ignoreUpgrades = (server: Server, refuse: (socket: Duplex) => void): void => {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    // Node has taken its own listener away, and answers before this one may still be under way.
    const onError = (): void => void socket.destroy()
    socket.on('error', onError)
    if (!(socket instanceof Socket) || request.rawHeaders.length >= MOST_HEADERS) return refuse(socket)
    stopReading(socket)
    handBack(server, socket, Buffer.concat([Buffer.from(withoutUpgrade(request), 'latin1'), rest]), () => socket.removeListener('error', onError))
  })
}
