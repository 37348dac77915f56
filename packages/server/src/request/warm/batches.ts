// Plans of requests that give all secrets of a folder at once: the same questions to the policy, about the folder and about each
// secret, the same decryptions, the same records in one frame. What they ask for stands in their body, so that is part of what they are found by.

import { makeUuidV7 } from '../../crypto/random.ts'
import type { Grant, Verdict } from '../../kernel/call.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import { FOLDER_ACTIONS, type BatchAction, type WarmItem, type WarmSecret } from '../../kernel/warm.ts'
import { ByteLru } from '../../lib/lru.ts'
import { Recent } from '../../lib/recent.ts'
import { mintGrant } from '../grant.ts'
import { limitedTo } from '../limits.ts'
import { newRequestId } from '../message.ts'
import type { BatchLesson } from '../ports.ts'
import { eventOf } from '../recording.ts'
import type { WarmFacts, WarmPorts } from '../warm.ts'
import { compileBatch, headed, type Compiled } from './batch-answer.ts'
import { Material, type BatchPlan, type Question } from './batch-plan.ts'
import { NOBODY, planKey, type Holder, type Holders } from './holders.ts'
import { isCurrent, limitsFor, WARM_STATUS, whenDurable, type Turn } from './turn.ts'

/** About what plans take, for all that there are. */
const MOST_BYTES = 16 * 1024 * 1024
const PLAN_BYTES = 2048
const SECRET_BYTES = 1536
const MOST_TARGETS = 1024
/** Longer answers take so long to make that a plan would save little. */
const MOST_ANSWER_BYTES = 1024 * 1024

export class Batches<Loaded extends WarmSecret> {
  readonly #ports: WarmPorts<Loaded>
  readonly #holders: Holders
  readonly #plans = new ByteLru<string, BatchPlan<Loaded>>({ maxBytes: MOST_BYTES })
  /** What plans are for, whatever the token; and the raw targets alone. */
  readonly #asked = new Recent<string, true>(MOST_TARGETS)
  readonly #targets = new Recent<string, true>(MOST_TARGETS)

  constructor(ports: WarmPorts<Loaded>, holders: Holders) {
    this.#ports = ports
    this.#holders = holders
  }

  knows(target: string): boolean {
    return this.#targets.get(target) !== undefined
  }

  hasFor(facts: Omit<WarmFacts, 'token'>): boolean {
    return this.#asked.get(batchKey(NOBODY, facts)) !== undefined
  }

  forget(): void {
    this.#plans.clear()
    this.#asked.clear()
    this.#targets.clear()
  }

