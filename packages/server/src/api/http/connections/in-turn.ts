// Requests that are pipelined on one connection are begun one after the other, each when the answer before it has gone. Node begins all that a packet holds, also what
// stands behind an answer that ends the connection: that must not be done (RFC 9112, 9.6), because its sender is told nothing of it and takes it as not done. Nor is it done
// for a client that does not take its answers. Node's own refusal of a message without a host (RFC 9112, 3.2) is made here, because Node goes on behind it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** In front of a handler of a server that does not require a host itself. */
export const inTurn = (handler: Handler): { readonly request: Handler; readonly expecting: Handler } => {
  const last = new WeakMap<Socket, ServerResponse>()
  const begin = (request: IncomingMessage, response: ServerResponse, isExpecting: boolean): void => {
    const { socket } = request
    if (socket.destroyed || socket.writableEnded) {
      request.resume()
      return
    }
    if (request.httpVersion === '1.1' && request.headers.host === undefined) {
      response.writeHead(400, ['Connection', 'close']).end()
      return
    }
    if (isExpecting) response.writeContinue()
    handler(request, response)
  }
  const take = (isExpecting: boolean): Handler => (request, response) => {
    const before = last.get(request.socket)
    last.set(request.socket, response)
    if (before === undefined || before.closed) begin(request, response, isExpecting)
    else before.once('close', () => begin(request, response, isExpecting))
  }
  return {
    request: take(false),
    // Node would put "100 Continue" behind the head of an answer before it whose body is bytes. And only then is the request begun (RFC 9110, 10.1.1: the client waits
    // for this before it sends the body).
    expecting: take(true),
  }
}
