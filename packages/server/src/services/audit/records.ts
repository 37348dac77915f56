// The bytes of an audit record: one JSON object, keys in one fixed order, so that the same event always has the same
// digest. Names are those of the product's contract (tenantId, createdAt; docs/formats/audit-record.md). A record has no
// field for a value; identifiers that would give access are written as a keyed HMAC. A warm read builds its record from
// pieces that were escaped once per token and once per secret version.
import { sha256 } from '../../crypto/digest.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import type { AuditEvent } from '../../kernel/audit.ts'
import type { WrittenRecord } from '../../kernel/audited-write.ts'
import { formatIsoTime } from '../../lib/iso-time.ts'

/** Longer text is cut: an audit record is bounded whatever a client sends. */
export const maxTextLength: number = 2048
const maxMetadataKeys = 64

/** The record's text. Equal events give equal text. */
export const recordOf = (event: AuditEvent): string => assembleRecord(actorPiece(event), targetPiece(event), event)

/** The texts of events that one call leaves: who acts is the same in all of them, and written once. */
export const recordsOf = (events: readonly AuditEvent[]): readonly string[] => {
  const [first] = events
  if (first === undefined) return []
  const actor = actorPiece(first)
  return events.map((event) => assembleRecord(isSameActor(event, first) ? actor : actorPiece(event), targetPiece(event), event))
}

const isSameActor = (one: AuditEvent, other: AuditEvent): boolean =>
  one.actorType === other.actorType && one.actorId === other.actorId && one.principal === other.principal && one.accessorHmac === other.accessorHmac && one.holder === other.holder

/** Who acts: constant for a token. */
export const actorPiece = (actor: Pick<AuditEvent, 'actorType' | 'actorId' | 'principal' | 'accessorHmac' | 'holder'>): string =>
  `"actorType":${quoted(actor.actorType)}${field('actorId', actor.actorId)}${field('principal', actor.principal)}${field('accessorHmac', actor.accessorHmac)}${objectField('holder', actor.holder)}`

type TargetFields = 'orgId' | 'eventType' | 'action' | 'project' | 'environment' | 'path' | 'version' | 'resourceType' | 'resourceId' | 'request'

/** What is done to which thing: constant for a secret's version. */
export const targetPiece = (target: Pick<AuditEvent, TargetFields>): string =>
  `"tenantId":${quoted(target.orgId)},"eventType":${quoted(target.eventType)},"action":${quoted(target.action)}` +
  `${field('project', target.project)}${field('environment', target.environment)}${field('path', target.path)}${numberField('version', target.version)}` +
  `${field('resourceType', target.resourceType)}${field('resourceId', target.resourceId)}${objectField('request', target.request)}`

/** The parts of an event that differ with every request. */
export type RequestPart = Pick<AuditEvent, 'id' | 'at' | 'door' | 'requestId' | 'sourceIp' | 'decision' | 'status' | 'rule' | 'errorCode' | 'metadata'>

/** The fast path: two cached pieces and what the request brings. */
export const assembleRecord = (actor: string, target: string, request: RequestPart): string =>
  `{"id":"${request.id}","createdAt":"${timestamp(request.at)}",${target}${ending(actor, request)}`

/**
 * The same of many targets, where all else but the ids is the same: as UTF-8, like the targets, because a text of so many pieces is put together
 * twice, once as a text and once as bytes.
 */
export const assembleRecords = (actor: string, targets: readonly Uint8Array[], request: Omit<RequestPart, 'id'>, makeId: () => string): readonly Uint8Array[] => {
  const created = `","createdAt":"${timestamp(request.at)}",`
  const end = Buffer.from(ending(actor, request), 'utf8')
  const all = Buffer.allocUnsafe(targets.reduce((bytes, target) => bytes + target.length, targets.length * (ID_AT.length + ID_LENGTH + created.length + end.length)))
  let at = 0
  return targets.map((target) => {
    const from = at
    at += all.write(`${ID_AT}${makeId()}${created}`, at, 'latin1')
    all.set(target, at)
    at += target.length
    all.set(end, at)
    at += end.length
    return all.subarray(from, at)
  })
}

