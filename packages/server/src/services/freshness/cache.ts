// One cache region: byte-bounded, and honest under the lease. `peek` answers only while the lease is usable; a fill
// that began before an invalidation of its key, organization or tags never enters. Loaders must read the primary in
// a snapshot taken after they were called: a replica may not have replayed what was just invalidated.

import { ByteLru } from '../../lib/lru.ts'
import { Fills } from './fills.ts'
import type { Change } from './changes.ts'
import type { Clock } from '../../lib/clock.ts'

/** What a change drops: an entry, all entries with a tag, all of its organization, or the whole region. */
export type Target = { readonly key: string } | { readonly tag: string } | 'organization' | 'everything'

export interface Loaded<V> {
  /** May stand for "there is none", if V has a value for that. */
  readonly value: V
  /** What it takes in memory, about. */
  readonly bytes: number
  /** Shorter than the region's own, for negative answers or values that expire. */
  readonly maxAgeMs?: number | undefined
  /** What it depends on besides its key and organization; changes may name these. */
  readonly tags?: readonly string[] | undefined
}

/** A fill by whoever makes what is cached: its key is known only at the end. */
export interface OpenFill<V> {
  /** Takes the value in, unless something that it depends on was invalidated since the fill was opened. Ends it. */
  keep(key: string, loaded: Loaded<V>): void
  /** Ends it with nothing, unless it has ended. */
  end(): void
}

export interface RegionOptions<V> {
  readonly name: string
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** Which changes of the feed concern this region. Cache keys are unique across organizations. */
  readonly affects: Readonly<Record<string, (change: Change) => Target | readonly Target[]>>
  /**
   * Called once for every value that the region lets go of or never took in, after the present turn of the event loop.
   * So a value of a region that wipes must be used within the turn in which it was handed out.
   */
  readonly onEvict?: ((value: V) => void) | undefined
}

export interface RegionCounters {
  hits: number
  misses: number
  fills: number
  voided: number
}

/** What entries depend on; they die with it, without being looked for. */
interface Root {
  alive: boolean
}

interface Entry<V> {
  readonly value: V
  readonly expiresAt: number
  /** Of the organization and of each tag; most often one. */
  readonly roots: readonly Root[]
}

interface Guard {
  usableAt(monotonicMs: number): boolean
}

/** Room for the entry's own objects beside its value. */
const entryOverheadBytes = 200
const sweepAtOnce = 5_000

export class CacheRegion<V> {
  readonly name: string
  readonly counters: RegionCounters = { hits: 0, misses: 0, fills: 0, voided: 0 }
  readonly #options: RegionOptions<V>
  readonly #lease: Guard
  readonly #clock: Clock
  readonly #entries: ByteLru<string, Entry<V>>
  readonly #fills = new Fills<V>()
  /** Entries by key once more, because the LRU cannot be walked; swept a part at a time. */
  readonly #held = new Map<string, Entry<V>>()
  readonly #roots = new Map<string, Root>()
  #sweep: Iterator<[string, Entry<V>]> | undefined

  constructor(options: RegionOptions<V>, { lease, clock }: { readonly lease: Guard; readonly clock: Clock }) {
    this.name = options.name
    this.#options = options
    this.#lease = lease
    this.#clock = clock
    this.#entries = new ByteLru({ maxBytes: options.maxBytes, onEvict: (key, entry) => this.#letGo(key, entry) })
  }

  get bytes(): number {
    return this.#entries.bytes
  }

  get count(): number {
    return this.#entries.count
  }

  /** The cached value, if there is one and this worker may answer from its cache now. */
  peek(key: string): V | undefined {
    const now = this.#clock.monotonic()
    const entry = this.#lease.usableAt(now) ? this.#living(key, now) : undefined
    if (entry === undefined) {
      this.counters.misses += 1
      return undefined
    }
    this.counters.hits += 1
    return entry.value
  }

  /**
   * The cached value or the loader's. Under the lease, readers of one key share a load; without it each reads through,
   * because a load that began earlier may be older than what has been confirmed since.
   */
  getOrLoad(orgId: string, key: string, loader: () => Promise<Loaded<V>>): Promise<V> {
    const now = this.#clock.monotonic()
    const usable = this.#lease.usableAt(now)
    const entry = usable ? this.#living(key, now) : undefined
    if (entry !== undefined) {
      this.counters.hits += 1
      return Promise.resolve(entry.value)
    }
    this.counters.misses += 1
    const shared = usable ? this.#fills.shareable(key) : undefined
    return shared ?? this.#fills.begin(orgId, key, (beganAt) => this.#fill({ orgId, key, beganAt }, loader))
  }

