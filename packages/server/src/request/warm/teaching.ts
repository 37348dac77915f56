// What plans learn from a request that the general way has just answered: only from those that a plan can repeat whole.

import type { Caller } from '../../kernel/call.ts'
import type { Implemented, Operation } from '../../kernel/operation.ts'
import type { WarmLogin } from '../../kernel/warm.ts'
import type { Trace } from '../call.ts'
import { learnable } from '../description.ts'
import type { Answer, DoorRequest } from '../exchange.ts'
import type { PipelinePorts, Taught } from '../ports.ts'
import { WARM_STATUS } from './turn.ts'

export interface Answered {
  readonly request: DoorRequest
  readonly answer: Answer
  readonly trace: Trace
  readonly caller: Caller | undefined
}

/**
 * Whether nothing but a header names the organization, or nothing at all. One slug alone means the same organization for ever, and when
 * that is suspended its tokens are dropped; of a longer name an organization on the way may be suspended.
 */
const ownName = ({ namespace, organizationHeader }: DoorRequest): 'none' | 'one' | 'several' | undefined => {
  if (namespace === undefined) return organizationHeader === undefined ? 'none' : undefined
  const named = SLUGS.exec(namespace)?.[1]
  if (named === undefined || organizationHeader === undefined || SLUGS.exec(organizationHeader)?.[1] !== named) return undefined
  return named.includes('/') ? 'several' : 'one'
}

const SLUGS = /^\/?([a-z0-9-]+(?:\/[a-z0-9-]+)*)\/?$/

export const teach = (ports: PipelinePorts, { operation, warm, batch }: Omit<Implemented, 'handle'>, { request, answer, trace, caller }: Answered): void => {
  if (warm === undefined && batch === undefined) return
  const { granted, draft } = trace
  const name = ownName(request)
  if (ports.plans === undefined || request.warm === undefined || caller === undefined || granted === undefined || name === undefined) return
  if (answer.status !== WARM_STATUS || answer.ignored.length > 0 || trace.written !== undefined || trace.kept.length > 0) return
  // Begun before an audit device was enabled or disabled: the next records hold more than this one, or less.
  if ((draft.request !== undefined) !== (ports.journal.detail !== undefined)) return
  const { organizationHeader, projectHeader, mount, door, warm: form } = request
  const taught: Taught = { places: trace.places, organizations: name === 'several' ? trace.organizations : undefined, mount, operation, form, door, organizationHeader, projectHeader, caller, action: granted.action, resource: granted.resource }
  if (warm !== undefined) {
    const reveal = oneReveal(trace)
    if (reveal !== undefined) ports.plans.learn({ ...taught, answer: warm, ...reveal })
  } else if (batch !== undefined) {
    const folder = oneFolder(trace)
    if (folder !== undefined) ports.plans.learnBatch({ ...taught, batch, ...folder })
  }
}

/** One question to the policy, one secret, and nothing else. */
const oneReveal = ({ asked, revealed, batch, also, draft }: Trace) =>
  asked === 1 && revealed?.times === 1 && batch === undefined && also.length === 0 && draft.metadata === undefined
    ? { address: revealed.address, selector: revealed.selector, secretId: draft.resourceId, draft: learnable(draft) }
    : undefined

/** One folder, nothing of it withheld, with a record for each secret. Records of audit devices say what was in the body, which plans do not look into. */
const oneFolder = ({ batch, revealed, also, draft, input }: Trace) => {
  const { metadata } = draft
  const isWhole = metadata?.['withheld'] === 0 && metadata['secrets'] === also.length && Object.keys(metadata).length === 2
  const isPlain = draft.request === undefined && draft.action === undefined && draft.version === undefined && draft.resourceId === undefined
  return batch?.times === 1 && revealed === undefined && input !== undefined && isWhole && isPlain ? { folder: batch.folder, selection: batch.selection, secrets: also.length, input } : undefined
}

export interface TaughtLogin {
  readonly name: string
  readonly login: WarmLogin
  readonly request: DoorRequest
  readonly answer: Answer
  readonly trace: Trace
  readonly orgId: string
}

/** What a remembered login leaves is its record, and nothing else. With an audit device that says more, and tokens are whole. */
export const teachLogin = (ports: PipelinePorts, operation: Operation, { name, login, request, answer, trace, orgId }: TaughtLogin): void => {
  const { draft, places, organizations } = trace
  if (operation.audit === undefined || ports.journal.detail !== undefined || draft.request !== undefined || draft.metadata === undefined || answer.status !== WARM_STATUS || answer.ignored.length > 0 || trace.asked > 0 || trace.written !== undefined || trace.kept.length > 0 || trace.also.length > 0) return
  ports.plans?.learnLogin({ name, orgId, places, organizations, mount: request.mount, operation, door: request.door, limited: request.limited, draft, login, form: request.warm })
}
