// Logins as plans repeat them: those that come with a read in its own headers, and those that are answered with a token that needs no row. What a request
// means is learned from one that went the general way; who it lets in is asked of the memory of logins each time, and the record is the same. Nothing has
// happened until that is appended.

import type { Caller } from '../../kernel/call.ts'
import type { Operation } from '../../kernel/operation.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import type { WarmHolder, WarmHolding, WarmIssuing } from '../../kernel/warm.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { wipe } from '../../lib/bytes.ts'
import { Recent } from '../../lib/recent.ts'
import type { WarmForm } from '../exchange.ts'
import type { LimitedPlace } from '../limits.ts'
import { newRequestId } from '../message.ts'
import type { LoginLesson } from '../ports.ts'
import { eventOf } from '../recording.ts'
import { compileTemplate, fillTemplate, withHead, type AnswerHead, type Template } from '../template.ts'
import type { Deliver, WarmPorts } from '../warm.ts'
import { isCurrent, limitsFor, stillThere, WARM_STATUS, whenDurable } from './turn.ts'

/** One login that comes with a read. */
export interface LoggedIn {
  readonly operation: Operation
  /** Other doors know nothing of the headers that it was made of. */
  readonly door: string
  readonly holder: WarmHolder
  /** Who acts, in records. */
  readonly actor: string
  /** What limits count it for, while there are any. */
  readonly limited: LimitedPlace | undefined
  /** The login's own. */
  record(facts: RecordFacts): string
}

interface RecordFacts {
  readonly at: number
  readonly requestId: string
  readonly sourceIp: string | undefined
}

/** What one says that is answered by itself. */
export interface WarmLoginFacts {
  readonly loginName: string
  readonly sourceIp: string | undefined
  readonly head?: AnswerHead | undefined
}

interface Plan {
  readonly operation: Operation
  readonly door: string
  readonly registry: OrgRegistry
  /** Another organization anywhere: a name may mean another one. */
  readonly organizations: number
  readonly limited: LimitedPlace | undefined
  readonly actor: string
  readonly target: string
  readonly metadata: Readonly<Record<string, string | number | boolean>>
}

interface HoldingPlan extends Plan {
  readonly login: WarmHolding
  /** The pieces around the accessor's HMAC, for this caller. */
  reader: { readonly caller: Caller; readonly before: string; readonly after: string } | undefined
}

interface IssuingPlan extends Plan {
  readonly login: WarmIssuing
  readonly form: WarmForm
  material: { readonly tokenLength: number; readonly template: Template; readonly headed: { readonly head: AnswerHead; readonly template: Template } | undefined } | undefined
}

/** As many as there are remembered logins, about: whoever has a good one can spell it in as many ways as he likes. */
const MOST_PLANS = 2048
/** As long as no HMAC is, and nothing that JSON escapes. */
const MARK = '<accessor>'

export class WarmLogins {
  readonly #ports: WarmPorts
  readonly #holding = new Recent<string, HoldingPlan>(MOST_PLANS)
  readonly #issuing = new Recent<string, IssuingPlan>(MOST_PLANS)
  /** What plans of the latter kind are for. */
  readonly #targets = new Recent<string, true>(MOST_PLANS)

  constructor(ports: WarmPorts) {
    this.#ports = ports
  }

  forget(): void {
    this.#holding.clear()
    this.#issuing.clear()
    this.#targets.clear()
  }

