// What a door hands over of a request that it refuses before it knows the operation: as much as can be read.

import type { LimitedPlace } from '../../request/limits.ts'
import type { Refuser } from '../../request/unresolved.ts'
import type { HttpExchange } from './exchange.ts'
import { addHeaders } from './reply.ts'
import { readMessage, traitsOf, type Message } from './request.ts'

export interface Refusing {
  readonly door: 'vault' | 'rest' | 'flat'
  /** Undefined: there is no journal, because the server is sealed. */
  readonly refuse: Refuser | undefined
  readonly exchange: HttpExchange
  readonly startedAt: number
  /** When the verb means another one. */
  readonly method?: string | undefined
  /** When it is not about the target's path. */
  readonly path?: string | undefined
  /** When it is known already, or not what the headers say. */
  readonly message?: Message | undefined
  readonly limited?: LimitedPlace | undefined
}

/** Of two tokens neither is the caller's. */
const messageOf = ({ request }: HttpExchange): Pick<Message, 'token' | 'namespace'> => {
  try {
    return readMessage(request)
  } catch {
    return { token: undefined, namespace: undefined }
  }
}

/** Empty for a target that cannot be parsed. Vault's paths are named below /v1. */
const pathOf = (door: Refusing['door'], { target: { segments } }: HttpExchange): string => segments.slice(door === 'vault' ? 1 : 0).join('/')

/** The record of a request that is refused before it is known what it asks for. @returns what it is refused with */
export const refusedEarly = async ({ door, refuse, exchange, startedAt, method, path, message, limited }: Refusing, thrown: unknown): Promise<unknown> => {
  if (refuse === undefined) return thrown
  const { request, requestId } = exchange
  const { token, namespace } = message ?? messageOf(exchange)
  return refuse({
    door, requestId, leniency: 'strict', token, namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp: request.sourceIp, limited,
    tell: (headers) => addHeaders(exchange, headers), ...traitsOf(request), raw: { path: {}, query: {}, body: undefined },
  }, { thrown, startedAt, method: method ?? request.method, path: path ?? pathOf(door, exchange) })
}
