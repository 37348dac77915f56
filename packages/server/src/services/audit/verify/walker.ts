// Walks the frames of one stream in order and says what does not fit: the core of verification, the same for files and
// for rows of the database.
import type { HmacKey } from '../../../crypto/keys.ts'
import type { VerifyKey } from '../../../crypto/sign.ts'
import { decodeCheckpoint, isSignedBy, type Checkpoint } from '../checkpoint.ts'
import { isAuthentic, itemKind, noTag, unitBytes, type FrameItem, type FrameSkeleton } from '../spool/frame.ts'
import { isIdentity, type ChainKeys, type Predecessor, type StreamIdentity } from '../spool/stream.ts'
import type { Finding, FindingKind, Findings, StreamReport } from './report.ts'

export interface VerifyKeys {
  readonly chain: ChainKeys
  /** Checkpoint keys by id, retired ones included. */
  checkpoint(id: string): VerifyKey | undefined
}

/** Something outside the stream that names one of its frames. */
export interface Claim {
  readonly seq: number
  readonly hash: Buffer
  readonly by: string
}

// A checkpoint names the head at the time it was queued, so it lies a frame or two behind itself.
const rememberedTags = 4096

export class StreamWalker {
  readonly #stream: string
  readonly #keys: VerifyKeys
  readonly #findings: Findings
  readonly #claims = new Map<number, Claim[]>()
  readonly #tags = new Map<number, Buffer>()
  readonly #notes: string[] = []
  #identity: StreamIdentity | undefined
  #keyId: string | undefined
  #firstSeq: number | undefined
  #seq: number | undefined
  #tag: Buffer = noTag
  #frames = 0
  #items = 0
  #checkpoints = 0
  #vouched: number | undefined
  #closed = false

  constructor(stream: string, keys: VerifyKeys, findings: Findings) {
    this.#stream = stream
    this.#keys = keys
    this.#findings = findings
  }

  get identity(): StreamIdentity | undefined {
    return this.#identity
  }

  get lastSeq(): number | undefined {
    return this.#seq
  }

  get closed(): boolean {
    return this.#closed
  }

  get predecessor(): Predecessor | null {
    return this.#identity?.predecessor ?? null
  }

  /** Who the stream is, as far as its segments or its row say. The opening frame must agree. */
  introduce(identity: StreamIdentity): void {
    this.#identity ??= identity
    this.#keyId ??= identity.keyId
  }

