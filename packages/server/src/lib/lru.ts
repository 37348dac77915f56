/**
 * A cache bounded by bytes that drops what was used least recently. Every operation is O(1): a linked list
 * keeps the order, because a Map that is deleted from at its front leaves holes that its iterator walks over.
 */

export type RemovalReason = 'evicted' | 'replaced' | 'deleted' | 'cleared'

export interface ByteLruOptions<K, V> {
  readonly maxBytes: number
  /** Called for every value that leaves the cache, whatever the reason: the place to wipe it. */
  readonly onEvict?: (key: K, value: V, reason: RemovalReason) => void
}

interface Entry<K, V> {
  readonly key: K
  readonly value: V
  readonly size: number
  newer: Entry<K, V> | undefined
  older: Entry<K, V> | undefined
}

export class ByteLru<K, V> {
  readonly #maxBytes: number
  readonly #onEvict: ByteLruOptions<K, V>['onEvict']
  readonly #entries = new Map<K, Entry<K, V>>()
  #newest: Entry<K, V> | undefined
  #oldest: Entry<K, V> | undefined
  #bytes = 0

  constructor(options: ByteLruOptions<K, V>) {
    if (!(options.maxBytes >= 0)) throw new RangeError('A cache needs a byte budget')
    this.#maxBytes = options.maxBytes
    this.#onEvict = options.onEvict
  }

  /** The sum of the sizes given for what is held. */
  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry !== this.#newest) {
      this.#unlink(entry)
      this.#link(entry)
    }
    return entry.value
  }

  /** Keeps the value at the given size in bytes. False, and nothing kept under the key, when it exceeds the whole budget. */
  set(key: K, value: V, size: number): boolean {
    if (!(size >= 0)) throw new RangeError('An entry needs a size')
    const before = this.#entries.get(key)
    if (before !== undefined) this.#remove(before, 'replaced')
    if (size > this.#maxBytes) return false
    while (this.#oldest !== undefined && this.#bytes + size > this.#maxBytes) this.#remove(this.#oldest, 'evicted')
    const entry: Entry<K, V> = { key, value, size, newer: undefined, older: undefined }
    this.#entries.set(key, entry)
    this.#bytes += size
    this.#link(entry)
    return true
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#remove(entry, 'deleted')
    return true
  }

  clear(): void {
    while (this.#oldest !== undefined) this.#remove(this.#oldest, 'cleared')
  }

  #remove(entry: Entry<K, V>, reason: RemovalReason): void {
    this.#entries.delete(entry.key)
    this.#bytes -= entry.size
    this.#unlink(entry)
    this.#onEvict?.(entry.key, entry.value, reason)
  }

  #link(entry: Entry<K, V>): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest !== undefined) this.#newest.newer = entry
    this.#newest = entry
    this.#oldest ??= entry
  }

  #unlink(entry: Entry<K, V>): void {
    if (entry.newer !== undefined) entry.newer.older = entry.older
    else this.#newest = entry.older
    if (entry.older !== undefined) entry.older.newer = entry.newer
    else this.#oldest = entry.newer
  }
}
