// The life of a request, the same behind every door: decode, authenticate, execute under the policy, make the record
// durable, answer. An answer never leaves before its audit record is on stable storage (architecture, section 6).

import type { Caller } from '../kernel/call.ts'
import { asCofferError, fail, type CofferError } from '../kernel/errors.ts'
import { compileInput, type InputParser } from '../kernel/input.ts'
import type { Implemented, Operation } from '../kernel/operation.ts'
import { deny, hidesMount, newTrace, RequestCall, type Trace } from './call.ts'
import type { Answer, DoorRequest } from './exchange.ts'
import type { DoorForm } from './form.ts'
import type { Authenticated, PipelinePorts } from './ports.ts'
import { describeContent, describeTarget } from './description.ts'
import { RATE_EXCEEDED, requireWithin } from './limits.ts'
import { append, durable, eventOf, type Recorded } from './recording.ts'
import { mayEnter, requireServerScope } from './scope.ts'
import { teach, teachLogin } from './warm/teaching.ts'

export type Runner = (request: DoorRequest) => Promise<Answer>

/**
 * Prepares an operation once. The runner throws only CofferErrors, each after its record is durable.
 */
export const prepare = (ports: PipelinePorts, implemented: Implemented, form: DoorForm): Runner => {
  const { operation } = implemented
  const parse = compileInput(operation, form.snake)
  return async (request) => {
    const execution = { parse, ...begin(ports, operation, { request, form, startedAt: performance.now() }) }
    const { recorded } = execution
    let answer: Answer
    try {
      limitBefore(ports, request, recorded)
      answer = await ports.admit(operation.work, () => execute(ports, implemented, execution))
      if (request.whenRecorded === undefined) {
        await finished(ports, implemented, execution, answer)
        return answer
      }
    } catch (thrown) {
      if (thrown instanceof Elsewhere && request.otherwise !== undefined) return request.otherwise(thrown.authenticated)
      throw await failed(ports, operation, execution, thrown)
    }
    request.whenRecorded(finished(ports, implemented, execution, answer).catch(async (thrown: unknown) => { throw await failed(ports, operation, execution, thrown) }))
    return answer
  }
}

/** Before anything is known but the request. */
export const begin = (ports: PipelinePorts, operation: Operation, begun: Pick<Begun, 'request' | 'form' | 'startedAt'>): Begun => {
  const { request } = begun
  const trace = newTrace()
  const recorded: Recording = { orgId: ports.organizations.rootOrgId, requestId: request.requestId, door: request.door, sourceIp: request.sourceIp, caller: undefined, detailed: ports.journal.detail !== undefined }
  if (recorded.detailed === true) trace.draft.request = describeTarget(operation, request)
  return { ...begun, trace, recorded }
}

const finished = async (ports: PipelinePorts, { operation, warm, batch }: Implemented, { request, form, trace, recorded, startedAt }: Execution, answer: Answer): Promise<void> => {
  const status = form.status(operation, answer)
  await record(ports, operation, trace, { recorded, status, errorCode: undefined })
  if (request.warm !== undefined) teach(ports, { operation, warm, batch }, { request, answer, trace, caller: recorded.caller })
  if (request.loginName !== undefined && trace.login !== undefined) teachLogin(ports, operation, { name: request.loginName, login: trace.login, request, answer, trace, orgId: recorded.orgId })
  ports.observe(operation.id, status, (performance.now() - startedAt) / 1000)
}

/** Makes the record of a refusal durable. */
export const failed = async (ports: PipelinePorts, operation: Operation, execution: Begun, thrown: unknown): Promise<CofferError> => {
  const { request, form, startedAt } = execution
  const error = await refused(ports, operation, execution, thrown)
  ports.observe(operation.id, form.errorStatus(error, operation, request), (performance.now() - startedAt) / 1000)
  return error
}

/** Who it is and whose it is are found on the way. */
type Recording = { -readonly [Name in keyof Recorded]: Recorded[Name] }

