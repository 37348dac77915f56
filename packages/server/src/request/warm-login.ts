// Logins that come with a read, in its own headers, as a plan repeats them: what the headers name is learned from a request that went the general way, who
// it lets in is asked of the memory of logins each time, and the record is the same. Nothing has happened until the record is appended.

import type { Caller } from '../kernel/call.ts'
import type { OrgRegistry } from '../kernel/tenancy.ts'
import type { WarmHolder, WarmLogin } from '../kernel/warm.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { Recent } from '../lib/recent.ts'
import { eventOf } from './recording.ts'
import type { LoginLesson, PlanBook, RecordPieces } from './ports.ts'

/** One login that a plan repeats. */
export interface LoggedIn {
  readonly operation: string
  /** Other doors know nothing of the headers that it was made of. */
  readonly door: string
  readonly holder: WarmHolder
  /** Who acts, in records. */
  readonly actor: string
  /** The login's own. */
  record(facts: { readonly at: number; readonly requestId: string; readonly sourceIp: string | undefined }): string
}

interface LoginPlan {
  readonly login: WarmLogin
  readonly operation: string
  readonly door: string
  readonly orgId: string
  /** As they were when the headers were understood. Another object, or another organization anywhere: they may mean another mount. */
  readonly places: OrgRegistry
  readonly organizations: number
  readonly actor: string
  readonly target: string
  readonly metadata: Readonly<Record<string, string | number | boolean>>
  /** The pieces around the accessor's HMAC, for this caller. */
  reader: { readonly caller: Caller; readonly before: string; readonly after: string } | undefined
}

const MOST_LOGINS = 8192
/** As long as no HMAC is, and nothing that JSON escapes. */
const MARK = '<accessor>'
const STATUS = 200

export class WarmLogins {
  readonly #places: Pick<PlanBook, 'places' | 'organizations'>
  readonly #pieces: RecordPieces
  readonly #plans = new Recent<string, LoginPlan>(MOST_LOGINS)

  constructor(places: Pick<PlanBook, 'places' | 'organizations'>, pieces: RecordPieces) {
    this.#places = places
    this.#pieces = pieces
  }

  forget(): void {
    this.#plans.clear()
  }

  learn({ name, orgId, places, organizations, mount, operation, door, draft, login }: LoginLesson): void {
    const { metadata } = draft
    if (places === undefined || places !== this.#places.places(orgId) || organizations === undefined || organizations !== this.#places.organizations()) return
    if (mount === undefined || places.mountById(mount.mountId) !== mount || metadata === undefined) return
    const event = eventOf({ orgId, requestId: '', door, sourceIp: undefined, caller: undefined }, draft, { action: draft.action ?? operation.audit ?? operation.id, status: STATUS, at: 0 })
    this.#plans.set(name, { login, operation: operation.id, door, orgId, places, organizations, actor: this.#pieces.actor(event), target: this.#pieces.target(event), metadata, reader: undefined })
  }

  /** Undefined: the general way is to be taken. */
  find(name: string, now: number, sourceIp: string | undefined): LoggedIn | undefined {
    const plan = this.#plans.get(name)
    if (plan === undefined || plan.organizations !== this.#places.organizations() || plan.places !== this.#places.places(plan.orgId)) return undefined
    const holder = plan.login.again(now, sourceIp)
    if (holder === undefined) return undefined
    const { before, after } = this.#reader(plan, holder.caller)
    return {
      operation: plan.operation, door: plan.door, holder, actor: before + holder.accessorHmac + after,
      record: ({ at, requestId, sourceIp: from }) => this.#pieces.assemble(plan.actor, plan.target, { id: makeUuidV7(at), at, door: plan.door, requestId, sourceIp: from, decision: 'ALLOW', status: STATUS, metadata: { ...plan.metadata, tokenId: holder.tokenId } }),
    }
  }

  #reader(plan: LoginPlan, caller: Caller): NonNullable<LoginPlan['reader']> {
    if (plan.reader?.caller === caller) return plan.reader
    const piece = this.#pieces.actor(eventOf({ orgId: plan.orgId, requestId: '', door: '', sourceIp: undefined, caller: { ...caller, accessorHmac: MARK } }, {}, { action: '', status: 0, at: 0 }))
    const at = piece.lastIndexOf(MARK)
    plan.reader = { caller, before: piece.slice(0, at), after: piece.slice(at + MARK.length) }
    return plan.reader
  }
}
