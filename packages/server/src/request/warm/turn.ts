// What all plans have in common: what must still be as it was when they were learned, whether a limit lets a request through, and what
// follows once its records are durable.

import type { CofferError } from '../../kernel/errors.ts'
import { asCofferError } from '../../kernel/errors.ts'
import type { Operation } from '../../kernel/operation.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import { limitHeaders, type LimitedPlace, type RequestLimits } from '../limits.ts'
import type { Authenticated, Lesson } from '../ports.ts'
import type { WarmForm } from '../exchange.ts'
import type { Deliver, WarmFacts, WarmPorts } from '../warm.ts'
import type { LoggedIn } from './logins.ts'
import type { Holder } from './holders.ts'

/** The status of every warm answer. */
export const WARM_STATUS = 200

/** One that is under way. */
export interface Read {
  readonly facts: Omit<WarmFacts, 'token'>
  readonly deliver: Deliver
  readonly startedAt: number
  /** When its own headers log in. */
  readonly loggedIn: LoggedIn | undefined
}

/** The same, once its token is known to be one that plans may answer. */
export interface Turn {
  readonly authenticated: Pick<Authenticated, 'caller' | 'decide'>
  readonly holder: Holder
  readonly read: Read
  /** Database time in milliseconds. */
  readonly now: number
}

/** What every plan remembers of the request that taught it. */
export interface Learned {
  readonly operation: Operation
  readonly form: WarmForm
  readonly door: string
  /** The organization's places as they were when the target was resolved. Another object: the target may mean another. */
  readonly registry: OrgRegistry
  /** While a name of several organizations leads to the caller's: until any organization changes. */
  readonly organizations: number | undefined
}

export const isCurrent = (ports: Pick<WarmPorts, 'registry' | 'organizations'>, { registry, organizations }: Pick<Learned, 'registry' | 'organizations'>): boolean =>
  ports.registry(registry.orgId) === registry && (organizations === undefined || organizations === ports.organizations())

/** The places as they were when the target was resolved, if they still are: what it meant then it may not mean now. */
export const stillThere = (ports: Pick<WarmPorts, 'registry' | 'organizations'>, orgId: string, { places, organizations, mount }: Pick<Lesson, 'places' | 'organizations' | 'mount'>): OrgRegistry | undefined => {
  const registry = ports.registry(orgId)
  if (registry === undefined || registry !== places) return undefined
  if (organizations !== undefined && organizations !== ports.organizations()) return undefined
  return mount !== undefined && registry.mountById(mount.mountId) !== mount ? undefined : registry
}

/** The limits that this request counts for, if there are any; `false`: it is the general way's to answer, or to refuse. `also`: where it counts besides. */
export const limitsFor = ({ limits }: Pick<WarmPorts, 'limits'>, place: LimitedPlace, { head, sourceIp }: Pick<WarmFacts, 'head' | 'sourceIp'>, also?: LimitedPlace): RequestLimits | undefined | false => {
  if (limits?.active !== true) return undefined
  // A head that is written beforehand has no place for what is left of a limit.
  return (head !== undefined && limits.showsHeaders) || !limits.allows(place, sourceIp, also) ? false : limits
}

/** The rest of an answer, which waits for its records. */
export interface Pending {
  readonly requestId: string
  readonly body: Buffer
  readonly contentLength: string
  readonly taken: ReturnType<RequestLimits['take']>
}

/** What the journal is to call. */
export const whenDurable = (ports: Pick<WarmPorts, 'limits' | 'log' | 'observe'>, { operation, form }: Pick<Learned, 'operation' | 'form'>, { deliver, startedAt }: Pick<Read, 'deliver' | 'startedAt'>, { requestId, body, contentLength, taken }: Pending) => (failure: Error | undefined): void => {
  const error: CofferError | undefined = failure === undefined ? undefined : asCofferError(failure)
  if (error?.kind === 'internal') ports.log.failed(requestId, operation.id, failure)
  ports.observe(operation.id, error?.httpStatus ?? WARM_STATUS, (performance.now() - startedAt) / 1000)
  deliver(error, { requestId, contentType: form.contentType, body, contentLength, headers: taken !== undefined && ports.limits?.showsHeaders === true ? limitHeaders(taken) : undefined })
}