  /** To be opened before anything is read that the value is made of. */
  open(orgId: string): OpenFill<V> {
    const beganAt = this.#fills.openUnnamed()
    let isOpen = true
    const end = (): void => {
      if (isOpen) this.#fills.closeUnnamed()
      isOpen = false
    }
    return {
      end,
      keep: (key, loaded) => {
        if (!isOpen) throw new Error('a fill that has ended keeps nothing')
        this.#enter({ orgId, key, beganAt }, loaded)
        end()
      },
    }
  }

  invalidate(key: string): void {
    this.#fills.markKey(key)
    this.#entries.delete(key)
  }

  invalidateTag(tag: string): void {
    this.#fills.markTag(tag)
    this.#kill(`t${tag}`)
  }

  invalidateOrganization(orgId: string): void {
    this.#fills.markOrganization(orgId)
    this.#kill(`o${orgId}`)
  }

  clear(): void {
    this.#fills.markAll()
    this.#roots.clear()
    this.#entries.clear()
  }

  /** Drops what the changes say. */
  apply(changes: readonly Change[]): void {
    const { affects } = this.#options
    for (const change of changes) {
      if (!Object.hasOwn(affects, change.kind)) continue
      const targets = affects[change.kind]?.(change) ?? []
      for (const target of isList(targets) ? targets : [targets]) this.#applyTarget(target, change.orgId)
    }
  }

  /** Looks through a part of the region and lets go of what is dead or too old, so that it does not linger until it is touched. */
  sweep(): void {
    const walk = this.#sweep ?? this.#held.entries()
    this.#sweep = walk
    const now = this.#clock.monotonic()
    for (let looked = 0; looked < sweepAtOnce; looked += 1) {
      const { value: item, done } = walk.next()
      if (done === true) {
        this.#sweep = undefined
        return this.#dropDeadRoots()
      }
      const [key, entry] = item
      if (!isLive(entry, now)) this.#entries.delete(key)
    }
  }

  async #fill(fill: { readonly orgId: string; readonly key: string; readonly beganAt: number }, loader: () => Promise<Loaded<V>>): Promise<V> {
    const loaded = await loader()
    this.#enter(fill, loaded)
    return loaded.value
  }

  #enter(fill: { readonly orgId: string; readonly key: string; readonly beganAt: number }, loaded: Loaded<V>): void {
    const tags = loaded.tags ?? []
    this.counters.fills += 1
    if (this.#fills.isVoid(fill, tags)) {
      this.counters.voided += 1
      this.#release(loaded.value)
    } else if (!this.#keep(fill, loaded, tags)) this.#release(loaded.value)
  }

  #keep({ orgId, key }: { readonly orgId: string; readonly key: string }, loaded: Loaded<V>, tags: readonly string[]): boolean {
    const { maxAgeMs } = this.#options
    const age = Math.min(loaded.maxAgeMs ?? maxAgeMs, maxAgeMs)
    if (!(age > 0)) return false
    const roots = [this.#root(`o${orgId}`), ...tags.map((tag) => this.#root(`t${tag}`))]
    const entry: Entry<V> = { value: loaded.value, expiresAt: this.#clock.monotonic() + age, roots }
    if (!this.#entries.set(key, entry, loaded.bytes + entryOverheadBytes + 2 * key.length)) return false
    this.#held.set(key, entry)
    return true
  }

  #living(key: string, now: number): Entry<V> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || isLive(entry, now)) return entry
    this.#entries.delete(key)
    return undefined
  }

  #applyTarget(target: Target, orgId: string): void {
    if (target === 'everything') this.clear()
    else if (target === 'organization') this.invalidateOrganization(orgId)
    else if ('key' in target) this.invalidate(target.key)
    else this.invalidateTag(target.tag)
  }

  #root(name: string): Root {
    const known = this.#roots.get(name)
    if (known !== undefined) return known
    const root = { alive: true }
    this.#roots.set(name, root)
    return root
  }

  #kill(name: string): void {
    const root = this.#roots.get(name)
    if (root === undefined) return
    root.alive = false
    this.#roots.delete(name)
  }

  /** Roots without entries would gather for every organization and tag that was ever cached. */
  #dropDeadRoots(): void {
    if (this.#roots.size <= 2 * this.#held.size + sweepAtOnce) return
    const used = new Set<Root>()
    for (const { roots } of this.#held.values()) for (const root of roots) used.add(root)
    for (const [name, root] of this.#roots) if (!used.has(root)) this.#roots.delete(name)
  }

  #letGo(key: string, entry: Entry<V>): void {
    if (this.#held.get(key) === entry) this.#held.delete(key)
    this.#release(entry.value)
  }

  #release(value: V): void {
    const { onEvict } = this.#options
    if (onEvict !== undefined) setImmediate(onEvict, value)
  }
}

const isList = (targets: Target | readonly Target[]): targets is readonly Target[] => Array.isArray(targets)

const isLive = ({ roots, expiresAt }: Entry<unknown>, now: number): boolean => {
  for (const root of roots) if (!root.alive) return false
  return now < expiresAt
}
