// What a plan of a batch consists of, and what it makes of a folder as long as that folder is the cached one.

import type { Action, Resource } from '../../kernel/call.ts'
import type { SecretAddress } from '../../kernel/secret-model.ts'
import type { BatchAction, WarmBatch, WarmItem, WarmSecret } from '../../kernel/warm.ts'
import type { Compiled } from './batch-answer.ts'
import type { LimitedPlace } from '../limits.ts'
import type { Learned } from './turn.ts'

/** One of those that are asked about the folder, with what follows from a yes. */
export interface Question {
  readonly action: Action
  readonly resource: Resource
  /** Where it counts for limits. */
  readonly limited: LimitedPlace
  /** Of the request's own record. */
  readonly target: string
}

export interface BatchPlan<Loaded extends WarmSecret> extends Learned {
  readonly batch: WarmBatch
  readonly input: Readonly<Record<string, unknown>>
  readonly folder: SecretAddress
  readonly alias: string
  readonly key: string
  readonly isProtected: boolean
  readonly questions: readonly Question[]
  /** How many were revealed when this was learned. */
  readonly secrets: number
  /** Of the answer that is kept, if there is one. */
  answerBytes: number
  /** They end with the cached folder, and with what it holds open. */
  readonly materials: WeakMap<readonly WarmItem<Loaded>[], Material<Loaded>>
}

export class Material<Loaded extends WarmSecret> {
  readonly items: readonly WarmItem<Loaded>[]
  /** What the policy is asked about each secret, those without a version to hand out included. */
  readonly asked: readonly Readonly<Record<BatchAction, Resource>>[]
  compiled: Compiled<Loaded> | undefined
  /** No plan can answer with this folder. */
  isUnusable = false

  constructor({ batch, folder, isProtected }: Pick<BatchPlan<Loaded>, 'batch' | 'folder' | 'isProtected'>, items: readonly WarmItem<Loaded>[]) {
    this.items = items
    this.asked = items.map(({ path }) => ({ export: batch.resource('export', folder, path, isProtected), reveal: batch.resource('reveal', folder, path, isProtected) }))
  }
}
