// Fills under way, so that none that began before an invalidation of what it loads ever enters the cache, nor is shared
// with a reader who came after it. Marks live only as long as fills do: nothing is kept for keys that nobody loads.

export interface Fill<V> {
  readonly key: string
  readonly orgId: string
  /** Marks made before this number had been made when the fill began. */
  readonly beganAt: number
  readonly promise: Promise<V>
}

interface OpenKey<V> {
  open: number
  shared: Fill<V> | undefined
}

/** More distinct marks than this while fills are under way void them all. */
const maxMarks = 10_000

export class Fills<V> {
  readonly #keys = new Map<string, OpenKey<V>>()
  /** What was invalidated while fills were under way, and when. Names: k key, o organization, t tag. */
  readonly #marks = new Map<string, number>()
  #sequence = 0
  #lastTag = 0
  #floor = 0
  #open = 0

  get open(): number {
    return this.#open
  }

  /** A fill of this key that a reader may share who comes now; only to be asked while the lease is usable. */
  shareable(key: string): Promise<V> | undefined {
    const fill = this.#keys.get(key)?.shared
    // A fill's tags are known when it ends, so a tag's mark keeps later readers off every fill that began before it.
    return fill !== undefined && this.#lastTag <= fill.beganAt && !this.isVoid(fill, []) ? fill.promise : undefined
  }

  /** Starts a fill; it ends when its promise settles, before anybody who awaits it goes on. */
  begin(orgId: string, key: string, start: (beganAt: number) => Promise<V>): Promise<V> {
    const of = this.#keys.get(key) ?? { open: 0, shared: undefined }
    this.#keys.set(key, of)
    of.open += 1
    this.#open += 1
    const beganAt = this.#sequence
    const promise = start(beganAt).finally(() => this.#end(key, of, promise))
    of.shared = { key, orgId, beganAt, promise }
    return promise
  }

  /** Opens a fill of a key that is not known yet, which nobody can share; whoever opens it closes it. Says when it began. */
  openUnnamed(): number {
    this.#open += 1
    return this.#sequence
  }

  closeUnnamed(): void {
    this.#open -= 1
    if (this.#open === 0) this.#marks.clear()
  }

  isVoid(fill: Pick<Fill<V>, 'key' | 'orgId' | 'beganAt'>, tags: readonly string[]): boolean {
    return (
      this.#floor > fill.beganAt ||
      this.#markedSince(fill.beganAt, `k${fill.key}`) ||
      this.#markedSince(fill.beganAt, `o${fill.orgId}`) ||
      tags.some((tag) => this.#markedSince(fill.beganAt, `t${tag}`))
    )
  }

  markKey(key: string): void {
    this.#mark(`k${key}`)
  }

  markOrganization(orgId: string): void {
    this.#mark(`o${orgId}`)
  }

  markTag(tag: string): void {
    this.#mark(`t${tag}`)
    this.#lastTag = this.#sequence
  }

  markAll(): void {
    this.#floor = ++this.#sequence
    this.#marks.clear()
  }

  #mark(name: string): void {
    if (this.#open === 0) return
    if (this.#marks.size >= maxMarks) this.markAll()
    else this.#marks.set(name, ++this.#sequence)
  }

  #markedSince(since: number, name: string): boolean {
    return (this.#marks.get(name) ?? 0) > since
  }

  #end(key: string, of: OpenKey<V>, promise: Promise<V>): void {
    of.open -= 1
    if (of.shared?.promise === promise) of.shared = undefined
    if (of.open === 0) this.#keys.delete(key)
    this.closeUnnamed()
  }
}