/** Before the token is even looked at: guesses count, too. */
const limitBefore = (ports: PipelinePorts, { limited, sourceIp, tell, authenticated }: DoorRequest, recorded: Recording): void => {
  if (limited === undefined || ports.limits?.active !== true || authenticated !== undefined) return
  recorded.orgId = limited.orgId
  requireWithin(ports.limits, limited, sourceIp, tell)
}

interface Begun {
  readonly request: DoorRequest
  readonly form: DoorForm
  readonly trace: Trace
  readonly recorded: Recording
  readonly startedAt: number
}

interface Execution extends Begun {
  readonly parse: InputParser
}

/** The path is not about the organization that it begins with: nothing was done for it, and nothing is recorded. */
class Elsewhere extends Error {
  readonly authenticated: Authenticated | undefined

  constructor(authenticated: Authenticated | undefined) {
    super('a path that begins with the name of an organization which the token may not enter')
    this.authenticated = authenticated
  }
}

const execute = async (ports: PipelinePorts, { operation, handle }: Implemented, { request, form, parse, trace, recorded }: Execution): Promise<Answer> => {
  const authenticated = operation.access === 'public' || (operation.access === 'optional' && request.token === undefined) ? undefined : (request.authenticated ?? (await authenticate(ports, request)))
  const caller = authenticated?.caller
  const known = caller ?? (operation.namesHolder === true ? (await holderOf(ports, request))?.caller : undefined)
  recorded.orgId = known?.orgId ?? recorded.orgId
  recorded.caller = known ?? request.onBehalfOf
  if (caller !== undefined && request.otherwise !== undefined && !(await entersNamed(ports, request, caller))) throw new Elsewhere(authenticated)
  if (operation.scope === 'server') await requireServerScope(ports, trace.draft, { caller, namespace: request.namespace })
  // From nobody, what is wrong with a request is wrong wherever it goes: bad input must not tell whether there is such an organization.
  const early = caller === undefined ? parse(request.raw, request.leniency) : undefined
  const isLesson = request.warm !== undefined || request.loginName !== undefined
  if (isLesson) trace.organizations = ports.plans?.organizations()
  const { namespace } = request
  const orgId = namespace === undefined || namespace === '' ? (known?.orgId ?? ports.organizations.rootOrgId) : await namedOrganization(ports, namespace, caller)
  recorded.orgId = orgId
  if (ports.journal.detail !== undefined) trace.draft.request = { ...(trace.draft.request ?? describeTarget(operation, request)), ...(await describeContent(ports.journal.detail, request, orgId)) }
  if (isLesson) trace.places = ports.plans?.places(orgId)
  const { data, ignored } = await unlessHidden(ports, operation, { request, trace, authenticated }, async () => {
    const parsed = early ?? parse(request.raw, request.leniency)
    trace.input = parsed.input
    const call = new RequestCall(ports, { operation, form, request, authenticated, orgId, trace, recorded })
    return { data: await handle(parsed.input, call), ignored: parsed.ignored }
  })
  // Types make services ask for a grant; this catches an operation that never reached a service.
  if (operation.access === 'policy' && trace.asked === 0) throw new Error(`${operation.id} answered without a policy decision`)
  const status = trace.status ?? (operation.orNothing === true && Object.keys(data).length === 0 ? 204 : (operation.status ?? 200))
  const isEmpty = status === 204 || (status === 202 && Object.keys(operation.output).length === 0)
  const answer = { status, data: isEmpty ? undefined : data, ignored }
  return request.wrapTtlSeconds === undefined ? answer : { ...answer, caller }
}

interface Asking extends Pick<Begun, 'request' | 'trace'> {
  readonly authenticated: Authenticated | undefined
}

/** What is wrong with a request is told to those who may know what is there: the policy comes first. */
const unlessHidden = async <T>(ports: PipelinePorts, { access }: Operation, { request, trace, authenticated }: Asking, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (thrown) {
    const { kind } = asCofferError(thrown)
    const tells = kind === 'invalid_request' || kind === 'not_found' || kind === 'conflict'
    throw access === 'policy' && tells && hidesMount(request, trace, authenticated, ports.courier.now()) ? deny(trace.draft) : thrown
  }
}