  learn(lesson: BatchLesson, registry: OrgRegistry): void {
    const { folder, selection, form, organizationHeader, projectHeader, caller } = lesson
    if (folder.orgId !== caller.orgId || form.body === undefined) return
    const questions = this.#questions(lesson, registry)
    if (questions === undefined) return
    const asked = { organizationHeader, projectHeader, target: form.target, body: form.body }
    const { batch, input, operation, door, organizations, secrets } = lesson
    const isProtected = protection(lesson, registry)
    this.#targets.set(form.target, true)
    this.#asked.set(batchKey(NOBODY, asked), true)
    const key = batchKey(this.#holders.of(caller), asked)
    // What it made of the cached folder is as good as anew, also that it could not: the next would come out the same.
    const before = this.#plans.get(key)
    const { materials, answerBytes } = before?.registry === registry && before.secrets === secrets ? before : { materials: new WeakMap<readonly WarmItem<Loaded>[], Material<Loaded>>(), answerBytes: 0 }
    const plan: BatchPlan<Loaded> = { batch, input, operation, form, door, registry, organizations, folder, alias: selection.alias, key: this.#ports.secrets.folderKeyOf(folder, selection), isProtected, questions, secrets, materials, answerBytes }
    this.#plans.set(key, plan, bytesOf(plan))
  }

  /** True: the answer follows. False: nothing has happened. */
  begin(turn: Turn): boolean {
    const ports = this.#ports
    const { facts } = turn.read
    const plan = this.#plans.get(batchKey(turn.holder, facts))
    if (plan === undefined || ports.journal.detail !== undefined || !isCurrent(ports, plan)) return false
    const folder = ports.secrets.cachedFolder(plan.key)
    if (folder === undefined) return false
    const material = materialOf(plan, folder)
    const allowed = material.isUnusable ? undefined : judge(plan, material, turn)
    if (allowed === undefined) return false
    const place = allowed.question.limited
    const limits = limitsFor(ports, place, facts)
    if (limits === false) return false
    const requestId = newRequestId()
    const opened = this.#open(plan, material, { turn, requestId, grant: mintGrant(allowed.question.action, allowed.question.resource, allowed.verdict) })
    if (opened === undefined) return false
    const { compiled, body } = opened
    // Only when nothing can send it the general way any more, which takes its own.
    const taken = limits?.take(place, facts.sourceIp)
    ports.journal.appendAll(this.#records(plan, compiled, { turn, requestId, allowed }), whenDurable(ports, plan, turn.read, { requestId, body, contentLength: compiled.contentLength, taken }))
    return true
  }

  /** Undefined when some secret cannot be handed out: the general way says so, and records it. */
  #open(plan: BatchPlan<Loaded>, material: Material<Loaded>, { turn, requestId, grant }: Opening): { readonly compiled: Compiled<Loaded>; readonly body: Buffer } | undefined {
    try {
      const facts = { selector: plan.alias, now: turn.now }
      material.compiled ??= this.#compile(plan, material, { turn, requestId, grant })
      const { compiled } = material
      if (compiled === undefined) return undefined
      // Time alone takes a version away without changing what is cached.
      for (const { address, loaded } of compiled.shown) if (!this.#ports.secrets.isReadable(address, loaded, facts)) return undefined
      const { head } = turn.read.facts
      if (head === undefined) return { compiled, body: compiled.kept.open(grant) }
      const { kept, idAt, dateAt } = headed(this.#ports, compiled, { grant, head, contentType: plan.form.contentType })
      const body = kept.open(grant)
      body.write(requestId, idAt, 'latin1')
      body.write(head.date(), dateAt, 'latin1')
      return { compiled, body }
    } catch {
      return undefined
    }
  }

  #compile(plan: BatchPlan<Loaded>, material: Material<Loaded>, { turn, grant }: Opening): Compiled<Loaded> | undefined {
    // Until this worker has another folder, or knows better what is in it.
    material.isUnusable = true
    const compiled = compileBatch(this.#ports, plan, material, { grant, now: turn.now, caller: turn.authenticated.caller })
    if (compiled === undefined || compiled.kept.length > MOST_ANSWER_BYTES) return undefined
    material.isUnusable = false
    // Once as it is, once behind the door's head.
    plan.answerBytes = 2 * compiled.kept.length
    this.#plans.set(batchKey(turn.holder, turn.read.facts), plan, bytesOf(plan))
    return compiled
  }

  /** One for each secret, then that of the request: as the general way leaves them. */
  #records({ door }: BatchPlan<Loaded>, { targets }: Compiled<Loaded>, { turn, requestId, allowed }: Recording): readonly (Uint8Array | string)[] {
    const { pieces, now } = this.#ports
    const { holder, read } = turn
    const at = Math.trunc(now())
    const event = { at, door, requestId, sourceIp: read.facts.sourceIp, decision: 'ALLOW', status: WARM_STATUS, rule: allowed.verdict.rule } as const
    const makeId = (): string => makeUuidV7(at)
    const records = pieces.assembleAll(holder.actor, targets, event, makeId)
    return [...records, pieces.assemble(holder.actor, allowed.question.target, { ...event, id: makeId(), metadata: { secrets: targets.length, withheld: 0 } })]
  }

  /** Undefined when what the lesson asked is not what this plan would ask. */
  #questions(lesson: BatchLesson, registry: OrgRegistry): readonly Question[] | undefined {
    const { batch, folder, operation, door, caller } = lesson
    const recorded = { orgId: folder.orgId, requestId: '', door, sourceIp: undefined, caller }
    const questions = FOLDER_ACTIONS.map((action): Question => {
      const resource = batch.resource(action, folder, folder.path, protection(lesson, registry))
      const { kind, project, environment, path, apiPath } = resource
      const event = eventOf(recorded, { resourceType: kind, project, environment, path }, { action: operation.audit ?? operation.id, status: WARM_STATUS, at: 0 })
      return { action, resource, limited: limitedTo(folder.orgId, apiPath), target: this.#ports.pieces.target(event) }
    })
    const asked = questions.find(({ action }) => action === lesson.action)
    return asked !== undefined && JSON.stringify(asked.resource) === JSON.stringify(lesson.resource) ? questions : undefined
  }
}

interface Allowed {
  readonly question: Question
  readonly verdict: Verdict
}

interface Opening {
  readonly turn: Turn
  readonly requestId: string
  readonly grant: Grant
}

interface Recording {
  readonly turn: Turn
  readonly requestId: string
  readonly allowed: Allowed
}

const bytesOf = ({ form, secrets, answerBytes }: Pick<BatchPlan<never>, 'form' | 'secrets' | 'answerBytes'>): number => PLAN_BYTES + (form.body?.length ?? 0) + secrets * SECRET_BYTES + answerBytes

/** The body's length comes first, so that no body can be taken for another part. */
const batchKey = (holder: Pick<Holder, 'scope'>, facts: Pick<WarmFacts, 'organizationHeader' | 'projectHeader' | 'target' | 'body'>): string => {
  const body = facts.body ?? ''
  return `${body.length} ${planKey(holder, facts)}\n${body}`
}

const protection = ({ folder }: Pick<BatchLesson, 'folder'>, registry: OrgRegistry): boolean => registry.environment(folder.mountId, folder.environment)?.protected ?? false

const materialOf = <Loaded extends WarmSecret>(plan: BatchPlan<Loaded>, folder: readonly WarmItem<Loaded>[]): Material<Loaded> => {
  const known = plan.materials.get(folder)
  if (known !== undefined) return known
  const made = new Material(plan, folder)
  plan.materials.set(folder, made)
  return made
}

/** The first question about the folder that the policy says yes to, if it says yes to every secret in it, too. */
const judge = <Loaded extends WarmSecret>({ questions, door, batch }: BatchPlan<Loaded>, { asked }: Material<Loaded>, { authenticated, read, now }: Turn): Allowed | undefined => {
  const facts = { sourceIp: read.facts.sourceIp, time: now, door }
  let allowed: Allowed | undefined
  for (const question of questions) {
    const verdict = authenticated.decide(question.action, question.resource, facts)
    if (!verdict.allow) continue
    allowed = { question, verdict }
    break
  }
  if (allowed === undefined) return undefined
  let about = asked[0]
  const verdictOn = (action: BatchAction): Verdict => (about === undefined ? { allow: false, rule: '', reason: '' } : authenticated.decide(action, about[action], facts))
  for (about of asked) if (!batch.may(verdictOn)) return undefined
  return allowed
}
