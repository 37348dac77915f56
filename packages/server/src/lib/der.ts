/**
 * Reads DER (ITU-T X.690) as far as certificates and revocation lists need it: elements with one-byte tags and definite lengths.
 * Hostile bytes throw `NotDer` and nothing else.
 */
export class NotDer extends Error {
  readonly code = 'not_der'
}

export interface DerElement {
  readonly tag: number
  /** Without tag and length. */
  readonly content: Buffer
}

const LONGEST_LENGTH = 4

export const DER = Object.freeze({ INTEGER: 0x02, OCTET_STRING: 0x04, OID: 0x06, UTC_TIME: 0x17, GENERALIZED_TIME: 0x18, SEQUENCE: 0x30 })
/** Types whose content is text: UTF8String, NumericString, PrintableString, T61String, IA5String. */
const TEXTS: ReadonlySet<number> = new Set([0x0c, 0x12, 0x13, 0x14, 0x16])

/** The elements that lie one after the other. @throws NotDer */
export function* derElements(bytes: Buffer): Generator<DerElement> {
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0
    const first = bytes[at + 1]
    if (first === undefined || (tag & 0x1f) === 0x1f) throw new NotDer('an element is cut off')
    const size = first & 0x7f
    if (first === 0x80 || (first > 0x80 && (size > LONGEST_LENGTH || at + 2 + size > bytes.length))) throw new NotDer('a length cannot be read')
    const start = first < 0x80 ? at + 2 : at + 2 + size
    const end = start + (first < 0x80 ? first : bytes.readUIntBE(at + 2, size))
    if (end > bytes.length) throw new NotDer('an element is cut off')
    yield { tag, content: bytes.subarray(start, end) }
    at = end
  }
}

/** The elements inside one of this tag. @throws NotDer */
export const derInside = (element: DerElement | undefined, tag: number = DER.SEQUENCE): readonly DerElement[] => {
  if (element?.tag !== tag) throw new NotDer('an element of another type is wanted')
  return [...derElements(element.content)]
}

/** Dotted. @throws NotDer */
export const derOid = (element: DerElement | undefined): string => {
  if (element?.tag !== DER.OID || element.content.length === 0) throw new NotDer('an object identifier is wanted')
  const arcs: number[] = []
  let arc = 0
  for (const byte of element.content) {
    arc = arc * 128 + (byte & 0x7f)
    if (!Number.isSafeInteger(arc)) throw new NotDer('an object identifier is too long')
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0
    }
  }
  const [head = 0, ...rest] = arcs
  const first = Math.min(2, Math.floor(head / 40))
  return [first, head - 40 * first, ...rest].join('.')
}

/** Decimal, without a sign for the positive. @throws NotDer */
export const derInteger = (element: DerElement | undefined): string => {
  if (element?.tag !== DER.INTEGER || element.content.length === 0 || element.content.length > 64) throw new NotDer('a whole number is wanted')
  return BigInt.asIntN(8 * element.content.length, BigInt(`0x${element.content.toString('hex')}`)).toString()
}

/** The text of an element; empty for one that is none. */
export const derText = (element: DerElement | undefined): string => (element !== undefined && TEXTS.has(element.tag) ? element.content.toString('utf8') : '')

/** Milliseconds since the epoch (RFC 5280, 4.1.2.5). @throws NotDer */
export const derTime = (element: DerElement): number => {
  const text = element.content.toString('latin1')
  const match = element.tag === DER.UTC_TIME ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) : element.tag === DER.GENERALIZED_TIME ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) : null
  if (match === null) throw new NotDer('a time is wanted')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return Date.UTC(element.tag === DER.UTC_TIME ? (year < 50 ? 2000 + year : 1900 + year) : year, month - 1, day, hour, minute, second)
}
