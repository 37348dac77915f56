// What a verification says. An error is something that only damage or tampering explains; a warning is something that
// a crash explains too; a note is neither. `unseen` states in plain words what could have happened without a trace.

export type FindingKind =
  /** Content does not match its tag, digest or signature. */
  | 'edited'
  /** Frame numbers are missing. */
  | 'gap'
  /** A frame does not follow the one before it. */
  | 'reordered'
  /** A record or a whole stream that the chain names is not there. */
  | 'removed'
  /** A stream ends before what a checkpoint or its successor says. */
  | 'truncated'
  /** Something that is not in the chain claims to be, or a segment's head is not ours. */
  | 'foreign'
  /** A checkpoint whose signature or content is wrong. */
  | 'forged'
  /** Bytes that are no frame where there must be one. */
  | 'unreadable'
  /** The end of a stream that was not closed is not whole: a crash leaves this, and so does a cut. */
  | 'torn_tail'
  /** Committed writes that no chain covers although the grace has passed. */
  | 'unchained'

export interface Finding {
  readonly kind: FindingKind
  readonly severity: 'error' | 'warning'
  readonly stream?: string
  readonly seq?: number
  readonly detail: string
}

export interface StreamReport {
  readonly stream: string
  readonly node: string | undefined
  readonly slot: number | undefined
  readonly firstSeq: number | undefined
  readonly lastSeq: number | undefined
  readonly frames: number
  readonly items: number
  /** Checkpoints whose signature and content hold. */
  readonly checkpoints: number
  /** The last frame that such a checkpoint, or the successor stream, vouches for. */
  readonly vouchedSeq: number | undefined
  readonly closed: boolean
  readonly notes: readonly string[]
}

export interface VerifyReport {
  /** No errors; warnings may remain. */
  readonly ok: boolean
  readonly streams: readonly StreamReport[]
  readonly findings: readonly Finding[]
  readonly unseen: readonly string[]
}

const maxFindings = 1000

/** Collects findings, bounded: a wiped disk must not become a report of a million lines. */
export class Findings {
  readonly #list: Finding[] = []
  #dropped = 0
  #errors = 0

  add(finding: Finding): void {
    if (finding.severity === 'error') this.#errors += 1
    if (this.#list.length < maxFindings) this.#list.push(finding)
    else this.#dropped += 1
  }

  get list(): readonly Finding[] {
    return this.#list
  }

  get dropped(): number {
    return this.#dropped
  }

  get hasErrors(): boolean {
    return this.#errors > 0
  }
}

export const reportOf = (findings: Findings, streams: readonly StreamReport[], unseen: readonly string[]): VerifyReport => ({
  ok: !findings.hasErrors,
  streams,
  findings: findings.list,
  unseen: findings.dropped === 0 ? unseen : [...unseen, `${findings.dropped} further findings are not listed.`],
})

/** What no verification can see, for the streams at hand. */
export const unseenOf = (streams: readonly StreamReport[]): readonly string[] => [
  ...streams.filter(({ closed }) => !closed).map(({ stream, vouchedSeq }) =>
    vouchedSeq === undefined
      ? `Stream ${stream}: no checkpoint vouches for any of it, so its end could have been cut off unseen.`
      : `Stream ${stream}: frames after ${vouchedSeq} are newer than its last checkpoint; had some been cut off, it could not be seen.`),
  'A stream that was removed as a whole before its first checkpoint left this machine, and the last stream of a slot that nothing names, leave no trace.',
  'Whoever holds both the chain key and the checkpoint key can write a new history; only checkpoints exported earlier contradict it.',
]
