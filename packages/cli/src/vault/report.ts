// What a move will carry, what it cannot, and what went wrong on the way.

export interface Finding {
  /** `mount transit/`, `policy ops` */
  readonly what: string
  readonly why: string
}

export interface Tally {
  readonly [kind: string]: number
}

/** Collected before the first write, and shown. */
export class Survey {
  readonly #counts = new Map<string, number>()
  readonly #findings: Finding[] = []

  count(kind: string, by = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + by)
  }

  /** Cannot be carried over, or only in part. */
  cannot(what: string, why: string): void {
    this.#findings.push({ what, why })
  }

  get counts(): Tally {
    return Object.fromEntries(this.#counts)
  }

  get findings(): readonly Finding[] {
    return this.#findings
  }
}

/** What was done. */
export class Progress {
  readonly #done = new Map<string, { copied: number; present: number }>()
  readonly failures: Finding[] = []

  copied(kind: string): void {
    this.#of(kind).copied += 1
  }

  /** It was there already, the same. */
  present(kind: string): void {
    this.#of(kind).present += 1
  }

  failed(what: string, why: string): void {
    this.failures.push({ what, why })
  }

  get done(): Readonly<Record<string, { readonly copied: number; readonly present: number }>> {
    return Object.fromEntries(this.#done)
  }

  #of(kind: string): { copied: number; present: number } {
    const found = this.#done.get(kind) ?? { copied: 0, present: 0 }
    this.#done.set(kind, found)
    return found
  }
}

/** Runs the work on every item, a few at a time. */
export const each = async <T>(items: readonly T[], work: (item: T) => Promise<void>, atOnce = 8): Promise<void> => {
  const waiting = [...items]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
}
