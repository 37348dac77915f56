// One watching stream: authorised, subscribed, then look after look. Every look goes through the pipeline, so that each
// event rests on a token that is still good, a decision of now, and a record. What changes while the client does not
// read, or while a look is under way, is a set of paths, never a queue.

import type { BoundedQueue } from '../../lib/bounded-queue.ts'
import type { WatchedChange, ChangeStream } from './change-stream.ts'
import type { SecretChangeEvent } from './contract.ts'
import { Looks, type Looked } from './looks.ts'

/** What `delivery.watch` answers. */
export interface Seen {
  readonly organizationId: string
  readonly tokenId: string
  /** Milliseconds until the token ends; absent: it does not. */
  readonly expiresIn?: number
  readonly items: readonly (Omit<Looked, 'aliases'> & Partial<Pick<Looked, 'aliases'>>)[]
}

export interface Watching {
  /** Runs `delivery.watch`; without `look` it only asks. @throws CofferError */
  ask(paths: readonly string[], look: boolean): Promise<Seen>
  /** Resolves when there is room for more. */
  send(event: SecretChangeEvent): Promise<void>
  readonly changes: ChangeStream
  /** Looks of all streams of the process take turns. */
  readonly turns: BoundedQueue
  /** Takes a place among the streams of a token; gives back the way to leave it. @throws rate_limited */
  enter(token: string): () => void
  /** The client went away, or the server stops. One signal for each stream. */
  readonly ended: AbortSignal
}

// Timers hold 31 bits of milliseconds; and a clock that disagrees a little must not make a loop of looks.
const LONGEST_TIMER_MS = 2 ** 31 - 1
const SHORTEST_TIMER_MS = 100

/** What has to be looked at, and a wait for there to be something. */
class Due {
  readonly #paths = new Set<string>()
  readonly #byChange = new Map<string, string>()
  readonly #token: string
  #wake: (() => void) | undefined

  constructor(token: string, ended: AbortSignal) {
    this.#token = token
    ended.addEventListener('abort', () => this.#wake?.(), { once: true })
  }

  /** Notes where a path is now. One that moved (its environment was registered, say) is due: changes under its new key may have been missed. */
  place(path: string, change: string): void {
    const before = this.#byChange.get(change)
    this.#byChange.set(change, path)
    if (before === path) return
    for (const [key, other] of this.#byChange) if (other === path && key !== change) this.#byChange.delete(key)
    this.#paths.add(path)
  }

  note(changes: readonly WatchedChange[] | 'everything'): void {
    if (changes === 'everything') return this.all()
    for (const { kind, key } of changes) {
      if (kind === 'secret') this.#one(this.#byChange.get(key))
      // Other tokens are no concern of ours; policies, roles and environments may be.
      else if (kind !== 'token' || key === this.#token) this.all()
    }
  }

  all(): void {
    for (const path of this.#byChange.values()) this.#one(path)
  }

  /** The paths that are due, which then are no longer. Waits for some; empty when the stream has ended. */
  async take(ended: AbortSignal): Promise<readonly string[]> {
    if (this.#paths.size === 0 && !ended.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const paths = ended.aborted ? [] : [...this.#paths]
    this.#paths.clear()
    return paths
  }

  #one(path: string | undefined): void {
    if (path === undefined) return
    this.#paths.add(path)
    this.#wake?.()
  }
}

/** Runs until the stream ends. @throws CofferError for which it must end */
export const watch = async (paths: readonly string[], watching: Watching): Promise<void> => {
  const { ask, changes, turns, ended } = watching
  const opened = await turns.run(() => ask(paths, false))
  const leave = watching.enter(opened.tokenId)
  const due = new Due(opened.tokenId, ended)
  // Before the first look: what changes after it is noted, what changed before is seen by it.
  const unsubscribe = changes.subscribe(opened.organizationId, (noted) => due.note(noted))
  let expiry: NodeJS.Timeout | undefined
  try {
    const looks = new Looks()
    for (const { secretPath, change } of opened.items) due.place(secretPath, change)
    for (let wanted = await due.take(ended); wanted.length > 0; wanted = await due.take(ended)) {
      const seen = await turns.run(() => ask(wanted, true))
      for (const { secretPath, change } of seen.items) due.place(secretPath, change)
      clearTimeout(expiry)
      expiry = atExpiry(seen, due)
      await tell(seen, looks, watching)
    }
  } finally {
    clearTimeout(expiry)
    unsubscribe()
    leave()
  }
}

/** The look at a token's end finds out whether it was renewed. */
const atExpiry = ({ expiresIn }: Seen, due: Due): NodeJS.Timeout | undefined => {
  if (expiresIn === undefined) return undefined
  const wait = Math.min(Math.max(expiresIn, SHORTEST_TIMER_MS), LONGEST_TIMER_MS)
  return setTimeout(() => due.all(), wait).unref()
}

const tell = async (seen: Seen, looks: Looks, { send, ended }: Watching): Promise<void> => {
  for (const { secretPath, change, aliases } of seen.items) {
    for (const event of looks.tell({ secretPath, change, aliases: aliases ?? {} })) {
      if (ended.aborted) return
      await send(event)
    }
  }
}
