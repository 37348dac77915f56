// A link chains an audit event that lies elsewhere: a write's record commits in the write's own transaction, and
// its digest joins the stream. 72 bytes (and perhaps the record's text), frozen in docs/formats/audit-frame.md.
import { formatUuid, parseUuid } from '../../../lib/uuid.ts'

export interface EventLink {
  readonly orgId: string
  readonly at: number
  readonly id: string
  /** SHA-256 of the record's bytes. */
  readonly digest: Uint8Array
  /** The record's text, where it is at hand, for sinks other than the database, which has it already. Covered by `digest`. */
  readonly record?: string
}

export const linkBytes = 72

export const encodeLink = (link: EventLink): Buffer => {
  const org = parseUuid(link.orgId)
  const id = parseUuid(link.id)
  if (org === undefined || id === undefined || link.digest.length !== 32) throw new RangeError('A link needs two UUIDs and a SHA-256')
  const bytes = Buffer.allocUnsafe(linkBytes)
  org.copy(bytes, 0)
  bytes.writeBigUInt64BE(BigInt(link.at), 16)
  id.copy(bytes, 24)
  bytes.set(link.digest, 40)
  return bytes
}

/** Undefined when the bytes are not a link. */
export const decodeLink = (bytes: Buffer): EventLink | undefined => {
  if (bytes.length < linkBytes) return undefined
  const at = Number(bytes.readBigUInt64BE(16))
  if (!Number.isSafeInteger(at)) return undefined
  const link = { orgId: formatUuid(bytes.subarray(0, 16)), at, id: formatUuid(bytes.subarray(24, 40)), digest: bytes.subarray(40, linkBytes) }
  return bytes.length === linkBytes ? link : { ...link, record: bytes.toString('utf8', linkBytes) }
}
