// The compiled plan of the warm read (architecture, section 8): from the parsed headers to the spool without a promise. A plan
// is learned from a request that went the general way, and repeats it with the pipeline's own parts: the same decision, the
// same decryption, the same record. Whatever it cannot judge it leaves to the general way, before anything has happened.

import type { AuditDraft, Caller, Action, Resource } from '../kernel/call.ts'
import { asCofferError, type CofferError } from '../kernel/errors.ts'
import type { SecretAddress } from '../kernel/secret-model.ts'
import type { Revealed } from '../kernel/secrets.ts'
import type { OrgRegistry } from '../kernel/tenancy.ts'
import type { WarmAnswer, WarmSecret, WarmSecrets } from '../kernel/warm.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { Recent } from '../lib/recent.ts'
import { wipe } from '../lib/bytes.ts'
import type { WarmForm } from './exchange.ts'
import { mintGrant } from './grant.ts'
import type { RequestLimits } from './limits.ts'
import { newRequestId } from './message.ts'
import { eventOf } from './recording.ts'
import type { AuditJournal, Authenticated, BatchLesson, Lesson, LoginLesson, PlanBook, RecordPieces, RequestLog, TokenAuthority } from './ports.ts'
import { WarmLogins, type WarmLoginFacts } from './warm/logins.ts'
import { compileTemplate, fillTemplate, withHead, type AnswerHead, type Template } from './template.ts'
import { Batches } from './warm/batches.ts'
import { Holders, NOBODY, planKey } from './warm/holders.ts'
import { isCurrent, limitsFor, stillThere, WARM_STATUS, whenDurable, type Learned, type Read, type Turn } from './warm/turn.ts'

export type { AnswerHead, WarmLoginFacts }

export interface WarmPorts<Loaded extends WarmSecret = WarmSecret> {
  readonly tokens: Pick<TokenAuthority, 'peek' | 'authenticate'>
  /** From the cache; undefined when it is not there or this worker may not answer from its cache now. */
  registry(orgId: string): OrgRegistry | undefined
  /** Another number whenever this worker has heard of a change of any organization. */
  organizations(): number
  readonly secrets: WarmSecrets<Loaded>
  readonly pieces: RecordPieces
  readonly journal: Pick<AuditJournal, 'append' | 'appendAll' | 'detail'>
  readonly log: RequestLog
  readonly limits?: RequestLimits | undefined
  /** Database time in milliseconds. */
  now(): number
  observe(operation: string, status: number, seconds: number): void
}

/** What a plain read says besides its target. */
export interface WarmFacts {
  readonly target: string
  readonly token: string
  readonly organizationHeader: string | undefined
  readonly projectHeader: string | undefined
  readonly sourceIp: string | undefined
  /** Of a request that asks in its body for what it reads. */
  readonly body?: string | undefined
  /** What the door puts before the body; the reply's body then begins with it. */
  readonly head?: AnswerHead | undefined
}

/** What one says that logs in by its own headers: their name instead of a token. */
export interface WarmInlineFacts extends Omit<WarmFacts, 'token'> {
  readonly loginName: string
}

export interface WarmReply {
  readonly requestId: string
  readonly contentType: string
  /** Holds the plaintext: the receiver wipes it once it is sent. */
  readonly body: Buffer
  readonly contentLength: string
  /** Names and values, one after the other. */
  readonly headers?: readonly string[] | undefined
}

/** Called once, when the record is durable; with an error when it could not be made so. */
export type Deliver = (error: CofferError | undefined, reply: WarmReply) => void

/** Called instead of `Deliver`: nothing has happened, and the general way is to be taken after all. */
export type Leave = () => void

interface Material<Loaded> {
  readonly loaded: Loaded
  readonly target: string
  readonly template: Template
  /** The template with the door's head before it. */
  headed: { readonly head: AnswerHead; readonly template: Template } | undefined
}

interface Plan<Loaded> extends Learned {
  readonly answer: WarmAnswer
  readonly address: SecretAddress
  readonly selector: string
  readonly secretId: string | undefined
  readonly key: string
  readonly action: Action
  readonly resource: Resource
  readonly draft: AuditDraft
  material: Material<Loaded> | undefined
}

const MOST_PLANS = 8192
/** Reads that wait for their token at once; past it the general way has a queue with a bound of its own. */
const MOST_WAITING = 1024

export class WarmReads<Loaded extends WarmSecret = WarmSecret> implements PlanBook {
  /** Reads that plans answered, and those that they left to the general way. */
  readonly counters = { answered: 0, left: 0 }
  /** The same of logins, to paths of logins that were repeated before. */
  readonly logins = { answered: 0, left: 0 }
  /** Headers that plans do not take into account, while somebody wants them to be. */
  leaves: readonly string[] | undefined = undefined
  readonly #ports: WarmPorts<Loaded>
  readonly #plans = new Recent<string, Plan<Loaded>>(MOST_PLANS)
  /** What plans are for, whatever the token. */
  readonly #targets = new Recent<string, true>(MOST_PLANS)
  readonly #batches: Batches<Loaded>
  readonly #holders: Holders
  readonly #logins: WarmLogins
  #waiting = 0

