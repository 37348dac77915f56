// Reads a stream's frames back from its segments, in order, without the chain key: for shipping, which must work for
// the spool of a dead worker on a sealed server. It decides what is a frame, never whether to believe it.
import { open, type FileHandle } from 'node:fs/promises'
import { parseFrame, type Frame } from './frame.ts'
import { listSegments, parseSegmentHead, segmentHeadBytes, segmentPath, type ParsedHead } from './stream.ts'

export interface Position {
  readonly segment: number
  readonly offset: number
}

export interface ReadFrame {
  readonly frame: Frame
  readonly segment: number
  readonly offset: number
  /** Where the next frame starts. */
  readonly after: Position
}

export interface SegmentInfo {
  readonly segment: number
  readonly path: string
  readonly head: ParsedHead
}

const chunkBytes = 256 * 1024

export const readHeads = async (directory: string): Promise<readonly SegmentInfo[]> => {
  const segments: SegmentInfo[] = []
  for (const segment of await listSegments(directory)) {
    const path = segmentPath(directory, segment)
    const file = await open(path, 'r')
    try {
      segments.push({ segment, path, head: parseSegmentHead(await readAt(file, 0, segmentHeadBytes)) })
    } finally {
      await file.close()
    }
  }
  return segments
}

/**
 * The first frame number that is void in each segment: a later segment that starts at frame N says that everything
 * from N on in the segments before it failed to be flushed, and that the requests that waited for it were refused.
 */
export const voidFrom = (segments: readonly SegmentInfo[], segment: number): number => {
  let first = Number.POSITIVE_INFINITY
  for (const later of segments) {
    if (later.segment > segment && later.head.state === 'head') first = Math.min(first, later.head.head.firstSeq)
  }
  return first
}

/** Frames from `from` up to `until` (a live stream's durable end), or to the end of what is there. */
export async function* readFrames(directory: string, range: { readonly from?: Position; readonly until?: Position } = {}): AsyncGenerator<ReadFrame, void> {
  const segments = await readHeads(directory)
  for (const info of segments) {
    if (info.head.state !== 'head') continue
    if (range.from !== undefined && info.segment < range.from.segment) continue
    if (range.until !== undefined && info.segment > range.until.segment) return
    const start = range.from?.segment === info.segment ? Math.max(range.from.offset, segmentHeadBytes) : segmentHeadBytes
    const end = range.until?.segment === info.segment ? range.until.offset : Number.POSITIVE_INFINITY
    const firstVoid = voidFrom(segments, info.segment)
    for await (const read of framesInSegment(info, start, end)) {
      if (read.frame.seq >= firstVoid) break
      yield read
    }
  }
}

/** Stops at the first bytes that are no whole frame. */
export async function* framesInSegment(info: { readonly segment: number; readonly path: string }, start: number, end: number): AsyncGenerator<ReadFrame, void> {
  const file = await open(info.path, 'r')
  try {
    const size = Math.min((await file.stat()).size, end)
    let base = start
    let at = 0
    let buffer: Buffer = Buffer.alloc(0)
    for (;;) {
      const parsed = parseFrame(buffer, at)
      if (parsed.state === 'frame') {
        const offset = base + at
        at += parsed.frame.bytes
        yield { frame: parsed.frame, segment: info.segment, offset, after: { segment: info.segment, offset: base + at } }
        continue
      }
      const needed = parsed.state === 'short' ? parsed.bytes : 1
      if (parsed.state === 'broken' || (parsed.state === 'end' && at < buffer.length) || base + at + needed > size) return
      base += at
      at = 0
      buffer = await readAt(file, base, Math.min(size - base, Math.max(needed, chunkBytes)))
      if (buffer.length < needed) return
    }
  } finally {
    await file.close()
  }
}

/** A buffer of its own each time: frames are views into it. */
const readAt = async (file: FileHandle, position: number, length: number): Promise<Buffer> => {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