const badToken = (): CofferError => fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')

/** Whose token it is, if it is good here. No use of it is taken. */
export const holderOf = async (ports: PipelinePorts, request: DoorRequest): Promise<Authenticated | undefined> => {
  const found = request.token === undefined ? undefined : await ports.tokens.authenticate(request.token)
  if (found === undefined) return undefined
  const { expiresAt } = found.caller
  if (expiresAt !== undefined && expiresAt <= ports.courier.now()) return undefined
  return found.boundCidrs.length > 0 && !ports.tokens.permitsAddress(found.boundCidrs, request.sourceIp) ? undefined : found
}

const authenticate = async (ports: PipelinePorts, request: DoorRequest): Promise<Authenticated> => {
  const found = await holderOf(ports, request)
  if (found === undefined) throw badToken()
  if (found.numUses > 0) await ports.tokens.takeUse(found, request.requestId)
  return found
}

/** A header or prefix may name the caller's own organization, or, to root tokens of the platform, one below. */
const namedOrganization = async ({ organizations }: PipelinePorts, namespace: string, caller: Caller | undefined): Promise<string> => {
  const target = await organizations.resolve(namespace)
  if (target !== undefined && (caller === undefined || mayEnter(organizations, caller, target))) return target
  // The same words for an organization that does not exist and for one that is not the caller's.
  throw fail('not_found', 'organization.not_found', 'There is no such organization, or it is not yours.')
}

const entersNamed = async ({ organizations }: PipelinePorts, { namespace }: DoorRequest, caller: Caller): Promise<boolean> => {
  const target = namespace === undefined ? undefined : await organizations.resolve(namespace)
  return target !== undefined && mayEnter(organizations, caller, target)
}

interface Outcome {
  readonly recorded: Recorded
  readonly status: number
  readonly errorCode: string | undefined
}

const record = async (ports: PipelinePorts, operation: Operation, trace: Trace, outcome: Outcome): Promise<void> => {
  if (operation.audit === undefined) return
  const at = Math.trunc(ports.courier.now())
  const { recorded, status, errorCode } = outcome
  const { written, kept } = trace
  if (written === undefined && kept.length === 0 && trace.also.length === 0) return append(ports.journal, ports.journal.encode(eventOf(recorded, trace.draft, { action: trace.draft.action ?? operation.audit, status, at, errorCode })))
  const events = trace.also.map((also) => eventOf(recorded, also, { action: also.action, status, at }))
  // A write's own record committed with it; only its digest joins the chain. A failure after the commit has a record besides.
  if (written === undefined || errorCode !== undefined) events.push(eventOf(recorded, trace.draft, { action: trace.draft.action ?? operation.audit, status, at, errorCode }))
  const committed = errorCode !== undefined ? [] : written === undefined ? kept : [...kept, written]
  // The database has a write's record already; audit devices have it from the spool.
  const links = committed.map(({ at: writtenAt, id, digest, record: text }) => ({ orgId: recorded.orgId, at: writtenAt, id, digest, ...(ports.journal.detail === undefined ? {} : { record: text }) }))
  await durable(ports.journal, ports.journal.encodeAll(events), links)
}

/** Notes a refusal durably and turns whatever was thrown into the error that the caller sees. */
const refused = async (ports: PipelinePorts, operation: Operation, { request, form, trace, recorded }: Begun, thrown: unknown): Promise<CofferError> => {
  const error = asCofferError(thrown)
  if (error.kind === 'internal') ports.log.failed(recorded.requestId, operation.id, thrown)
  if (error.code === 'audit_unavailable' || error.kind === 'sealed') return error
  // A flood of refusals must not become a flood of records, unless somebody wants them.
  if (error.code === RATE_EXCEEDED && ports.limits?.recordsRefusals !== true) return error
  if (error.kind === 'unauthenticated') trace.draft.denied = true
  try {
    await record(ports, operation, trace, { recorded, status: form.errorStatus(error, operation, request), errorCode: error.code })
    return error
  } catch (failure) {
    ports.log.failed(recorded.requestId, operation.id, failure)
    return asCofferError(failure)
  }
}
