// What the change feed tells the watching streams of this process: ids only. compose.ts feeds the hub from the same
// calls that drop cache entries.

export interface WatchedChange {
  readonly kind: string
  readonly key: string
}

/** `everything`: what was missed is not known. */
export type ChangeListener = (changes: readonly WatchedChange[] | 'everything') => void

export interface ChangeStream {
  /** Listeners return at once; whatever they start comes after the caches have dropped what changed. */
  subscribe(orgId: string, listener: ChangeListener): () => void
}

/** One per process; a sink of the change feed, like a cache. */
export class ChangeHub implements ChangeStream {
  readonly #listeners = new Map<string, Set<ChangeListener>>()

  subscribe(orgId: string, listener: ChangeListener): () => void {
    const listeners = this.#listeners.get(orgId) ?? new Set()
    this.#listeners.set(orgId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(orgId) === listeners) this.#listeners.delete(orgId)
    }
  }

  apply(changes: readonly (WatchedChange & { readonly orgId: string })[]): void {
    if (this.#listeners.size === 0) return
    for (const [orgId, ofOrg] of Map.groupBy(changes, (change) => change.orgId)) {
      for (const listener of this.#listeners.get(orgId) ?? []) listener(ofOrg)
    }
  }

  clear(): void {
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener('everything')
  }
}
