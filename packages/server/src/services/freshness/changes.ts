// One change as a write announces it: ids only, no content.

export interface Change {
  readonly orgId: string
  readonly kind: string
  readonly key: string
}

/** What the feed acts upon: every cache of this process. */
export interface ChangeSink {
  apply(changes: readonly Change[]): void
  /** Drops everything, because what was missed is not known. */
  clear(): void
}
