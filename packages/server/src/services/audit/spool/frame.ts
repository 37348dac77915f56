// One frame of an audit stream: the records that shared one fdatasync, chained to the frame before by its tag.
// The layout is frozen in docs/formats/audit-frame.md. The tag covers every item through its SHA-256 (the item's
// "unit"), so that the chain of one stream can be verified without reading any organization's records, and stays
// verifiable after an organization was shredded. Parsing never needs the chain key; believing a frame does.
import { equalBytes } from '../../../crypto/compare.ts'
import { sha256, writeSha256 } from '../../../crypto/digest.ts'
import type { HmacKey } from '../../../crypto/keys.ts'
import { hmacSha256 } from '../../../crypto/mac.ts'
import { linkBytes } from './link.ts'

export const frameMarker: Buffer = Buffer.from([0x01, 0x43, 0x41, 0x46]) // format 1, "CAF"
/** What the tag covers verbatim: marker, seq, time, previous tag, number of items. */
export const framePrefixBytes = 56
export const frameHeaderBytes = 60
export const tagBytes = 32
export const itemHeaderBytes = 5
export const unitBytes = 33
export const noTag: Buffer = Buffer.alloc(tagBytes)

/** Kinds of item. A number, once used, keeps its meaning for ever. */
export const itemKind = Object.freeze({ record: 1, link: 2, adopted: 3, checkpoint: 4, open: 5, resumed: 6, close: 7 })
export type ItemKind = (typeof itemKind)[keyof typeof itemKind]

export interface FrameItem {
  readonly kind: number
  readonly bytes: Buffer
}

export interface Frame {
  readonly seq: number
  readonly at: number
  readonly previous: Buffer
  readonly items: readonly FrameItem[]
  readonly tag: Buffer
  /** Length of the whole frame on disk. */
  readonly bytes: number
}

/** Gathers the items of the next frame in one reusable buffer; nothing is allocated per record but its digest. */
export class FrameBuilder {
  #buffer: Buffer
  #units: Buffer
  #end = frameHeaderBytes
  #items = 0
  #isPlain = true

  constructor(capacity = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(capacity)
    this.#units = Buffer.allocUnsafe(unitBytes * 256)
  }

  get items(): number {
    return this.#items
  }

  /** Bytes the frame would have if sealed now. */
  get bytes(): number {
    return this.#end + tagBytes
  }

  /** Holds nothing but records. */
  get isPlain(): boolean {
    return this.#isPlain
  }

  /** The units of what was added; valid until `reset`. */
  get units(): Buffer {
    return this.#units.subarray(0, this.#items * unitBytes)
  }