  /** The same, from the stream's opening item. */
  introduceItem(bytes: Buffer): void {
    const identity = parseIdentity(bytes)
    if (identity?.stream === this.#stream) this.introduce(identity)
  }

  /** To be told before the frames: an exported checkpoint, a successor's word, a live worker's head. */
  expect(claim: Claim): void {
    const claims = this.#claims.get(claim.seq) ?? []
    claims.push(claim)
    this.#claims.set(claim.seq, claims)
  }

  /** An exported checkpoint, from a table or a sink. */
  expectCheckpoint(checkpoint: Checkpoint): void {
    if (this.#isSigned(checkpoint)) this.expect({ seq: checkpoint.seq, hash: checkpoint.hash, by: 'a signed checkpoint' })
  }

  note(text: string): void {
    this.#notes.push(text)
  }

  error(kind: FindingKind, seq: number | undefined, detail: string): void {
    this.#add(kind, seq, { severity: 'error', detail })
  }

  warn(kind: FindingKind, seq: number | undefined, detail: string): void {
    this.#add(kind, seq, { severity: 'warning', detail })
  }

  /** The chain key, or undefined when it is not at hand (noted once). */
  key(): HmacKey | undefined {
    const key = this.#keyId === undefined ? undefined : this.#keys.chain.find(this.#keyId)
    if (key === undefined && !this.#notes.some((text) => text.startsWith('The chain key'))) {
      this.note(`The chain key ${this.#keyId ?? '(unnamed)'} is not at hand: edits within frames cannot be seen.`)
    }
    return key
  }

  /** Frames in the order in which they are stored. `control` are the items other than records and links, in order. */
  frame(frame: FrameSkeleton, control: readonly FrameItem[]): void {
    this.#order(frame)
    const key = this.key()
    if (key !== undefined && !isAuthentic(frame, key)) this.error('edited', frame.seq, `Frame ${frame.seq} does not match its tag.`)
    if (this.#closed) this.error('foreign', frame.seq, `Frame ${frame.seq} stands after the end of a closed stream.`)
    this.#firstSeq ??= frame.seq
    this.#seq = frame.seq
    this.#tag = Buffer.from(frame.tag)
    this.#frames += 1
    this.#items += frame.units.length / unitBytes
    this.#tags.set(frame.seq, this.#tag)
    this.#tags.delete(frame.seq - rememberedTags)
    for (const item of control) this.#control(frame, item)
    for (const claim of this.#claims.get(frame.seq) ?? []) this.#compare(claim, this.#tag)
    this.#claims.delete(frame.seq)
  }

  /** After the last frame: whatever was expected and did not come is missing. */
  finish(): StreamReport {
    for (const claims of this.#claims.values()) {
      for (const claim of claims) {
        if (this.#firstSeq !== undefined && claim.seq < this.#firstSeq) continue
        this.error('truncated', claim.seq, `The stream ends at frame ${this.#seq ?? 'none'}, but ${claim.by} names frame ${claim.seq}.`)
      }
    }
    return {
      stream: this.#stream, node: this.#identity?.node, slot: this.#identity?.slot, firstSeq: this.#firstSeq, lastSeq: this.#seq, frames: this.#frames,
      items: this.#items, checkpoints: this.#checkpoints, vouchedSeq: this.#vouched, closed: this.#closed, notes: this.#notes,
    }
  }

  #order(frame: FrameSkeleton): void {
    if (this.#seq === undefined) {
      if (frame.seq > 0) this.note(`Begins at frame ${frame.seq}: what was before is not here (shipped and removed, or past its retention).`)
      else this.#tag = this.#identity?.predecessor === null || this.#identity === undefined ? noTag : Buffer.from(this.#identity.predecessor.hash, 'hex')
      if (frame.seq === 0 && !frame.previous.equals(this.#tag)) this.error('reordered', 0, 'The first frame does not follow the end of the predecessor that the stream names.')
      return
    }
    if (frame.seq > this.#seq + 1) this.error('gap', frame.seq, `Frames ${this.#seq + 1} to ${frame.seq - 1} are missing.`)
    else if (frame.seq <= this.#seq) this.error('reordered', frame.seq, `Frame ${frame.seq} stands after frame ${this.#seq}.`)
    else if (!frame.previous.equals(this.#tag)) this.error('reordered', frame.seq, `Frame ${frame.seq} does not follow frame ${this.#seq}.`)
  }

  #control(frame: FrameSkeleton, item: FrameItem): void {
    if (item.kind === itemKind.close) this.#closed = true
    else if (item.kind === itemKind.open) this.#opening(frame, item.bytes)
    else if (item.kind === itemKind.checkpoint) this.#checkpoint(frame, item.bytes)
  }

  #opening(frame: FrameSkeleton, bytes: Buffer): void {
    const identity = parseIdentity(bytes)
    if (identity === undefined || identity.stream !== this.#stream || frame.seq !== 0) {
      this.error('foreign', frame.seq, 'The opening item belongs to another stream or does not stand in its first frame.')
      return
    }
    if (this.#identity !== undefined && JSON.stringify(identity) !== JSON.stringify(this.#identity)) {
      this.error('edited', frame.seq, 'The stream is introduced as another than its first frame says.')
    }
    this.#identity = identity
  }

  #checkpoint(frame: FrameSkeleton, bytes: Buffer): void {
    const checkpoint = decodeCheckpoint(bytes)
    if (checkpoint === undefined || checkpoint.stream !== this.#stream || checkpoint.seq >= frame.seq) {
      this.error('forged', frame.seq, 'A checkpoint in the stream cannot be read or is not about its past.')
      return
    }
    if (!this.#isSigned(checkpoint)) return
    const tag = this.#tags.get(checkpoint.seq)
    if (tag !== undefined) this.#compare({ seq: checkpoint.seq, hash: checkpoint.hash, by: 'a signed checkpoint' }, tag)
    else if (this.#firstSeq !== undefined && checkpoint.seq >= this.#firstSeq) this.error('gap', checkpoint.seq, `A signed checkpoint names frame ${checkpoint.seq}, which is not where it should be.`)
  }

  #isSigned(checkpoint: Checkpoint): boolean {
    const key = this.#keys.checkpoint(checkpoint.keyId)
    if (key === undefined) {
      this.note(`The checkpoint key ${checkpoint.keyId} is not at hand: its checkpoints vouch for nothing.`)
      return false
    }
    if (isSignedBy(checkpoint, key)) return true
    this.error('forged', checkpoint.seq, `The signature of the checkpoint over frame ${checkpoint.seq} does not hold.`)
    return false
  }

  #compare(claim: Claim, tag: Buffer): void {
    if (!claim.hash.equals(tag)) {
      this.error('edited', claim.seq, `Frame ${claim.seq} is not the one that ${claim.by} names.`)
      return
    }
    this.#checkpoints += claim.by === 'a signed checkpoint' ? 1 : 0
    this.#vouched = Math.max(this.#vouched ?? -1, claim.seq)
  }

  #add(kind: FindingKind, seq: number | undefined, rest: Pick<Finding, 'severity' | 'detail'>): void {
    this.#findings.add({ kind, stream: this.#stream, ...(seq === undefined ? {} : { seq }), ...rest })
  }
}

const parseIdentity = (bytes: Buffer): StreamIdentity | undefined => {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isIdentity(value) ? value : undefined
  } catch {
    return undefined
  }
}
