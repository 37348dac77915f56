// From a gRPC call to the request that the pipeline takes: the token from the message or the metadata, the rest from the metadata.

import type { Metadata } from '@grpc/grpc-js'
import { fail } from '../../kernel/errors.ts'
import type { DoorRequest } from '../../request/exchange.ts'

export interface CallFacts {
  readonly metadata: Metadata
  /** `address:port`, as grpc-js tells it. */
  readonly peer: string
  readonly requestId: string
}

const MAX_NAME = 512

const textOf = (metadata: Metadata, name: string): string | undefined => {
  const values = metadata.get(name)
  if (values.length > 1) throw fail('invalid_request', 'request.repeated_header', `The metadata ${name} is given more than once.`, { field: name })
  const [value] = values
  return typeof value === 'string' && value !== '' ? value : undefined
}

const bearerOf = (authorization: string | undefined): string | undefined => {
  if (authorization === undefined) return undefined
  const match = /^Bearer +(\S+)$/i.exec(authorization.trim())
  if (match === null) throw fail('invalid_request', 'request.bad_authorization', 'The metadata authorization must be "Bearer" and the token.', { field: 'authorization' })
  return match[1]
}

/** One token, however often it is given. @throws invalid_request when two differ: which of them decides must not depend on our order */
const tokenOf = (metadata: Metadata, clientToken: string): string | undefined => {
  const given = [clientToken === '' ? undefined : clientToken, bearerOf(textOf(metadata, 'authorization')), textOf(metadata, 'x-vault-token')]
  const tokens = new Set(given.filter((token) => token !== undefined))
  if (tokens.size > 1) throw fail('invalid_request', 'request.two_tokens', 'client_token and the metadata hold different tokens. Give one.', { field: 'client_token' })
  const [token] = tokens
  return token
}

const nameOf = (metadata: Metadata, name: string): string | undefined => {
  const value = textOf(metadata, name)
  if (value !== undefined && value.length > MAX_NAME) throw fail('invalid_request', 'request.bad_header', `The metadata ${name} is too long.`, { field: name })
  return value
}

const addressOf = (peer: string): string | undefined => {
  const end = peer.lastIndexOf(':')
  return peer === 'unknown' || end === -1 ? undefined : peer.slice(0, end)
}

/** @param clientToken of the message; empty when it has none */
export const doorRequest = ({ metadata, peer, requestId }: CallFacts, clientToken: string, body: Readonly<Record<string, unknown>>): DoorRequest => ({
  door: 'grpc',
  requestId,
  raw: { path: {}, query: {}, body },
  leniency: 'strict',
  token: tokenOf(metadata, clientToken),
  namespace: nameOf(metadata, 'x-vault-namespace') ?? nameOf(metadata, 'x-coffer-organization'),
  projectHeader: nameOf(metadata, 'x-coffer-project'),
  idempotencyKey: undefined,
  sourceIp: addressOf(peer),
})
