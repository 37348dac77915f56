// Verifies the streams of a spool directory: every byte of every segment is either accounted for by the chain or named
// in the report.
import { readFile } from 'node:fs/promises'
import { sha256 } from '../../../crypto/digest.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { frameMarker, isAuthentic, isLinkKind, itemKind, parseFrame, skeletonOf, type Frame } from '../spool/frame.ts'
import { decodeLink } from '../spool/link.ts'
import { readHeads, voidFrom, type SegmentInfo } from '../spool/reader.ts'
import { identityOf, isAuthenticHead, listStreams, segmentHeadBytes, type SegmentHead, type StreamDirectory } from '../spool/stream.ts'
import { Findings, reportOf, unseenOf, type StreamReport, type VerifyReport } from './report.ts'
import { StreamWalker, type Claim, type VerifyKeys } from './walker.ts'

export interface VerifyFilesOptions {
  readonly root: string
  readonly keys: VerifyKeys
  /** Checkpoints from where they were exported to: the database, a sink's file. */
  readonly checkpoints?: readonly Checkpoint[]
  /** Heads of streams that are being written now, by stream. Without them the end of a live stream may look torn. */
  readonly live?: ReadonlyMap<string, { readonly seq: number; readonly hash: Buffer }>
}

interface Opened {
  readonly directory: StreamDirectory
  readonly segments: readonly SegmentInfo[]
  readonly walker: StreamWalker
}

/** Reads one stream after the other; changes nothing. */
export const verifyFiles = async (options: VerifyFilesOptions): Promise<VerifyReport> => {
  const findings = new Findings()
  const opened = new Map<string, Opened>()
  for (const directory of await listStreams(options.root)) {
    const walker = new StreamWalker(directory.stream, options.keys, findings)
    opened.set(directory.stream, { directory, segments: await readHeads(directory.path), walker })
  }
  for (const stream of opened.values()) introduce(stream)
  const claimed = claimEnds(opened)
  for (const checkpoint of options.checkpoints ?? []) opened.get(checkpoint.stream)?.walker.expectCheckpoint(checkpoint)
  for (const [stream, head] of options.live ?? []) opened.get(stream)?.walker.expect({ ...head, by: 'the worker that writes it' })
  const reports: StreamReport[] = []
  for (const [id, stream] of opened) {
    await walkStream(stream, { live: options.live?.has(id) === true, endsAt: claimed.get(id) })
    reports.push(stream.walker.finish())
  }
  return reportOf(findings, reports, unseenOf(reports))
}

/** The first head that the chain key confirms says who the stream is. */
const introduce = ({ directory, segments, walker }: Opened): void => {
  for (const { head, segment } of segments) {
    if (head.state !== 'head') continue
    if (head.head.stream !== directory.stream || head.head.slot !== directory.slot || head.head.segment !== segment) {
      walker.error('foreign', undefined, `Segment ${segment} says that it belongs elsewhere.`)
      continue
    }
    walker.introduce(identityOf(head.head))
  }
}

const claimEnds = (opened: ReadonlyMap<string, Opened>): ReadonlyMap<string, Claim> => {
  const ends = new Map<string, Claim>()
  for (const { directory, walker } of opened.values()) {
    const { predecessor } = walker
    if (predecessor === null) continue
    const before = opened.get(predecessor.stream)
    if (before === undefined) {
      walker.note(`Its predecessor ${predecessor.stream} is not in this directory (shipped and removed, or taken away).`)
      continue
    }
    const claim = { seq: predecessor.seq, hash: Buffer.from(predecessor.hash, 'hex'), by: `its successor ${directory.stream}` }
    before.walker.expect(claim)
    ends.set(predecessor.stream, claim)
  }
  return ends
}

interface EndFacts {
  readonly live: boolean
  /** Where the successor says that the stream ended. */
  readonly endsAt: Claim | undefined
}

const walkStream = async ({ segments, walker }: Opened, end: EndFacts): Promise<void> => {
  const last = segments.findLast(({ head }) => head.state !== 'unused')
  for (const info of segments) {
    const bytes = await readFile(info.path)
    if (info.head.state === 'unused') {
      if (!isZero(bytes)) walker.error('unreadable', undefined, `Segment ${info.segment} has content but no head.`)
      continue
    }
    if (info.head.state === 'broken') {
      walker.error('unreadable', undefined, `The head of segment ${info.segment} cannot be read.`)
    } else {
      const key = walker.key()
      if (key !== undefined && !isAuthenticHead(info.head.bytes, key)) walker.error('edited', info.head.head.firstSeq, `The head of segment ${info.segment} does not match its tag.`)
      checkStart(info.head.head, walker)
    }
    walkSegment(bytes, walker, { info, firstVoid: voidFrom(segments, info.segment), failed: isFailed(segments, info.segment), isLast: info === last, end })
  }
}

