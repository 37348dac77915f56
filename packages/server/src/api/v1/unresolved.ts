// What must be read and looked up before a path means anything: the message, organizations, mounts, whom a limit counts. What is refused by then
// has no operation, and has its record all the same.

import type { LimitedPlace } from '../../request/limits.ts'
import type { HttpExchange } from '../http/exchange.ts'
import type { Message } from '../http/request.ts'
import { refusedEarly } from '../http/unresolved.ts'
import type { VaultBackend } from './routing.ts'

export interface Looked {
  readonly exchange: HttpExchange
  readonly startedAt: number
  readonly method?: string
  /** Below /v1, when it is not that of the target. */
  readonly segments?: readonly string[]
  readonly message?: Message
}

type Backend = Pick<VaultBackend, 'refuse' | 'limits' | 'organizationOfToken'>

/** As of any other request of whoever brings the token; nobody's, when it cannot be said whose that is. */
const limitedOf = async (backend: Backend, token: string | undefined, path: string): Promise<LimitedPlace | undefined> => {
  try {
    return backend.limits?.active === true ? { orgId: await backend.organizationOfToken(token), apiPath: path } : undefined
  } catch {
    return undefined
  }
}

/** @returns what it is refused with; the record is durable then */
export const unresolved = async (backend: Backend, { exchange, startedAt, method, segments, message }: Looked, thrown: unknown): Promise<unknown> => {
  const path = (segments ?? exchange.target.segments.slice(1)).join('/')
  const limited = await limitedOf(backend, message?.token, path)
  return refusedEarly({ door: 'vault', refuse: backend.refuse, exchange, startedAt, method, path: segments === undefined ? undefined : path, message, limited }, thrown)
}

/** @throws what `look` throws; the record is durable then */
export const resolved = async <T>(backend: Backend, looked: Omit<Looked, 'startedAt'>, look: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now()
  try {
    return await look()
  } catch (thrown) {
    throw await unresolved(backend, { ...looked, startedAt }, thrown)
  }
}
