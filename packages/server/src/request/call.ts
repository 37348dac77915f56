// One request as its operation's handler sees it, and what it leaves behind for its record.

import type { Action, AuditDraft, Call, Caller, Grant, Resource, Verdict } from '../kernel/call.ts'
import type { NotedChange, WrittenRecord } from '../kernel/audited-write.ts'
import { fail, type CofferError } from '../kernel/errors.ts'
import type { Operation } from '../kernel/operation.ts'
import type { SecretAddress } from '../kernel/secret-model.ts'
import type { Mount, OrgRegistry } from '../kernel/tenancy.ts'
import type { BatchSelection, WarmLogin } from '../kernel/warm.ts'
import type { DoorRequest } from './exchange.ts'
import { statusOfWrite, type DoorForm } from './form.ts'
import { mintGrant } from './grant.ts'
import { limitedTo, requireWithin } from './limits.ts'
import type { Authenticated, DecisionFacts, PipelinePorts, PlaceOfRights } from './ports.ts'
import { eventOf, type Recorded } from './recording.ts'

/** What one call leaves behind for its record. */
export interface Trace {
  readonly draft: AuditDraft
  written: WrittenRecord | undefined
  kept: WrittenRecord[]
  readonly also: ({ readonly action: string } & AuditDraft)[]
  /** How often the policy was asked. */
  asked: number
  /** Whether its limits have been taken from. */
  isCounted: boolean
  granted: Grant | undefined
  status: 202 | undefined
  says: boolean
  places: OrgRegistry | undefined
  organizations: number | undefined
  revealed: { readonly address: SecretAddress; readonly selector: string; readonly times: number } | undefined
  login: WarmLogin | undefined
  batch: { readonly folder: SecretAddress; readonly selection: BatchSelection; readonly times: number } | undefined
  input: Readonly<Record<string, unknown>> | undefined
}

export const newTrace = (): Trace => ({ draft: {}, written: undefined, kept: [], also: [], asked: 0, isCounted: false, granted: undefined, status: undefined, says: false, places: undefined, organizations: undefined, revealed: undefined, login: undefined, batch: undefined, input: undefined })

export interface CallParts {
  readonly operation: Operation
  readonly form: DoorForm
  readonly request: DoorRequest
  readonly authenticated: Authenticated | undefined
  readonly orgId: string
  readonly trace: Trace
  readonly recorded: Recorded
}

/** A class, because a closure for each of its methods would be made for every request. */
export class RequestCall implements Call {
  readonly mount: Mount | undefined
  readonly requestId: string
  readonly door: string
  readonly orgId: string
  readonly caller: Caller | undefined
  readonly sourceIp: string | undefined
  readonly isForOneRequest: boolean | undefined
  readonly mfaHeader: string | undefined
  readonly peer: DoorRequest['peer']
  readonly tell: DoorRequest['tell']
  readonly projectHeader: string | undefined
  readonly idempotencyKey: string | undefined
  readonly wrapTtlSeconds: number | undefined
  readonly audit: AuditDraft
  readonly #ports: PipelinePorts
  readonly #parts: CallParts
  #given: Readonly<Record<string, unknown>> | undefined

  constructor(ports: PipelinePorts, parts: CallParts) {
    const { request, orgId, trace, recorded } = parts
    this.mount = request.mount
    this.requestId = request.requestId
    this.door = request.door
    this.orgId = orgId
    this.caller = recorded.caller
    this.sourceIp = request.sourceIp
    this.isForOneRequest = request.isForOneRequest
    this.mfaHeader = request.mfaHeader
    this.peer = request.peer
    this.tell = request.tell
    this.projectHeader = request.projectHeader
    this.idempotencyKey = request.idempotencyKey
    this.wrapTtlSeconds = request.wrapTtlSeconds
    this.audit = trace.draft
    this.#ports = ports
    this.#parts = parts
  }

  now(): number {
    return this.#ports.courier.now()
  }

