// One request on its way through the pipeline, as its door handed it over.

import type { Caller, Peer } from '../kernel/call.ts'
import type { Leniency } from '../kernel/fields.ts'
import type { RawInput } from '../kernel/input.ts'
import type { Mount } from '../kernel/tenancy.ts'
import type { LimitedPlace } from './limits.ts'
import type { Authenticated } from './ports.ts'

/** How a door renders answers of one target, for a compiled plan; only given for what says nothing but who asks for what. */
export interface WarmForm {
  /** The raw request target. */
  readonly target: string
  /** Of a request that asks in its body for what it reads. */
  readonly body?: string | undefined
  readonly contentType: string
  /** The whole body for an operation's data. */
  render(data: Readonly<Record<string, unknown>>, requestId: string): string
}

export interface DoorRequest {
  /** vault, rest, flat, grpc. */
  readonly door: string
  readonly requestId: string
  readonly raw: RawInput
  readonly leniency: Leniency
  readonly token: string | undefined
  /** Organization that a header or path prefix names, as slugs; undefined: the token's own. */
  readonly namespace: string | undefined
  /** What a header alone names, as it came. */
  readonly organizationHeader?: string | undefined
  readonly projectHeader: string | undefined
  readonly idempotencyKey: string | undefined
  readonly sourceIp: string | undefined
  /** The client certificate, read when somebody asks. */
  readonly peer?: (() => Peer | undefined) | undefined
  /** As the client wrote it, below /v1; for records. Doors with paths of their own say nothing. */
  readonly apiPath?: (() => string) | undefined
  /** For records of audit devices, read when somebody asks. */
  readonly sourcePort?: (() => number | undefined) | undefined
  /** For the records of audit devices, read when somebody asks. */
  readonly headers?: ((name: string) => string | undefined) | undefined
  /** X-Vault-MFA. */
  readonly mfaHeader?: string | undefined
  /** A login whose token serves the request that it came with, and nothing else. */
  readonly isForOneRequest?: boolean | undefined
  /** What names a login to a compiled plan, given where one may repeat it: all that it is made of. */
  readonly loginName?: string | undefined
  /**
   * Takes what becomes of the record, which then is not waited for: whoever gives this tells nothing to anybody, and changes nothing, before it is durable. It rejects with
   * what the request is to be refused with.
   */
  readonly whenRecorded?: ((recorded: Promise<void>) => void) | undefined
  /** What the body and query say, read when a policy may bound parameters. Absent: such policies allow nothing that they require something of. */
  readonly parameters?: (() => Readonly<Record<string, unknown>>) | undefined
  /** Who asked for what the door itself now asks for, for the record: it gives no right. */
  readonly onBehalfOf?: Caller | undefined
  /** The answer is to be wrapped for as long. */
  readonly wrapTtlSeconds?: number | undefined
  /** The mount that the path was found to be below, for engines. */
  readonly mount?: Mount | undefined
  /** What rate limits are to judge before anything else; absent: what the request turns out to be about. */
  readonly limited?: LimitedPlace | undefined
  /** The token, where it was found and counted before the request came here. */
  readonly authenticated?: Authenticated | undefined
  /** What the request is instead when its path begins with the name of an organization that the token may not enter: to it that is no name. */
  readonly otherwise?: ((authenticated: Authenticated | undefined) => Promise<Answer>) | undefined
  /** Takes headers of the answer, names and values one after the other. */
  readonly tell?: ((headers: readonly string[]) => void) | undefined
  /** Present when the same request may be answered by a compiled plan the next time. */
  readonly warm?: WarmForm | undefined
}

export interface Answer {
  readonly status: number
  /** Named as the contract names them; the door encodes. Undefined for 204. */
  readonly data: Readonly<Record<string, unknown>> | undefined
  /** Input names that a lenient door ignored. */
  readonly ignored: readonly string[]
  /** Who asked, of an answer that is to be wrapped. */
  readonly caller?: Caller | undefined
}
