// Requests that Node's parser and Fastify took from the connection, as doors see them; and the way of their answers back.

import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpRequest } from './exchange.ts'
import { verbOf } from './connections/foreign-verbs.ts'
import { isBodiless, type Sink } from './reply.ts'

export const nodeRequest = ({ raw, body }: FastifyRequest): HttpRequest => ({
  method: verbOf(raw.method ?? ''),
  url: raw.url ?? '/',
  headers: raw.headers,
  rawHeaders: raw.rawHeaders,
  body: Buffer.isBuffer(body) ? body : undefined,
  sourceIp: raw.socket.remoteAddress,
  socket: raw.socket,
})

/** Fastify does not see the answer: it has nothing to add. What it has said of the connection already stays said. */
export const nodeSink = (reply: FastifyReply): Sink => (answer, gone) => {
  const closes = reply.hasHeader('connection')
  reply.hijack()
  const { raw } = reply
  const { status, headers, body } = answer
  raw.writeHead(status, [...headers, ...lengthOf(raw, status, body), ...(closes ? ['connection', 'close'] : [])])
  if (raw.destroyed || raw.closed) return gone(false)
  raw.once('finish', () => gone(true))
  raw.once('close', () => gone(false))
  raw.end(body)
  return undefined
}

/** HEAD has the length of the body that it does not get; without one Node would not know it. */
const lengthOf = ({ req }: ServerResponse, status: number, body: string | Buffer | undefined): readonly string[] =>
  (body === undefined && (isBodiless(status) || req.method === 'HEAD')) ? [] : ['content-length', String(body === undefined ? 0 : Buffer.byteLength(body))]
