// A history of confirmed writes and of reads, on the monotonic clock that all processes of a machine share. It is
// linearisable as far as confirmation promises it: no read that began after a write was confirmed sees less.

export interface ReadHistory {
  /** For each `key=value` read: when the last read that saw it began, in nanoseconds. */
  readonly latest: Readonly<Record<string, string>>
  readonly hits: number
  readonly reads: number
}

const latestBegin = (latest: Map<string, bigint>, what: string, beganAt: bigint): void => {
  if (beganAt > (latest.get(what) ?? -1n)) latest.set(what, beganAt)
}

export const makeReader = () => {
  const latest = new Map<string, bigint>()
  let hits = 0
  let reads = 0
  return {
    saw(key: string, value: number, beganAt: bigint): void {
      reads += 1
      latestBegin(latest, `${key}=${value}`, beganAt)
    },
    hit(): void {
      hits += 1
    },
    history: (): ReadHistory => ({ latest: Object.fromEntries([...latest].map(([what, at]) => [what, String(at)])), hits, reads }),
  }
}

export interface ConfirmedWrite {
  readonly key: string
  readonly value: number
  readonly confirmedAt: bigint
}

/** The reads that saw a value which an already confirmed write had replaced. */
export const staleReads = (writes: readonly ConfirmedWrite[], { latest }: ReadHistory): string[] => {
  const stale: string[] = []
  for (const [what, beganAt] of Object.entries(latest)) {
    const [key = '', value = ''] = what.split('=')
    const newer = writes.find((write) => write.key === key && write.value > Number(value) && write.confirmedAt < BigInt(beganAt))
    if (newer !== undefined) stale.push(`${what} read ${Number(BigInt(beganAt) - newer.confirmedAt) / 1e6} ms after ${newer.value} was confirmed`)
  }
  return stale
}