  allows(action: Action, resource: Resource): Verdict {
    const { trace, authenticated } = this.#parts
    trace.asked += 1
    if (authenticated === undefined) return { allow: false, rule: 'default-deny', reason: 'Nobody is logged in.' }
    return authenticated.decide(action, resource, this.#facts())
  }

  allowsBelow(action: Action, folder: Resource): Verdict | undefined {
    const { trace, authenticated } = this.#parts
    trace.asked += 1
    return authenticated?.decideBelow(action, folder, this.#facts())
  }

  reaches(path: string): boolean {
    const { authenticated } = this.#parts
    return authenticated?.reaches(this.mount === undefined ? { prefix: `${path}/`, project: path.split('/')[0] } : placeOf(this.mount), this.now()) === true
  }

  #facts(): DecisionFacts {
    const { request } = this.#parts
    return { sourceIp: request.sourceIp, time: this.now(), door: request.door, parameters: this.#parameters(), wrapTtlSeconds: request.wrapTtlSeconds }
  }

  #parameters(): Readonly<Record<string, unknown>> | undefined {
    this.#given ??= this.#parts.request.parameters?.()
    return this.#given
  }

  authorise(action: Action, resource: Resource): Grant {
    const { trace, request, orgId } = this.#parts
    const { limits } = this.#ports
    if (limits?.active === true && request.limited === undefined && !trace.isCounted) requireWithin(limits, limitedTo(orgId, resource.apiPath), request.sourceIp, request.tell)
    trace.isCounted = true
    trace.granted = grant(trace.draft, action, resource, this.allows(action, resource))
    return trace.granted
  }

  noteReveal(address: SecretAddress, selector: string): void {
    const { trace } = this.#parts
    trace.revealed = { address, selector, times: (trace.revealed?.times ?? 0) + 1 }
  }

  noteBatch(folder: SecretAddress, selection: BatchSelection): void {
    const { trace } = this.#parts
    trace.batch = { folder, selection, times: (trace.batch?.times ?? 0) + 1 }
  }

  noteLogin(login: WarmLogin): void {
    this.#parts.trace.login = login
  }

  accepted(): void {
    this.#parts.trace.status = 202
  }

  says(something: boolean): void {
    this.#parts.trace.says = something
  }

  writeRecord(outcome: Parameters<Call['writeRecord']>[0] = {}): WrittenRecord {
    const { trace, recorded, operation, form } = this.#parts
    const status = statusOfWrite(form, operation, trace)
    trace.written = this.#ports.journal.written(eventOf(recorded, trace.draft, { action: outcome.action ?? trace.draft.action ?? operation.audit ?? operation.id, status, at: Math.trunc(this.now()) }))
    return trace.written
  }

  keepRecord(): void {
    const { trace } = this.#parts
    if (trace.written !== undefined) trace.kept.push(trace.written)
    // Each record joins the chain once. When no other is written, what the call goes on to do has one that is not part of a write.
    trace.written = undefined
  }

  dropKeptRecords(): void {
    const { trace } = this.#parts
    trace.kept = []
    trace.written = undefined
  }

  alsoRecord(event: { readonly action: string } & AuditDraft): void {
    this.#parts.trace.also.push(event)
  }

  changed(changes: readonly NotedChange[]): void {
    this.#ports.courier.committed(changes)
  }

  confirm(xid: string): Promise<void> {
    return this.#ports.courier.confirm(xid)
  }
}

const placeOf = ({ class: cls, path }: Mount): PlaceOfRights => (cls === 'auth' ? { prefix: `auth/${path}/`, project: undefined } : { prefix: `${path}/`, project: path })

/** Below a mount where its caller has no right at all, a request is refused for that, and for nothing that would tell that there is such a mount. */
export const hidesMount = ({ mount }: DoorRequest, { granted }: Trace, authenticated: Authenticated | undefined, now: number): boolean =>
  mount !== undefined && granted === undefined && authenticated !== undefined && !authenticated.reaches(placeOf(mount), now)

/** Refused by no rule, because there is none. */
export const deny = (draft: AuditDraft): CofferError => {
  draft.denied = true
  draft.rule ??= 'default-deny'
  return fail('permission_denied', 'policy.denied', 'You may not do this. Ask for access, or look with explain at what is missing.')
}

const grant = (draft: AuditDraft, action: Action, resource: Resource, verdict: { readonly allow: boolean; readonly rule: string; readonly reason: string }): Grant => {
  draft.rule = verdict.rule
  draft.resourceType ??= resource.kind
  draft.project ??= resource.project
  draft.environment ??= resource.environment
  draft.path ??= resource.path
  if (draft.request?.path === '') draft.request = { ...draft.request, path: resource.apiPath }
  if (!verdict.allow) {
    draft.denied = true
    throw fail('permission_denied', 'policy.denied', `You may not ${action} this. Ask for access, or look with explain at what is missing.`)
  }
  draft.denied = false
  return mintGrant(action, resource, verdict)
}