  constructor(ports: WarmPorts<Loaded>) {
    this.#ports = ports
    this.#holders = new Holders(ports)
    this.#batches = new Batches(ports, this.#holders)
    this.#logins = new WarmLogins(ports)
  }

  places(orgId: string): OrgRegistry | undefined {
    return this.#ports.registry(orgId)
  }

  organizations(): number {
    return this.#ports.organizations()
  }

  /** What records hold has changed: everything is learned anew. */
  forget(): void {
    this.#plans.clear()
    this.#targets.clear()
    this.#batches.forget()
    this.#holders.forget()
    this.#logins.forget()
  }

  learnLogin(lesson: LoginLesson): void {
    this.#logins.learn(lesson)
  }

  /** Whether requests for this target may ask in a body for what a plan knows. */
  takesBodies(target: string): boolean {
    return this.#batches.knows(target)
  }

  learn(lesson: Lesson): void {
    const { operation, answer, form, door, organizationHeader, projectHeader, caller, address, selector, secretId, action, resource, draft } = lesson
    const registry = stillThere(this.#ports, lesson.caller.orgId, lesson)
    if (registry === undefined || address.orgId !== caller.orgId) return
    const key = this.#ports.secrets.keyOf(address, selector)
    const asked = { organizationHeader, projectHeader, target: form.target }
    this.#targets.set(planKey(NOBODY, asked), true)
    this.#plans.set(planKey(this.#holders.of(caller), asked), { operation, answer, form, door, registry, organizations: lesson.organizations, address, selector, secretId, key, action, resource, draft, material: undefined })
  }

  learnBatch(lesson: BatchLesson): void {
    const registry = stillThere(this.#ports, lesson.caller.orgId, lesson)
    if (registry !== undefined) this.#batches.learn(lesson, registry)
  }

  /**
   * True: the answer follows. False: nothing has happened, and the general way is to be taken. A token that this worker does not have yet is
   * looked up first when a plan is there for what it asks for, if the caller can be told later that the general way is to be taken.
   */
  begin(facts: WarmFacts, deliver: Deliver, leave?: Leave): boolean {
    const startedAt = performance.now()
    const authenticated = this.#ports.tokens.peek(facts.token)
    if (authenticated === undefined && leave !== undefined && this.#mayWait(facts)) return this.#wait(facts.token, { facts, deliver, startedAt, loggedIn: undefined }, leave)
    return this.#count(authenticated !== undefined && this.#beginAs(authenticated, { facts, deliver, startedAt, loggedIn: undefined }))
  }

  /** The same for a read that logs in by its own headers: login and read share a frame, and nothing is told to anybody before both records are durable. */
  beginInline(facts: WarmInlineFacts, deliver: Deliver): boolean {
    const startedAt = performance.now()
    const now = this.#ports.now()
    const loggedIn = this.#logins.hold(facts.loginName, now, facts.sourceIp)
    return this.#count(loggedIn !== undefined && this.#reveal({ authenticated: loggedIn.holder, holder: this.#holders.of(loggedIn.holder.caller), read: { facts, deliver, startedAt, loggedIn }, now }))
  }

  /** Whether a login for this target may be a plan's. */
  takesLogins(target: string): boolean {
    return this.#logins.knows(target)
  }

  /** The same for a login by itself. */
  beginLogin(facts: WarmLoginFacts, deliver: Deliver): boolean {
    const begun = this.#logins.begin(facts, deliver)
    this.logins[begun ? 'answered' : 'left'] += 1
    return begun
  }

  #count(begun: boolean): boolean {
    this.counters[begun ? 'answered' : 'left'] += 1
    return begun
  }

  /** While there are limits, guesses of tokens must count before anything is looked up for them. */
  #mayWait(facts: Read['facts']): boolean {
    if (this.#waiting >= MOST_WAITING || this.#ports.limits?.active === true) return false
    return facts.body === undefined ? this.#targets.get(planKey(NOBODY, facts)) !== undefined : this.#batches.hasFor(facts)
  }

  #wait(token: string, read: Read, leave: Leave): true {
    this.#waiting += 1
    const found = (authenticated: Authenticated | undefined): void => {
      this.#waiting -= 1
      if (!this.#count(authenticated !== undefined && this.#beginAs(authenticated, read))) leave()
    }
    // What fails here is tried again the general way, which reports it.
    this.#ports.tokens.authenticate(token).then(found, () => found(undefined))
    return true
  }

  #beginAs(authenticated: Authenticated, read: Read): boolean {
    // Counted uses are counted in SQL, and addresses compared, by the general way alone.
    if (authenticated.numUses > 0 || authenticated.boundCidrs.length > 0) return false
    const { caller } = authenticated
    const now = this.#ports.now()
    if (caller.expiresAt !== undefined && caller.expiresAt <= now) return false
    const turn = { authenticated, holder: this.#holders.of(caller), read, now }
    return read.facts.body === undefined ? this.#reveal(turn) : this.#batches.begin(turn)
  }

  #reveal({ authenticated, holder, read, now }: Turn): boolean {
    const ports = this.#ports
    const { facts, loggedIn } = read
    const { sourceIp, head } = facts
    const { caller } = authenticated
    const plan = this.#plans.get(planKey(holder, facts))
    if (plan === undefined || !isCurrent(ports, plan)) return false
    if (loggedIn !== undefined && loggedIn.door !== plan.door) return false
    const loaded = ports.secrets.cached(plan.key)
    if (loaded === undefined || loaded.snapshot.secret.secretId !== plan.secretId) return false
    const verdict = authenticated.decide(plan.action, plan.resource, { sourceIp, time: now, door: plan.door })
    if (!verdict.allow) return false
    const place = { orgId: caller.orgId, apiPath: plan.resource.apiPath }
    const limits = limitsFor(ports, place, facts, loggedIn?.limited)
    if (limits === false) return false
    const requestId = newRequestId()
    const opened = this.#open(plan, loaded, { grant: mintGrant(plan.action, plan.resource, verdict), now, requestId, caller, head })
    if (opened === undefined) return false
    // Only when nothing can send it the general way any more, which takes its own.
    if (loggedIn?.limited !== undefined) limits?.take(loggedIn.limited, sourceIp)
    const taken = limits?.take(place, sourceIp)
    const { material, body } = opened
    const at = Math.trunc(ports.now())
    const login = loggedIn?.record({ at, requestId, sourceIp })
    const record = ports.pieces.assemble(loggedIn?.actor ?? holder.actor, material.target, { id: makeUuidV7(at), at, door: plan.door, requestId, sourceIp, decision: 'ALLOW', status: WARM_STATUS, rule: verdict.rule })
    const recorded = whenDurable(ports, plan, read, { requestId, body, contentLength: material.template.contentLength, taken })
    if (loggedIn === undefined || login === undefined) ports.journal.append(record, recorded)
    else ports.journal.appendAll([login, record], (failure) => {
      ports.observe(loggedIn.operation.id, failure === undefined ? WARM_STATUS : asCofferError(failure).httpStatus, (performance.now() - read.startedAt) / 1000)
      recorded(failure)
    })
    return true
  }

  #open(plan: Plan<Loaded>, loaded: Loaded, facts: OpenFacts): { readonly material: Material<Loaded>; readonly body: Buffer } | undefined {
    let revealed: Revealed
    try {
      revealed = this.#ports.secrets.open(facts.grant, plan.address, loaded, { selector: plan.selector, now: facts.now })
    } catch {
      // Expired, disabled, destroyed or damaged: the general way says so, and records it.
      return undefined
    }
    try {
      if (plan.material?.loaded !== loaded) plan.material = this.#compile(plan, loaded, revealed, facts.caller)
      const { material } = plan
      if (material === undefined) return undefined
      const { head, requestId } = facts
      return { material, body: head === undefined ? fillTemplate(material.template, revealed.plaintext, { requestId }) : fillTemplate(headed(material, head, plan.form), revealed.plaintext, { requestId, date: head.date() }) }
    } finally {
      wipe(revealed.plaintext)
    }
  }

