// The answer of a batch, compiled: all that stays the same as long as the cached folder does.

import type { Caller, Grant } from '../../kernel/call.ts'
import type { SecretAddress } from '../../kernel/secret-model.ts'
import type { Revealed } from '../../kernel/secrets.ts'
import type { BatchValue, WarmSecret } from '../../kernel/warm.ts'
import { wipe } from '../../lib/bytes.ts'
import { eventOf } from '../recording.ts'
import { compileTemplate, fillTemplate, withHead, type AnswerHead, type Template } from '../template.ts'
import type { WarmPorts } from '../warm.ts'
import type { BatchPlan, Material } from './batch-plan.ts'
import { WARM_STATUS } from './turn.ts'

export interface OpenedItem<Loaded> {
  readonly address: SecretAddress
  readonly loaded: Loaded
  /** Parts of its value have places of their own. */
  readonly hasMembers: boolean
}

export class Compiled<Loaded> {
  readonly template: Template
  readonly opened: readonly OpenedItem<Loaded>[]
  /** Of the records of the secrets. */
  readonly targets: readonly string[]
  #headed: { readonly head: AnswerHead; readonly template: Template } | undefined

  constructor({ template, opened, targets }: Pick<Compiled<Loaded>, 'template' | 'opened' | 'targets'>) {
    this.template = template
    this.opened = opened
    this.targets = targets
  }

  get secrets(): number {
    return this.opened.length
  }

  headedBy(head: AnswerHead, contentType: string): Template {
    if (this.#headed?.head !== head) this.#headed = { head, template: withHead(this.template, head, contentType) }
    return this.#headed.template
  }
}

interface OpenFacts {
  readonly grant: Grant
  readonly now: number
  readonly caller: Caller
}

/** Undefined when a plan cannot answer as the handler would. @throws what a reveal throws, and what the handler would */
export const compileBatch = <Loaded extends WarmSecret>(ports: Pick<WarmPorts<Loaded>, 'secrets' | 'pieces'>, plan: BatchPlan<Loaded>, { items }: Material<Loaded>, { grant, now, caller }: OpenFacts): Compiled<Loaded> | undefined => {
  const facts = { selector: plan.alias, now }
  const found: { readonly address: SecretAddress; readonly loaded: Loaded; readonly revealed: Revealed }[] = []
  try {
    for (const { path, secret, failure } of items) {
      if (failure !== undefined) return undefined
      const address = { ...plan.folder, path }
      if (secret !== undefined && ports.secrets.isReadable(address, secret, facts)) found.push({ address, loaded: secret, revealed: ports.secrets.open(grant, address, secret, facts) })
    }
    // What it takes in memory was reckoned with so many.
    if (found.length !== plan.secrets) return undefined
    const texts = found.map(({ revealed }) => revealed.plaintext.toString('utf8'))
    const members = found.map(({ revealed }, at) => plan.batch.members(revealed.type, texts[at] ?? '')?.map(([name, text]) => ({ name, text })))
    const template = templateOf(plan, found.map(({ address, revealed }, at) => ({ path: address.path, type: revealed.type, version: revealed.version.version, text: texts[at] ?? '', members: members[at] })))
    if (template === undefined) return undefined
    const recorded = { orgId: plan.folder.orgId, requestId: '', door: plan.door, sourceIp: undefined, caller }
    return new Compiled({
      template,
      opened: found.map(({ address, loaded }, at) => ({ address, loaded, hasMembers: members[at] !== undefined })),
      targets: found.map(({ address: { project, environment, path }, revealed }) => ports.pieces.target(eventOf(recorded, { project, environment, path, version: revealed.version.version, resourceType: 'secret', resourceId: revealed.snapshot.secret.secretId }, { action: plan.batch.action, status: WARM_STATUS, at: 0 }))),
    })
  } finally {
    for (const { revealed } of found) wipe(revealed.plaintext)
  }
}

interface Shown extends BatchValue {
  readonly members: readonly { readonly name: string; readonly text: string }[] | undefined
}

/** Undefined unless it gives, filled with the values, what the handler gives: a value can decide more of the answer than its own place. */
const templateOf = <Loaded extends WarmSecret>({ batch, input, folder, form }: BatchPlan<Loaded>, shown: readonly Shown[]): Template | undefined => {
  const values = shown.flatMap((value) => (value.members ?? [value]).map(({ text }) => ({ form: isDocument(value) ? ('quoted' as const) : ('text' as const), plaintext: Buffer.from(text, 'utf8') })))
  const plaintexts = values.map(({ plaintext }) => plaintext)
  try {
    const render = (given: readonly BatchValue[], requestId: string): string => form.render(batch.answer(input, folder, given), requestId)
    const template = compileTemplate({ values, render: (markers, requestId) => render(marked(shown, markers), requestId) })
    if (template === undefined) return undefined
    const filled = fillTemplate(template, plaintexts, { requestId: EXAMPLE_ID })
    const expected = Buffer.from(render(shown.map(({ members: _members, ...value }) => value), EXAMPLE_ID), 'utf8')
    const isSame = filled.equals(expected)
    wipe(filled)
    wipe(expected)
    return isSame ? template : undefined
  } finally {
    for (const plaintext of plaintexts) wipe(plaintext)
  }
}

/** JSON that is there as a whole: what stands for it must be JSON, too. */
const isDocument = ({ type, members }: Shown): boolean => type === 'json' && members === undefined

const EXAMPLE_ID = `req_${'0'.repeat(36)}`

/** The values with markers in the places of their texts. */
const marked = (shown: readonly Shown[], markers: readonly string[]): readonly BatchValue[] => {
  let next = 0
  const take = (): string => markers[next++] ?? ''
  return shown.map((each) => {
    const { members, ...value } = each
    if (members === undefined) return { ...value, text: isDocument(each) ? JSON.stringify(take()) : take() }
    return { ...value, text: JSON.stringify(Object.fromEntries(members.map(({ name }) => [name, take()]))) }
  })
}