  learn({ name, orgId, places, organizations, mount, operation, door, limited, draft, login, form }: LoginLesson): void {
    const { pieces } = this.#ports
    const { metadata } = draft
    const registry = stillThere(this.#ports, orgId, { places, organizations, mount })
    if (registry === undefined || organizations === undefined || mount === undefined || metadata === undefined) return
    const event = eventOf({ orgId, requestId: '', door, sourceIp: undefined, caller: undefined }, draft, { action: draft.action ?? operation.audit ?? operation.id, status: WARM_STATUS, at: 0 })
    const plan = { operation, door, registry, organizations, limited, actor: pieces.actor(event), target: pieces.target(event), metadata }
    if ('hold' in login) this.#holding.set(name, { ...plan, login, reader: undefined })
    else if (form !== undefined) {
      this.#targets.set(form.target, true)
      this.#issuing.set(name, { ...plan, login, form, material: undefined })
    }
  }

  /** Whether it is worth while to name a request for this target. */
  knows(target: string): boolean {
    return this.#targets.get(target) !== undefined
  }

  /** For a read. Undefined: the general way is to be taken. */
  hold(name: string, now: number, sourceIp: string | undefined): LoggedIn | undefined {
    const plan = this.#usable(this.#holding.get(name))
    const holder = plan?.login.hold(now, sourceIp)
    if (plan === undefined || holder === undefined) return undefined
    const { before, after } = this.#reader(plan, holder.caller)
    const { operation, door, limited } = plan
    return { operation, door, limited, holder, actor: before + holder.accessorHmac + after, record: (facts) => this.#record(plan, holder.tokenId, facts) }
  }

  /** True: the answer follows. False: nothing has happened, and the general way is to be taken. */
  begin({ loginName, sourceIp, head }: WarmLoginFacts, deliver: Deliver): boolean {
    const startedAt = performance.now()
    const ports = this.#ports
    const plan = this.#usable(this.#issuing.get(loginName))
    const limits = plan?.limited === undefined ? undefined : limitsFor(ports, plan.limited, { head, sourceIp })
    const issued = limits === false ? undefined : plan?.login.issue(ports.now(), sourceIp)
    if (plan === undefined || limits === false || issued === undefined) return false
    const token = Buffer.from(issued.token, 'latin1')
    const template = templateFor(plan, token, head)
    if (template === undefined) return false
    const requestId = newRequestId()
    const body = fillTemplate(template, token, { requestId, ...(head === undefined ? {} : { date: head.date() }) })
    wipe(token)
    const at = Math.trunc(ports.now())
    // Only when nothing can send it the general way any more, which takes its own.
    const taken = plan.limited === undefined ? undefined : limits?.take(plan.limited, sourceIp)
    ports.journal.append(this.#record(plan, issued.tokenId, { at, requestId, sourceIp }), whenDurable(ports, plan, { deliver, startedAt }, { requestId, body, contentLength: template.contentLength, taken }))
    return true
  }

  /** Audit devices want to know all of a login; what limits count it for is known only from one that they counted. The general way sees to it. */
  #usable<P extends Plan>(plan: P | undefined): P | undefined {
    const { limits, journal } = this.#ports
    return plan === undefined || journal.detail !== undefined || (limits?.active === true && plan.limited === undefined) || !isCurrent(this.#ports, plan) ? undefined : plan
  }

  #record(plan: Plan, tokenId: string, { at, requestId, sourceIp }: RecordFacts): string {
    return this.#ports.pieces.assemble(plan.actor, plan.target, { id: makeUuidV7(at), at, door: plan.door, requestId, sourceIp, decision: 'ALLOW', status: WARM_STATUS, metadata: { ...plan.metadata, tokenId } })
  }

  #reader(plan: HoldingPlan, caller: Caller): NonNullable<HoldingPlan['reader']> {
    if (plan.reader?.caller === caller) return plan.reader
    const piece = this.#ports.pieces.actor(eventOf({ orgId: plan.registry.orgId, requestId: '', door: '', sourceIp: undefined, caller: { ...caller, accessorHmac: MARK } }, {}, { action: '', status: 0, at: 0 }))
    const at = piece.lastIndexOf(MARK)
    plan.reader = { caller, before: piece.slice(0, at), after: piece.slice(at + MARK.length) }
    return plan.reader
  }
}

/** Tokens of one form are all of one length. */
const templateFor = (plan: IssuingPlan, token: Buffer, head: AnswerHead | undefined): Template | undefined => {
  if (plan.material?.tokenLength !== token.length) {
    const template = compileTemplate({ form: 'text', plaintext: token, render: (value, requestId) => plan.form.render(plan.login.answer(value), requestId) })
    plan.material = template === undefined ? undefined : { tokenLength: token.length, template, headed: undefined }
  }
  const { material } = plan
  if (material === undefined || head === undefined) return material?.template
  if (material.headed?.head === head) return material.headed.template
  const template = withHead(material.template, head, plan.form.contentType)
  plan.material = { ...material, headed: { head, template } }
  return template
}
