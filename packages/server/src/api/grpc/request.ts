// From a gRPC call to the request that the pipeline takes: the token from the message or the metadata, the rest from the metadata.

import { Metadata } from '@grpc/grpc-js'
import { fail } from '../../kernel/errors.ts'
import type { DoorRequest } from '../../request/exchange.ts'
import { sameSecret } from '../../request/message.ts'

export interface CallFacts {
  readonly metadata: Metadata
  /** `address:port`, as grpc-js tells it. */
  readonly peer: string
  readonly requestId: string
}

const textOf = (metadata: Metadata, name: string): string | undefined => {
  const values = metadata.get(name)
  if (values.length > 1) throw fail('invalid_request', 'request.bad_header', `The metadata ${name} is given more than once.`, { field: name })
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
  const [token, ...others] = given.filter((each) => each !== undefined)
  if (token !== undefined && others.some((other) => !sameSecret(token, other))) throw fail('invalid_request', 'request.two_tokens', 'client_token and the metadata hold different tokens. Give one.', { field: 'client_token' })
  return token
}

const organizationOf = (metadata: Metadata): string | undefined => {
  const [own, vaults] = [textOf(metadata, 'x-coffer-organization'), textOf(metadata, 'x-vault-namespace')]
  if (own !== undefined && vaults !== undefined && own !== vaults) throw fail('invalid_request', 'request.both', 'The organization is given twice in the metadata, and differs.', { field: 'x-coffer-organization' })
  return own ?? vaults
}

const projectOf = (metadata: Metadata): string | undefined => {
  const project = textOf(metadata, 'x-coffer-project')
  if (project !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(project)) throw fail('invalid_request', 'project.bad_name', 'x-coffer-project is not the name of a project.', { field: 'x-coffer-project' })
  return project
}

const addressOf = (peer: string): string | undefined => {
  const end = peer.lastIndexOf(':')
  return peer === 'unknown' || end === -1 ? undefined : peer.slice(0, end)
}

/** As much as can be read of a call that is refused: of two tokens neither is the caller's. */
export const knownOf = (facts: CallFacts, clientToken: string): DoorRequest => {
  try {
    return doorRequest(facts, clientToken, {})
  } catch {
    return doorRequest({ ...facts, metadata: new Metadata() }, '', {})
  }
}

/** @param clientToken of the message; empty when it has none */
export const doorRequest = ({ metadata, peer, requestId }: CallFacts, clientToken: string, body: Readonly<Record<string, unknown>>): DoorRequest => ({
  door: 'grpc',
  requestId,
  raw: { path: {}, query: {}, body },
  leniency: 'strict',
  token: tokenOf(metadata, clientToken),
  namespace: organizationOf(metadata),
  projectHeader: projectOf(metadata),
  idempotencyKey: undefined,
  sourceIp: addressOf(peer),
})