/** A stream whose first segments were shipped and removed starts where its first remaining head says. */
const checkStart = (head: SegmentHead, walker: StreamWalker): void => {
  const { lastSeq } = walker
  if (lastSeq !== undefined && head.firstSeq > lastSeq + 1) walker.error('gap', head.firstSeq, `Frames ${lastSeq + 1} to ${head.firstSeq - 1} are missing before segment ${head.segment}.`)
}

const isFailed = (segments: readonly SegmentInfo[], segment: number): boolean => {
  const next = segments.find((later) => later.segment > segment && later.head.state === 'head')
  return next?.head.state === 'head' && next.head.head.reason === 'failure'
}

interface SegmentFacts {
  readonly info: SegmentInfo
  readonly firstVoid: number
  /** The next segment was opened because a write into this one failed. */
  readonly failed: boolean
  readonly isLast: boolean
  readonly end: EndFacts
}

const walkSegment = (bytes: Buffer, walker: StreamWalker, facts: SegmentFacts): void => {
  let at = segmentHeadBytes
  for (;;) {
    const parsed = parseFrame(bytes, at)
    if (parsed.state === 'frame' && parsed.frame.seq < facts.firstVoid && !isTornEnd(parsed.frame, at, bytes, walker, facts)) {
      walkFrame(parsed.frame, walker)
      at += parsed.frame.bytes
      continue
    }
    const isVoid = parsed.state === 'frame' && parsed.frame.seq >= facts.firstVoid
    if (isZero(bytes.subarray(at))) return
    if (facts.failed && (isVoid || !hasLater(bytes, at, walker, facts.firstVoid))) {
      walker.note(`Segment ${facts.info.segment} ends in bytes that a failed write left; nothing in them was acknowledged.`)
      return
    }
    const next = nextFrame(bytes, at + 1, walker)
    if (next === undefined || isVoid) {
      tail(walker, facts, at)
      return
    }
    walker.error('unreadable', undefined, `Segment ${facts.info.segment} has bytes at ${at} to ${next} that are no frame, although frames follow.`)
    at = next
  }
}

const walkFrame = (frame: Frame, walker: StreamWalker): void => {
  const control = frame.items.filter(({ kind }) => kind !== itemKind.record && !isLinkKind(kind))
  walker.frame(skeletonOf(frame), control)
  for (const item of frame.items) {
    if (!isLinkKind(item.kind)) continue
    const link = decodeLink(item.bytes)
    if (link === undefined) walker.error('unreadable', frame.seq, `Frame ${frame.seq} holds a link that cannot be read.`)
    else if (link.record !== undefined && !sha256(item.bytes.subarray(72)).equals(link.digest)) walker.error('edited', frame.seq, `The record of write ${link.id} does not match its digest.`)
  }
}

/** The last frame of an unclosed stream, not authentic, with nothing after it and nobody to vouch for it: a write that a crash cut. */
const isTornEnd = (frame: Frame, at: number, bytes: Buffer, walker: StreamWalker, facts: SegmentFacts): boolean => {
  const key = walker.key()
  if (!facts.isLast || walker.closed || key === undefined || isAuthentic(skeletonOf(frame), key)) return false
  if (facts.end.endsAt !== undefined && frame.seq <= facts.end.endsAt.seq) return false
  return nextFrame(bytes, at + 1, walker) === undefined
}

const tail = (walker: StreamWalker, facts: SegmentFacts, at: number): void => {
  const text = `Segment ${facts.info.segment} ends at byte ${at} in bytes that are no whole frame.`
  if (!facts.isLast || walker.closed) walker.error('unreadable', undefined, text)
  // A worker that writes now may be in the middle of a frame.
  else if (facts.end.live) walker.note(text)
  else walker.warn('torn_tail', (walker.lastSeq ?? -1) + 1, `${text} It was never acknowledged if a crash left it.`)
}

/** A later frame, found by its marker and believed by its tag (by its form where the key is not at hand). */
const nextFrame = (bytes: Buffer, from: number, walker: StreamWalker): number | undefined => {
  const key = walker.key()
  for (let at = bytes.indexOf(frameMarker, from); at !== -1; at = bytes.indexOf(frameMarker, at + 1)) {
    const parsed = parseFrame(bytes, at)
    if (parsed.state === 'frame' && (key === undefined || isAuthentic(skeletonOf(parsed.frame), key))) return at
  }
  return undefined
}

const hasLater = (bytes: Buffer, at: number, walker: StreamWalker, firstVoid: number): boolean => {
  const next = nextFrame(bytes, at + 1, walker)
  if (next === undefined) return false
  const parsed = parseFrame(bytes, next)
  return parsed.state === 'frame' && parsed.frame.seq < firstVoid
}

const zeros = Buffer.alloc(64 * 1024)

const isZero = (bytes: Buffer): boolean => {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length)
    if (zeros.compare(part, 0, part.length, 0, part.length) !== 0) return false
  }
  return true
}
