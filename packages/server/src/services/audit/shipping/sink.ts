// Where shipped records go. A sink gets every durable frame of a stream in order, at least once, in batches; it is
// asynchronous and has its own cursor, so a slow or broken one holds back neither a request nor another sink.
import { sha256 } from '../../../crypto/digest.ts'
import type { AuditEvent } from '../../../kernel/audit.ts'
import { decodeUtf8Strict } from '../../../lib/bytes.ts'
import { parseUuid } from '../../../lib/uuid.ts'
import { decodeCheckpoint, type Checkpoint } from '../checkpoint.ts'
import { parseRecord } from '../records.ts'
import { encodeItems, isLinkKind, itemKind, skeletonOf, type Frame, type FrameItem, type FrameSkeleton } from '../spool/frame.ts'
import { decodeLink, type EventLink } from '../spool/link.ts'
import type { StreamIdentity } from '../spool/stream.ts'

export interface ShippedRecord {
  readonly ordinal: number
  readonly text: string
  readonly digest: Buffer
  readonly event: AuditEvent
}

export interface ShippedLink {
  readonly ordinal: number
  readonly link: EventLink
  readonly adopted: boolean
}

export interface ShippedFrame {
  readonly skeleton: FrameSkeleton
  readonly records: readonly ShippedRecord[]
  readonly links: readonly ShippedLink[]
  readonly checkpoints: readonly Checkpoint[]
  /** Items other than records and links, encoded; null when there are none. */
  readonly control: Buffer | null
  /** The stream says that it ends here in order. */
  readonly closes: boolean
  /** Items that nothing can be made of. They stay in the skeleton, so that verification finds them. */
  readonly damaged: number
}

export interface Batch {
  readonly stream: StreamIdentity
  readonly frames: readonly ShippedFrame[]
}

export interface Sink {
  /** Names the cursor: [a-z0-9-]. */
  readonly name: string
  readonly timeoutMs: number
  /** Resolves when the batch is safe where the sink keeps it. The same frames may come again after a failure or a crash. */
  deliver(batch: Batch, signal: AbortSignal): Promise<void>
}

export const shippedFrameOf = (frame: Frame): ShippedFrame => {
  const records: ShippedRecord[] = []
  const links: ShippedLink[] = []
  const checkpoints: Checkpoint[] = []
  const control: FrameItem[] = []
  let damaged = 0
  for (const [ordinal, item] of frame.items.entries()) {
    if (item.kind === itemKind.record) {
      const record = shippedRecordOf(item.bytes, ordinal)
      if (record === undefined) damaged += 1
      else records.push(record)
    } else if (isLinkKind(item.kind)) {
      const link = decodeLink(item.bytes)
      if (link === undefined) damaged += 1
      else links.push({ ordinal, link, adopted: item.kind === itemKind.adopted })
    } else {
      control.push(item)
      const checkpoint = item.kind === itemKind.checkpoint ? decodeCheckpoint(item.bytes) : undefined
      if (checkpoint !== undefined) checkpoints.push(checkpoint)
    }
  }
  const closes = frame.items.some(({ kind }) => kind === itemKind.close)
  return { skeleton: skeletonOf(frame), records, links, checkpoints, control: control.length === 0 ? null : encodeItems(control), closes, damaged }
}

const shippedRecordOf = (bytes: Buffer, ordinal: number): ShippedRecord | undefined => {
  const text = textOf(bytes)
  // A row that the database must refuse would hold back everything behind it.
  if (text === undefined || text.includes('\u0000') || text.includes('\n')) return undefined
  const event = parseRecord(text)
  if (event === undefined || parseUuid(event.id) === undefined || parseUuid(event.orgId) === undefined) return undefined
  return { ordinal, text, digest: sha256(bytes), event }
}

const textOf = (bytes: Buffer): string | undefined => {
  try {
    return decodeUtf8Strict(bytes)
  } catch {
    return undefined
  }
}
