// Where shipped records go. A sink gets every durable frame of a stream in order, at least once, in batches; it is
// asynchronous and has its own cursor, so a slow or broken one holds back neither a request nor another sink.
import { decodeCheckpoint, type Checkpoint } from '../checkpoint.ts'
import { encodeItems, isLinkKind, itemKind, skeletonOf, unitBytes, type Frame, type FrameItem, type FrameSkeleton } from '../spool/frame.ts'
import { decodeLink, type EventLink } from '../spool/link.ts'
import type { StreamIdentity } from '../spool/stream.ts'
import type { PlainBatch } from './plain-batch.ts'
import type { RecordReader, ShippedRecord } from './record.ts'

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
  /**
   * The same for frames of records alone, with the others of the same stretch: kept together, because a gap between them would look like a removal to
   * whoever verifies meanwhile. Throws `NotPlain` for records that only the other way can take; then nothing may be kept.
   */
  deliverPlain?(plain: PlainBatch, others: Batch, signal: AbortSignal): Promise<void>
}

/** A record that cannot become a row by itself. */
export class NotPlain extends Error {}

export const shippedFrameOf = (frame: Frame, reader: RecordReader): ShippedFrame => {
  const skeleton = skeletonOf(frame)
  const records: ShippedRecord[] = []
  const links: ShippedLink[] = []
  const checkpoints: Checkpoint[] = []
  const control: FrameItem[] = []
  let damaged = 0
  let closes = false
  for (const [ordinal, item] of frame.items.entries()) {
    if (item.kind === itemKind.record) {
      const read = reader.read(item.bytes)
      if (read === undefined) damaged += 1
      // The unit of a record is its kind and its digest.
      else records.push({ ordinal, text: read.text, digest: skeleton.units.subarray(ordinal * unitBytes + 1, (ordinal + 1) * unitBytes), columns: read.columns })
    } else if (isLinkKind(item.kind)) {
      const link = decodeLink(item.bytes)
      if (link === undefined) damaged += 1
      else links.push({ ordinal, link, adopted: item.kind === itemKind.adopted })
    } else {
      control.push(item)
      closes ||= item.kind === itemKind.close
      const checkpoint = item.kind === itemKind.checkpoint ? decodeCheckpoint(item.bytes) : undefined
      if (checkpoint !== undefined) checkpoints.push(checkpoint)
    }
  }
  return { skeleton, records, links, checkpoints, control: control.length === 0 ? null : encodeItems(control), closes, damaged }
}