  /** All that stays the same as long as the cached secret does. */
  #compile(plan: Plan<Loaded>, loaded: Loaded, revealed: Revealed, caller: Caller): Material<Loaded> | undefined {
    const { plaintext, ...facts } = revealed
    const template = compileTemplate({
      form: plan.answer.form(revealed.type),
      plaintext,
      render: (value, requestId) => {
        const data = plan.answer.answer(plan.address, facts, value)
        return data === undefined ? undefined : plan.form.render(data, requestId)
      },
    })
    if (template === undefined) return undefined
    const draft = { ...plan.draft, resourceId: revealed.snapshot.secret.secretId, version: revealed.version.version }
    const recorded = { orgId: plan.address.orgId, requestId: '', door: plan.door, sourceIp: undefined, caller }
    const event = eventOf(recorded, draft, { action: draft.action ?? plan.operation.audit ?? plan.operation.id, status: WARM_STATUS, at: 0 })
    return { loaded, template, headed: undefined, target: this.#ports.pieces.target(event) }
  }
}

interface OpenFacts {
  readonly grant: ReturnType<typeof mintGrant>
  readonly now: number
  readonly requestId: string
  readonly caller: Caller
  readonly head: AnswerHead | undefined
}

const headed = <Loaded>(material: Material<Loaded>, head: AnswerHead, form: WarmForm): Template => {
  if (material.headed?.head !== head) material.headed = { head, template: withHead(material.template, head, form.contentType) }
  return material.headed.template
}
