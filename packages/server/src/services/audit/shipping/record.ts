// A record on its way to a sink that does not get it as bytes, because a write or a checkpoint is in the same frame, or a sink knows no other way: its
// text, and the columns that are searched. Records of one token's reads of one secret differ in nothing but who asked when, so what they share is
// parsed once and recognised by its text afterwards, which costs three fifths of reading it whole. A record in any other form is parsed whole; both
// ways give the same columns.
import { isAscii } from 'node:buffer'
import { decodeUtf8Strict } from '../../../lib/bytes.ts'
import { Recent } from '../../../lib/recent.ts'
import { maxTextLength, parseRecord, searchFields } from '../records.ts'

/** Columns that many records share: the same object for all of them, as long as it is remembered. */
export interface SharedColumns {
  readonly orgId: string
  readonly eventType: string
  readonly action: string
  readonly decision: string
  readonly principal: string | null
  readonly project: string | null
  readonly environment: string | null
  readonly path: string | null
}

export interface RecordColumns {
  readonly id: string
  /** UTC, ISO 8601. */
  readonly at: string
  readonly requestId: string
  readonly shared: SharedColumns
}

export interface ShippedRecord {
  readonly ordinal: number
  readonly text: string
  readonly digest: Buffer
  readonly columns: RecordColumns
}

/** Reads records; undefined for bytes that no row can be made of. */
export class RecordReader {
  readonly #shared = new Recent<string, SharedColumns>(MOST_SHARED)
  #lastTime = ''
  #lastTimeIsSound = false

  read(bytes: Buffer): { readonly text: string; readonly columns: RecordColumns } | undefined {
    const text = textOf(bytes)
    if (text === undefined) return undefined
    const columns = this.#quick(text) ?? columnsOf(text)
    return columns === undefined ? undefined : { text, columns }
  }

  /** Undefined for a record that is not written exactly as `assembleRecord` writes one without metadata. */
  #quick(text: string): RecordColumns | undefined {
    if (!BEGINNING.test(text)) return undefined
    const at = text.slice(TIME_AT, TIME_AT + TIME_LENGTH)
    // A string cannot hold an unescaped quote, so this begins the field and stands nowhere else before it.
    const door = text.indexOf(DOOR, PIECES_AT)
    if (door === -1 || !this.#isSound(at)) return undefined
    END.lastIndex = door
    const end = END.exec(text)
    if (end === null) return undefined
    const [, requestId = '', decision = ''] = end
    const key = `${decision}${text.slice(PIECES_AT, door)}`
    let shared = this.#shared.get(key)
    if (shared === undefined) {
      shared = sharedOf(text.slice(PIECES_AT, door), decision)
      if (shared === undefined) return undefined
      this.#shared.set(key, shared)
    }
    return { id: text.slice(ID_AT, ID_AT + ID_LENGTH), at, requestId, shared }
  }

  /** Many records share a millisecond. */
  #isSound(time: string): boolean {
    if (time !== this.#lastTime) {
      this.#lastTimeIsSound = isoTime(Date.parse(time)) === time
      this.#lastTime = time
    }
    return this.#lastTimeIsSound
  }
}

const MOST_SHARED = 2048
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const isUuid = new RegExp(`^${UUID}$`)
const BEGINNING = new RegExp(`^\\{"id":"${UUID}","createdAt":"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z","`)
const ID_AT = '{"id":"'.length
const ID_LENGTH = 36
const TIME_AT = ID_AT + ID_LENGTH + '","createdAt":"'.length
const TIME_LENGTH = 24
const PIECES_AT = TIME_AT + TIME_LENGTH + '",'.length
const DOOR = ',"door":"'
const PLAIN_TEXT = '[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]'
const PLAIN = `${PLAIN_TEXT}*`
const END = new RegExp(`,"door":"${PLAIN}","requestId":"(${PLAIN_TEXT}{0,${maxTextLength}})"(?:,"sourceIp":"${PLAIN}")?,"decision":"(ALLOW|DENY)","status":\\d{3}(?:,"rule":"${PLAIN}")?(?:,"errorCode":"${PLAIN}")?\\}$`, 'y')

/** What may stand between time and door; a name that belongs elsewhere would be a second one of its kind. */
const PIECE_FIELDS: ReadonlySet<string> = new Set(['tenantId', 'eventType', 'action', 'project', 'environment', 'path', 'version', 'resourceType', 'resourceId', 'actorType', 'actorId', 'principal', 'accessorHmac'])

const sharedOf = (pieces: string, decision: string): SharedColumns | undefined => {
  let names: readonly string[]
  try {
    names = Object.keys(JSON.parse(`{${pieces}}`) as object) // braces around it: an object, or no JSON
  } catch {
    return undefined
  }
  if (!names.every((name) => PIECE_FIELDS.has(name))) return undefined
  return columnsOf(`{"id":"${SOME_ID}","createdAt":"1970-01-01T00:00:00.000Z",${pieces},"door":"","requestId":"","decision":"${decision}","status":200}`)?.shared
}

const SOME_ID = '00000000-0000-7000-8000-000000000000'

const columnsOf = (text: string): RecordColumns | undefined => {
  const event = parseRecord(text)
  if (event === undefined || typeof event.id !== 'string' || typeof event.orgId !== 'string' || !isUuid.test(event.id.toLowerCase()) || !isUuid.test(event.orgId.toLowerCase())) return undefined
  const at = isoTime(event.at)
  if (at === undefined || !OPTIONAL_TEXTS.every((name) => event[name] === undefined || typeof event[name] === 'string')) return undefined
  const fields = searchFields(event)
  const shared = { orgId: event.orgId, eventType: fields['eventType'] ?? '', action: fields['action'] ?? '', decision: event.decision.replaceAll('\u0000', '\ufffd'), principal: fields['principal'] ?? null, project: fields['project'] ?? null, environment: fields['environment'] ?? null, path: fields['path'] ?? null }
  return { id: event.id, at, requestId: fields['requestId'] ?? '', shared }
}

const OPTIONAL_TEXTS = ['principal', 'project', 'environment', 'path'] as const

/** Of a moment that the database can hold and ISO 8601 writes with four digits of year. */
const isoTime = (at: number): string | undefined => (at >= 0 && at < 253_402_300_800_000 ? new Date(at).toISOString() : undefined)

/** A row that the database must refuse would hold back everything behind it. */
const textOf = (bytes: Buffer): string | undefined => {
  const text = isAscii(bytes) ? bytes.toString('latin1') : utf8Of(bytes)
  return text === undefined || text.includes('\u0000') || text.includes('\n') ? undefined : text
}

const utf8Of = (bytes: Buffer): string | undefined => {
  try {
    return decodeUtf8Strict(bytes)
  } catch {
    return undefined
  }
}
