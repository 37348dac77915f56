// A write's audit record travels into the write's own transaction. This is what a repository needs of it.

export interface WrittenRecord {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The canonical JSON text. */
  readonly record: string
  readonly digest: Buffer
  /** The columns that are searched. */
  readonly fields: Readonly<Record<string, string | null>>
}
