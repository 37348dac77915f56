// A stream is one (node, worker slot, boot): one spool, one chain, one directory of segments. This module knows
// who a stream is, where its files are, and how the head of a segment is written (docs/formats/audit-segment.md).
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hmacSha256 } from '../../../crypto/mac.ts'
import { equalBytes } from '../../../crypto/compare.ts'
import type { HmacKey } from '../../../crypto/keys.ts'
import { tagBytes } from './frame.ts'

/** The chain key by the name that segments carry, so that a rotated key still verifies what it made. */
export interface ChainKeys {
  readonly current: { readonly id: string; readonly key: HmacKey }
  find(id: string): HmacKey | undefined
}

/** Where a stream's predecessor in the same slot ended. */
export interface Predecessor {
  readonly stream: string
  readonly seq: number
  /** Tag of its last frame, hex. */
  readonly hash: string
}

export interface StreamIdentity {
  /** UUIDv7 made when the stream opened, so that names sort by age. */
  readonly stream: string
  readonly node: string
  readonly slot: number
  readonly boot: string
  readonly openedAt: number
  readonly keyId: string
  readonly predecessor: Predecessor | null
}

export type SegmentReason = 'open' | 'full' | 'failure'

export interface SegmentHead extends StreamIdentity {
  readonly segment: number
  /** The first frame of this segment. Frames at or after it in earlier segments were never acknowledged and are void. */
  readonly firstSeq: number
  /** Tag of the frame before, hex. */
  readonly previous: string
  readonly reason: SegmentReason
}

export const segmentHeadBytes = 1024
const headMarker = Buffer.from([0x01, 0x43, 0x41, 0x53]) // format 1, "CAS"
const jsonStart = 6

export const encodeSegmentHead = (head: SegmentHead, key: HmacKey): Buffer => {
  const json = Buffer.from(JSON.stringify(head), 'utf8')
  if (json.length > segmentHeadBytes - jsonStart - tagBytes) throw new RangeError('The name of the node or of the chain key is too long for a segment head')
  const bytes = Buffer.alloc(segmentHeadBytes)
  headMarker.copy(bytes, 0)
  bytes.writeUInt16BE(json.length, 4)
  json.copy(bytes, jsonStart)
  hmacSha256(key, bytes.subarray(0, segmentHeadBytes - tagBytes)).copy(bytes, segmentHeadBytes - tagBytes)
  return bytes
}

export type ParsedHead =
  | { readonly state: 'head'; readonly head: SegmentHead; readonly bytes: Buffer }
  /** All zeros: preallocated and never used. */
  | { readonly state: 'unused' }
  | { readonly state: 'broken' }

export const parseSegmentHead = (bytes: Buffer): ParsedHead => {
  if (bytes.every((byte) => byte === 0)) return { state: 'unused' }
  if (bytes.length < segmentHeadBytes || headMarker.compare(bytes, 0, 4) !== 0) return { state: 'broken' }
  const length = bytes.readUInt16BE(4)
  if (length > segmentHeadBytes - jsonStart - tagBytes) return { state: 'broken' }
  try {
    const head: unknown = JSON.parse(bytes.toString('utf8', jsonStart, jsonStart + length))
    return isSegmentHead(head) ? { state: 'head', head, bytes: bytes.subarray(0, segmentHeadBytes) } : { state: 'broken' }
  } catch {
    return { state: 'broken' }
  }
}

export const isAuthenticHead = (bytes: Buffer, key: HmacKey): boolean =>
  equalBytes(hmacSha256(key, bytes.subarray(0, segmentHeadBytes - tagBytes)), bytes.subarray(segmentHeadBytes - tagBytes, segmentHeadBytes))

const isSegmentHead = (value: unknown): value is SegmentHead =>
  isIdentity(value) && 'segment' in value && Number.isSafeInteger(value.segment) && 'firstSeq' in value && Number.isSafeInteger(value.firstSeq) &&
  'previous' in value && isHash(value.previous) && 'reason' in value && (value.reason === 'open' || value.reason === 'full' || value.reason === 'failure')

/** True for the JSON of an `open` item as well as for the identity part of a segment head. */
export const isIdentity = (value: unknown): value is StreamIdentity =>
  typeof value === 'object' && value !== null && 'stream' in value && isUuid(value.stream) && 'node' in value && typeof value.node === 'string' &&
  'slot' in value && Number.isSafeInteger(value.slot) && 'boot' in value && isUuid(value.boot) && 'openedAt' in value && Number.isSafeInteger(value.openedAt) &&
  'keyId' in value && typeof value.keyId === 'string' && 'predecessor' in value && (value.predecessor === null || isPredecessor(value.predecessor))

const isPredecessor = (value: unknown): value is Predecessor =>
  typeof value === 'object' && value !== null && 'stream' in value && isUuid(value.stream) && 'seq' in value && Number.isSafeInteger(value.seq) &&
  'hash' in value && isHash(value.hash)

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const isUuid = (value: unknown): value is string => typeof value === 'string' && uuidPattern.test(value)

export const identityOf = (head: StreamIdentity): StreamIdentity => ({
  stream: head.stream, node: head.node, slot: head.slot, boot: head.boot, openedAt: head.openedAt, keyId: head.keyId, predecessor: head.predecessor,
})

/** A stream's directory, by its name alone; who it says it is stands in its segments. */
export interface StreamDirectory {
  readonly stream: string
  readonly slot: number
  readonly path: string
}

const directoryPattern = /^slot-(\d{1,6})-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const segmentPattern = /^(\d{8})\.segment$/

export const streamDirectory = (root: string, slot: number, stream: string): string => join(root, `slot-${slot}-${stream}`)
export const segmentPath = (directory: string, segment: number): string => join(directory, `${String(segment).padStart(8, '0')}.segment`)

/** Every stream under a spool root, oldest first. */
export const listStreams = async (root: string): Promise<readonly StreamDirectory[]> => {
  const found: StreamDirectory[] = []
  for (const name of await namesIn(root)) {
    const match = directoryPattern.exec(name)
    if (match?.[1] !== undefined && match[2] !== undefined) found.push({ slot: Number(match[1]), stream: match[2], path: join(root, name) })
  }
  return found.sort((left, right) => (left.stream < right.stream ? -1 : 1))
}

/** The numbers of a stream's segments, in order. Files still being preallocated do not count. */
export const listSegments = async (directory: string): Promise<readonly number[]> => {
  const numbers: number[] = []
  for (const name of await namesIn(directory)) {
    const match = segmentPattern.exec(name)
    if (match?.[1] !== undefined) numbers.push(Number(match[1]))
  }
  return numbers.sort((left, right) => left - right)
}

const namesIn = async (directory: string): Promise<readonly string[]> => {
  try {
    return await readdir(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
