// What must be looked up before a path means anything: organizations, mounts, whom a limit counts. When that cannot be had, as while
// the database is gone, a request is refused before there is an operation for it. It has its record all the same.

import { asCofferError } from '../../kernel/errors.ts'
import type { Method } from '../../kernel/operation.ts'
import type { HttpExchange } from '../http/exchange.ts'
import type { Message } from '../http/request.ts'
import type { VaultBackend } from './routing.ts'

/** A token in a place where only names belong stays out of records. */
const TOKEN = /^hv[sbr]\./

export interface Looked {
  readonly exchange: HttpExchange
  readonly method: Method
  /** Below /v1. */
  readonly segments: readonly string[]
  readonly message: Message
}

/** @throws what `look` throws; of what is not the caller's fault the record is durable then */
export const resolved = async <T>(backend: Pick<VaultBackend, 'refuse'>, { exchange, method, segments, message }: Looked, look: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now()
  try {
    return await look()
  } catch (thrown) {
    const { kind } = asCofferError(thrown)
    if (backend.refuse === undefined || (kind !== 'unavailable' && kind !== 'internal')) throw thrown
    const path = segments.map((segment) => (TOKEN.test(segment) ? '…' : segment)).join('/')
    const { token, namespace, sourceIp } = message
    const { requestId, request: { socket } } = exchange
    throw await backend.refuse({ door: 'vault', requestId, leniency: 'lenient', token, namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp, sourcePort: () => socket.remotePort, apiPath: () => path, raw: { path: {}, query: {}, body: undefined } }, { thrown, startedAt, method, path })
  }
}
