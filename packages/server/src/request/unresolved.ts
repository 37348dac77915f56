// Requests that are refused before there is an operation for them have their record all the same, with what is known of them. They
// wait, count for limits and leave one record each, as those that are refused by an operation.

import { asCofferError, type CofferError } from '../kernel/errors.ts'
import type { Method, Operation } from '../kernel/operation.ts'
import type { DoorRequest } from './exchange.ts'
import type { DoorForm } from './form.ts'
import { requireWithin, type LimitedPlace } from './limits.ts'
import { begin, failed, holderOf } from './pipeline.ts'
import type { PipelinePorts } from './ports.ts'

/** A request for which no operation could be found. */
export interface Unresolved {
  readonly thrown: unknown
  readonly startedAt: number
  /** As the client wrote it. */
  readonly method: string
  /** As its door names it to records; empty when it means nothing here: what is in it may be anything, also a secret. */
  readonly path: string
}

/** Makes the record of such a request durable, of what is known of it, and says what it is refused with. */
export type Refuser = (request: DoorRequest, unresolved: Unresolved) => Promise<CofferError>

/** As long as a path of KV may be: nobody makes larger records this way than the other. */
const LONGEST = 512

/** A token in a place where only names belong stays out of records. */
const TOKEN = /^hv[sbr]\./

const shown = (text: string): string => {
  const masked = text.split('/').map((segment) => (TOKEN.test(segment) ? '…' : segment)).join('/')
  return masked.length > LONGEST ? `${masked.slice(0, LONGEST - 1)}…` : masked
}

const METHODS: ReadonlySet<string> = new Set<Method>(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'LIST'])
const isMethod = (method: string): method is Method => METHODS.has(method)

/** @param operation what records call it */
export const prepareRefuser = (ports: PipelinePorts, operation: Operation, form: DoorForm): Refuser => async (request, { thrown, startedAt, method, path }) => {
  const asked = { ...operation, method: isMethod(method) ? method : operation.method }
  const begun = begin(ports, asked, { request: { ...request, apiPath: () => shown(path) }, form, startedAt })
  const { trace, recorded } = begun
  trace.draft.metadata = { method, ...(path === '' ? {} : { path: shown(path) }), ...(request.namespace === undefined ? {} : { namespace: shown(request.namespace) }) }
  const limit = (place: LimitedPlace): void => { if (ports.limits?.active === true) requireWithin(ports.limits, place, request.sourceIp, request.tell) }
  try {
    // Where limits are asked before a token is looked at, guesses count here, too.
    if (request.limited !== undefined) limit(request.limited)
    await ports.admit(asked.work, async () => {
      // While the server itself is at fault, nothing more is asked of what may not answer.
      const { kind } = asCofferError(thrown)
      const found = kind === 'unavailable' || kind === 'internal' ? undefined : await holderOf(ports, request).catch(() => undefined)
      recorded.orgId = found?.caller.orgId ?? recorded.orgId
      recorded.caller = found?.caller
    })
    if (request.limited === undefined) limit({ orgId: recorded.orgId, apiPath: path })
  } catch (sooner) {
    return failed(ports, asked, begun, sooner)
  }
  return failed(ports, asked, begun, thrown)
}
