// What plans are found by: all that decides, of a token and of a message's head, what a target means.

import type { Caller } from '../../kernel/call.ts'
import { eventOf } from '../recording.ts'
import type { WarmFacts, WarmPorts } from '../warm.ts'

export interface Holder {
  /** Everything of a token that decides what a target means. */
  readonly scope: string
  /** Who acts, as its records have it. */
  readonly actor: string
}

export class Holders {
  readonly #ports: Pick<WarmPorts, 'pieces' | 'journal'>
  #known = new WeakMap<Caller, Holder>()

  constructor(ports: Pick<WarmPorts, 'pieces' | 'journal'>) {
    this.#ports = ports
  }

  forget(): void {
    this.#known = new WeakMap()
  }

  of(caller: Caller): Holder {
    const known = this.#known.get(caller)
    if (known !== undefined) return known
    const recorded = { orgId: caller.orgId, requestId: '', door: '', sourceIp: undefined, caller, detailed: this.#ports.journal.detail !== undefined }
    const made = { scope: `${caller.orgId} ${caller.lock?.mountId ?? ''} ${caller.lock?.environment ?? ''} `, actor: this.#ports.pieces.actor(eventOf(recorded, {}, { action: '', status: 0, at: 0 })) }
    this.#known.set(caller, made)
    return made
  }
}

export const NOBODY = { scope: '' }

/** None can hold what divides them: a project's name has no space, a target starts with a slash, and no header holds a line break. */
export const planKey = ({ scope }: Pick<Holder, 'scope'>, { organizationHeader, projectHeader, target }: Pick<WarmFacts, 'organizationHeader' | 'projectHeader' | 'target'>): string => {
  const within = projectHeader === undefined ? scope + target : `${scope}${projectHeader} ${target}`
  return organizationHeader === undefined ? within : `${organizationHeader}\n${within}`
}
