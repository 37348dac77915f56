// What the pipeline needs of the services, as narrow types that compose.ts fills.

import type { AuditEvent } from '../kernel/audit.ts'
import type { Action, AuditDraft, Caller, Resource, Verdict } from '../kernel/call.ts'
import type { Operation } from '../kernel/operation.ts'
import type { Mount, OrgRegistry } from '../kernel/tenancy.ts'
import type { SecretAddress } from '../kernel/secret-model.ts'
import type { BatchSelection, WarmAnswer, WarmBatch, WarmLogin } from '../kernel/warm.ts'
import type { WarmForm } from './exchange.ts'
import type { Admission } from './admission.ts'
import type { LimitedPlace, RequestLimits } from './limits.ts'
import type { NotedChange, WrittenRecord } from '../kernel/audited-write.ts'

/** The facts of one request that a decision may depend on. */
export interface DecisionFacts {
  readonly sourceIp: string | undefined
  readonly time: number
  readonly door: string
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
  readonly wrapTtlSeconds?: number | undefined
}

/** A token that was found, with what its holder may do, compiled. */
export interface Authenticated {
  readonly caller: Caller
  readonly boundCidrs: readonly string[]
  /** 0: unlimited. */
  readonly numUses: number
  decide(action: Action, resource: Resource, facts: DecisionFacts): Verdict
  /** One for everything below a folder, if it is one. */
  decideBelow(action: Action, folder: Resource, facts: DecisionFacts): Verdict | undefined
  /** Whether anything at or below a path is allowed at all: whoever has nothing there does not learn that it is there. */
  reaches(place: PlaceOfRights, time: number): boolean
}

export interface PlaceOfRights {
  /** Below /v1, ending with a slash. */
  readonly prefix: string
  /** The project that it is, if it is one. */
  readonly project: string | undefined
}

export interface TokenAuthority {
  /** Undefined: not a live token. */
  authenticate(token: string): Promise<Authenticated | undefined>
  /** The same for who cannot wait: undefined also when it is not cached, or this worker may not answer from its cache now. */
  peek(token: string): Authenticated | undefined
  /** @throws unauthenticated when none is left */
  takeUse(authenticated: Authenticated, requestId: string): Promise<void>
  permitsAddress(cidrs: readonly string[], address: string | undefined): boolean
}

export interface OrganizationDirectory {
  readonly rootOrgId: string
  /** The organization that a header or path prefix names, below root. Undefined: none such, or not active. */
  resolve(slugPath: string): Promise<string | undefined>
}

/** What records hold besides while an audit device is enabled. */
export interface RecordDetail {
  /** Stands for a value of this organization. */
  hasher(orgId: string): Promise<(value: string) => string>
  /** Headers that go into records, by lower-case name; true: as an HMAC. */
  headers(): Promise<ReadonlyMap<string, boolean>>
}

export interface AuditJournal {
  /** Undefined: nobody wants it, and nothing is spent on it. */
  readonly detail?: RecordDetail | undefined
  /** Canonical JSON. */
  encode(event: AuditEvent): string
  /** Those of one call. */
  encodeAll(events: readonly AuditEvent[]): readonly string[]
  /** A write's record, as it joins the write's own transaction. */
  written(event: AuditEvent): WrittenRecord
  append(record: string, onDurable: (error: Error | undefined) => void): void
  /** All of them or none, in one frame. */
  appendAll(records: readonly (Uint8Array | string)[], onDurable: (error: Error | undefined) => void): void
  appendLink(link: { readonly orgId: string; readonly at: number; readonly id: string; readonly digest: Buffer; readonly record?: string }, onDurable: (error: Error | undefined) => void): void
}

export interface ChangeCourier {
  /** Drops what this process caches of it, and wakes the other workers. */
  committed(changes: readonly NotedChange[]): void
  confirm(xid: string): Promise<void>
  /** Database time in milliseconds. */
  now(): number
}

export interface RequestLog {
  /** Something that is not the caller's fault. The error's text stays in the log. */
  failed(requestId: string, operation: string, error: unknown): void
}

/** Audit records from pieces: `encode` is the same of one whole event. */
export interface RecordPieces {
  /** Who acts: constant for a token. */
  actor(event: AuditEvent): string
  /** What is done to which thing: constant for a version. */
  target(event: AuditEvent): string
  assemble(actor: string, target: string, event: Pick<AuditEvent, 'id' | WrittenAnew | 'metadata'>): string
  /** Of many targets, in all else the same; targets and records as UTF-8. */
  assembleAll(actor: string, targets: readonly Uint8Array[], event: Pick<AuditEvent, WrittenAnew>, makeId: () => string): readonly Uint8Array[]
}

type WrittenAnew = 'at' | 'door' | 'requestId' | 'sourceIp' | 'decision' | 'status' | 'rule'

/** Compiled plans learn from requests that went the general way. */
export interface PlanBook {
  /** The organization's places as this worker has them now; undefined when it has none that it may use. */
  places(orgId: string): OrgRegistry | undefined
  /** Another number whenever this worker has heard of a change of any organization. */
  organizations(): number
  learn(lesson: Lesson): void
  learnBatch(lesson: BatchLesson): void
  learnLogin(lesson: LoginLesson): void
}

/** What lessons of reads have in common. */
export interface Taught {
  /** As they were before the target was resolved. */
  readonly places: OrgRegistry | undefined
  /** As it was before the organization's name was resolved, when that is of several: one on the way may be suspended. */
  readonly organizations: number | undefined
  /** The mount that the door found, where doors look for mounts. */
  readonly mount: Mount | undefined
  readonly operation: Operation
  readonly form: WarmForm
  readonly door: string
  readonly organizationHeader: string | undefined
  readonly projectHeader: string | undefined
  readonly caller: Caller
  /** What the policy was asked. */
  readonly action: Action
  readonly resource: Resource
}

/** One reveal that the pipeline has just answered. */
export interface Lesson extends Taught {
  readonly answer: WarmAnswer
  readonly address: SecretAddress
  readonly selector: string
  /** What was revealed: a target by id means this secret and no other that comes to lie where it lay. */
  readonly secretId: string | undefined
  readonly draft: AuditDraft
}

/** All secrets of a folder, none withheld. */
export interface BatchLesson extends Taught {
  readonly batch: WarmBatch
  readonly input: Readonly<Record<string, unknown>>
  readonly folder: SecretAddress
  readonly selection: BatchSelection
  /** How many were revealed. */
  readonly secrets: number
}

/** One remembered login that the pipeline has just let through. */
export interface LoginLesson extends Pick<Lesson, 'mount' | 'operation' | 'door' | 'draft'> {
  readonly name: string
  readonly orgId: string
  /** As they were before the mount's organization was resolved. */
  readonly places: OrgRegistry | undefined
  readonly organizations: number | undefined
  readonly login: WarmLogin
  /** What limits counted it for. */
  readonly limited: LimitedPlace | undefined
  /** For one that is answered: how. */
  readonly form: WarmForm | undefined
}

export interface PipelinePorts {
  readonly plans?: PlanBook | undefined
  readonly admit: Admission
  readonly tokens: TokenAuthority
  readonly organizations: OrganizationDirectory
  readonly journal: AuditJournal
  readonly courier: ChangeCourier
  readonly log: RequestLog
  /** Absent: nothing is limited. */
  readonly limits?: RequestLimits | undefined
  observe(operation: string, status: number, seconds: number): void
}
