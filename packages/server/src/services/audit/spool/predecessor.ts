// Where the slot's last stream ended: a new stream names that frame's tag, so that a stream which disappears as a
// whole, or loses its end, contradicts its successor. Here the chain key decides what the end is: a torn tail was
// never acknowledged.
import { isAuthentic, skeletonOf } from './frame.ts'
import { framesInSegment, readHeads, type SegmentInfo } from './reader.ts'
import { isAuthenticHead, listStreams, segmentHeadBytes, type ChainKeys, type Predecessor } from './stream.ts'

export const findPredecessor = async (root: string, slot: number, keys: ChainKeys): Promise<Predecessor | null> => {
  const ended: Predecessor[] = []
  const named = new Set<string>()
  for (const directory of await listStreams(root)) {
    if (directory.slot !== slot) continue
    const segments = await readHeads(directory.path)
    const end = await endOf(segments, keys)
    // A stream whose first frame never became durable has not begun, and so has followed nobody.
    if (end === undefined) continue
    ended.push({ stream: directory.stream, ...end })
    for (const { head } of segments) if (head.state === 'head' && head.head.predecessor !== null) named.add(head.head.predecessor.stream)
  }
  // Not simply the youngest name: after a clock step back the youngest is not the last.
  return ended.findLast((candidate) => !named.has(candidate.stream)) ?? null
}

const endOf = async (segments: readonly SegmentInfo[], keys: ChainKeys): Promise<Omit<Predecessor, 'stream'> | undefined> => {
  for (const info of segments.toReversed()) {
    if (info.head.state !== 'head') continue
    const { head, bytes } = info.head
    const key = keys.find(head.keyId)
    if (key !== undefined && !isAuthenticHead(bytes, key)) continue
    let seq = head.firstSeq - 1
    let hash: Buffer = Buffer.from(head.previous, 'hex')
    for await (const { frame } of framesInSegment(info, segmentHeadBytes, Number.POSITIVE_INFINITY)) {
      if (frame.seq !== seq + 1 || !frame.previous.equals(hash)) break
      if (key !== undefined && !isAuthentic(skeletonOf(frame), key)) break
      seq = frame.seq
      hash = Buffer.from(frame.tag)
    }
    if (seq >= 0) return { seq, hash: hash.toString('hex') }
  }
  return undefined
}