  /** `tail` follows the item in the frame and is covered by what the item says of it (a link's digest), not by the unit. */
  add(kind: ItemKind, item: Uint8Array | string, tail = ''): void {
    // A UTF-16 unit becomes at most three bytes of UTF-8.
    this.#reserve(itemHeaderBytes + (typeof item === 'string' ? item.length * 3 : item.length) + tail.length * 3 + tagBytes)
    const start = this.#end + itemHeaderBytes
    let length: number
    if (typeof item === 'string') length = this.#buffer.write(item, start, 'utf8')
    else {
      this.#buffer.set(item, start)
      length = item.length
    }
    const at = this.#items * unitBytes
    if (at + unitBytes > this.#units.length) this.#units = Buffer.concat([this.#units], this.#units.length * 2)
    this.#units[at] = kind
    writeSha256(this.#buffer.subarray(start, start + length), this.#units, at + 1)
    if (tail !== '') length += this.#buffer.write(tail, start + length, 'utf8')
    this.#buffer[this.#end] = kind
    this.#buffer.writeUInt32BE(length, this.#end + 1)
    this.#end = start + length
    this.#items += 1
    if (kind !== itemKind.record) this.#isPlain = false
  }

  /** Completes the frame. The bytes are valid until `reset`. */
  seal(head: { readonly seq: number; readonly at: number; readonly previous: Uint8Array }, key: HmacKey): { readonly bytes: Buffer; readonly tag: Buffer } {
    const length = this.#end + tagBytes
    writePrefix(this.#buffer, head.seq, head.at, head.previous, this.#items)
    this.#buffer.writeUInt32BE(length, framePrefixBytes)
    const tag = hmacSha256(key, this.#buffer.subarray(0, framePrefixBytes), this.units)
    tag.copy(this.#buffer, this.#end)
    return { bytes: this.#buffer.subarray(0, length), tag }
  }

  reset(): void {
    this.#end = frameHeaderBytes
    this.#items = 0
    this.#isPlain = true
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
  }
}

const writePrefix = (into: Buffer, seq: number, at: number, previous: Uint8Array, items: number): void => {
  frameMarker.copy(into, 0)
  into.writeBigUInt64BE(BigInt(seq), 4)
  into.writeBigUInt64BE(BigInt(at), 12)
  into.set(previous, 20)
  into.writeUInt32BE(items, 52)
}

/** What the chain knows of a frame without its items: enough to check its tag. Kept in `audit_frames`. */
export interface FrameSkeleton {
  readonly seq: number
  readonly at: number
  readonly previous: Buffer
  readonly units: Buffer
  readonly tag: Buffer
}

export const skeletonOf = (frame: Frame): FrameSkeleton => ({ seq: frame.seq, at: frame.at, previous: frame.previous, units: Buffer.concat(frame.items.map(unitOf)), tag: frame.tag })

/** The 33 bytes by which the tag covers one item. What follows a link's own bytes is covered by the digest in the link. */
export const unitOf = (item: FrameItem): Buffer =>
  Buffer.concat([Buffer.of(item.kind), sha256(isLinkKind(item.kind) ? item.bytes.subarray(0, linkBytes) : item.bytes)])

export const isLinkKind = (kind: number): boolean => kind === itemKind.link || kind === itemKind.adopted

/** Whether the tag is the chain key's over exactly this content, in constant time. */
export const isAuthentic = (frame: FrameSkeleton, key: HmacKey): boolean => {
  if (frame.units.length % unitBytes !== 0 || frame.previous.length !== tagBytes) return false
  const prefix = Buffer.alloc(framePrefixBytes)
  writePrefix(prefix, frame.seq, frame.at, frame.previous, frame.units.length / unitBytes)
  return equalBytes(hmacSha256(key, prefix, frame.units), frame.tag)
}

export type ParsedFrame =
  | { readonly state: 'frame'; readonly frame: Frame }
  /** The frame is longer than what is there; `bytes` is its length. */
  | { readonly state: 'short'; readonly bytes: number }
  /** Preallocated space: no frame was ever begun here. */
  | { readonly state: 'end' }
  | { readonly state: 'broken' }

/** Reads the frame that starts at `offset`. Items are views into `buffer`. */
export const parseFrame = (buffer: Buffer, offset = 0): ParsedFrame => {
  const left = buffer.length - offset
  if (left === 0 || buffer[offset] === 0) return { state: 'end' }
  if (left < frameHeaderBytes) return { state: 'short', bytes: frameHeaderBytes }
  if (frameMarker.compare(buffer, offset, offset + 4) !== 0) return { state: 'broken' }
  const bytes = buffer.readUInt32BE(offset + framePrefixBytes)
  const seq = Number(buffer.readBigUInt64BE(offset + 4))
  const at = Number(buffer.readBigUInt64BE(offset + 12))
  if (bytes < frameHeaderBytes + tagBytes || !Number.isSafeInteger(seq) || !Number.isSafeInteger(at)) return { state: 'broken' }
  if (left < bytes) return { state: 'short', bytes }
  const end = offset + bytes - tagBytes
  const items = parseItems(buffer, offset + frameHeaderBytes, end)
  if (items === undefined || items.length !== buffer.readUInt32BE(offset + 52)) return { state: 'broken' }
  const previous = buffer.subarray(offset + 20, offset + 52)
  // Preallocated zeros where the tag should be: the frame was cut off while it was written.
  if (noTag.compare(buffer, end, end + tagBytes) === 0) return { state: 'broken' }
  return { state: 'frame', frame: { seq, at, previous, items, tag: buffer.subarray(end, offset + bytes), bytes } }
}

const parseItems = (buffer: Buffer, from: number, end: number): readonly FrameItem[] | undefined => {
  const items: FrameItem[] = []
  for (let at = from; at < end; ) {
    if (end - at < itemHeaderBytes) return undefined
    const kind = buffer.readUInt8(at)
    const next = at + itemHeaderBytes + buffer.readUInt32BE(at + 1)
    if (next > end || kind === 0) return undefined
    items.push({ kind, bytes: buffer.subarray(at + itemHeaderBytes, next) })
    at = next
  }
  return items
}

/** Control items (everything but records and links) in the frame's own encoding, for `audit_frames.control`. */
export const encodeItems = (items: readonly FrameItem[]): Buffer =>
  Buffer.concat(items.flatMap((item) => {
    const header = Buffer.alloc(itemHeaderBytes)
    header[0] = item.kind
    header.writeUInt32BE(item.bytes.length, 1)
    return [header, item.bytes]
  }))

export const decodeItems = (encoded: Buffer): readonly FrameItem[] | undefined => parseItems(encoded, 0, encoded.length)