const ID_AT = '{"id":"'
/** Of a UUID. */
const ID_LENGTH = 36

const ending = (actor: string, request: Omit<RequestPart, 'id' | 'at'>): string =>
  `,${actor},"door":"${request.door}","requestId":${quoted(request.requestId)}` +
  `${field('sourceIp', request.sourceIp)},"decision":"${request.decision}","status":${request.status}${field('rule', request.rule)}` +
  `${field('errorCode', request.errorCode)}${metadataField(request.metadata)}}`

/** A write's record in the form in which it joins the write's own transaction. */
export const writtenRecordOf = (event: AuditEvent): WrittenRecord => {
  const record = recordOf(event)
  return { id: event.id, at: event.at, record, digest: sha256(record), fields: searchFields(event) }
}

/** The columns that are searched; cut like the record's own text, so that both always agree. */
export const searchFields = (event: AuditEvent): Readonly<Record<string, string | null>> => ({
  eventType: column(event.eventType), action: column(event.action), decision: event.decision, principal: columnOrNull(event.principal),
  project: columnOrNull(event.project), environment: columnOrNull(event.environment), path: columnOrNull(event.path), requestId: column(event.requestId),
})

/**
 * Stands for an identifier that gives access when known (a token, an accessor, a lease id): equal inputs of one
 * organization compare equal, and nobody without its audit key can test a guess.
 */
export const hmacIdentifier = (key: HmacKey, text: string): string => `hmac-sha256:${hmacSha256(key, text).toString('hex')}`

/** The event that a record's text describes, or undefined when it is not one. */
export const parseRecord = (text: string): AuditEvent | undefined => {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined
  const { tenantId, createdAt, ...rest } = raw as Record<string, unknown> // an object, as just checked; its fields follow
  const at = typeof createdAt === 'string' ? Date.parse(createdAt) : Number.NaN
  const required = [tenantId, rest['id'], rest['eventType'], rest['action'], rest['actorType'], rest['requestId'], rest['door'], rest['decision']]
  if (Number.isNaN(at) || typeof rest['status'] !== 'number' || !required.every((value) => typeof value === 'string')) return undefined
  return { ...rest, orgId: tenantId, at } as unknown as AuditEvent // its required fields were just checked; the others are only shown
}

const field = (name: string, value: string | undefined): string => (value === undefined ? '' : `,"${name}":${quoted(value)}`)
/** Of our own making and bounded there; what holds no text of a client's is not cut again. */
const objectField = (name: string, value: object | undefined): string => (value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`)
const numberField = (name: string, value: number | undefined): string => (value === undefined ? '' : `,"${name}":${value}`)

const metadataField = (metadata: AuditEvent['metadata']): string => {
  if (metadata === undefined) return ''
  const entries = Object.entries(metadata).slice(0, maxMetadataKeys)
  return `,"metadata":{${entries.map(([name, value]) => `${quoted(name)}:${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`).join(',')}}`
}

// Most text needs no escape, and testing for that is several times cheaper than JSON.stringify.
const plain = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/

const quoted = (text: string): string => (text.length <= maxTextLength && plain.test(text) ? `"${text}"` : JSON.stringify(bounded(text)))

/** Half a surrogate pair, from the client or from the cut, becomes U+FFFD: the text must survive UTF-8. */
const bounded = (text: string): string =>
  (text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`).toWellFormed()

/** PostgreSQL's text cannot hold NUL; the record keeps it, escaped. */
const column = (text: string): string => bounded(text).replaceAll('\u0000', '\ufffd')
const columnOrNull = (text: string | undefined): string | null => (text === undefined ? null : column(text))

let lastAt = Number.NaN
let lastText = ''

/** Many records share a millisecond. */
const timestamp = (at: number): string => {
  if (at !== lastAt) {
    lastText = formatIsoTime(at)
    lastAt = at
  }
  return lastText
}
