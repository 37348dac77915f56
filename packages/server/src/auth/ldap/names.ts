// Names as they go into filters (RFC 4515) and distinguished names (RFC 4514), and out of them again. Pure.

const FILTER_SPECIAL = /[\\*()\0]/g

/** A value of an assertion: what would mean something in a filter stands as its code. */
export const escapeFilter = (text: string): string => text.replace(FILTER_SPECIAL, (each) => `\\${each.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** A value of a name: RFC 4514, 2.4; the equals sign too, which some directories want. */
export const escapeName = (text: string): string =>
  text
    .replace(/["+,;<=>\\]/g, '\\$&')
    .replaceAll('\0', '\\00')
    .replace(/^[ #]/, '\\$&')
    .replace(/(?<=.) $/, '\\ ')

const TEMPLATE = /\{\{\s*\.(\w+)\s*\}\}/g

/** What a template names; undefined for one that has more in it than names. */
export const templateNames = (template: string): readonly string[] | undefined => {
  const rest = template.replace(TEMPLATE, '')
  return rest.includes('{{') || rest.includes('}}') ? undefined : [...template.matchAll(TEMPLATE)].map((match) => match[1] ?? '')
}

/** @param values escaped already */
export const render = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(TEMPLATE, (_all, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? '') : ''))

export interface NamePart {
  readonly type: string
  readonly value: string
}

const HEX_PAIR = /^[0-9A-Fa-f]{2}/

/** One value up to where the next part begins. Undefined when it is malformed. */
const readValue = (text: string, start: number): { readonly value: string; readonly end: number } | undefined => {
  const bytes: Buffer[] = []
  let kept = 0
  let length = 0
  let at = start
  while (text[at] === ' ') at += 1
  for (; at < text.length && !',+;'.includes(text[at] ?? ''); at += 1) {
    const escaped = text[at] === '\\'
    if (escaped) {
      at += 1
      const pair = HEX_PAIR.exec(text.slice(at, at + 2))?.[0]
      if (at >= text.length) return undefined
      bytes.push(pair === undefined ? Buffer.from(String.fromCodePoint(text.codePointAt(at) ?? 0)) : Buffer.from(pair, 'hex'))
      if (pair !== undefined) at += 1
    } else bytes.push(Buffer.from(String.fromCodePoint(text.codePointAt(at) ?? 0)))
    if ((text.codePointAt(at) ?? 0) > 0xffff) at += 1
    length = bytes.length
    // Spaces at the end belong to the value only when they are escaped.
    if (escaped || text[at] !== ' ') kept = length
  }
  return { value: Buffer.concat(bytes.slice(0, kept)).toString('utf8'), end: at }
}

/** The parts of a distinguished name, from the left; undefined for what is none. */
export const parseName = (text: string): readonly NamePart[] | undefined => {
  const parts: NamePart[] = []
  for (let at = 0; at < text.length; at += 1) {
    const type = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)\s*=/.exec(text.slice(at))
    if (type === null) return undefined
    const read = readValue(text, at + type[0].length)
    if (read === undefined) return undefined
    parts.push({ type: type[1] ?? '', value: read.value })
    at = read.end
    if (at === text.length - 1) return undefined // a separator with nothing behind it
  }
  return parts.length === 0 ? undefined : parts
}

/** The first value of the type. */
export const partOf = (parts: readonly NamePart[] | undefined, type: string): string | undefined => parts?.find((each) => each.type.toLowerCase() === type.toLowerCase())?.value

/** A security identifier in its text form (MS-DTYP, 2.4.2); undefined for what is none. */
export const formatSid = (bytes: Buffer): string | undefined => {
  const count = bytes[1] ?? 0
  if (bytes.length < 8 || bytes.length !== 8 + 4 * count) return undefined
  const parts = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(8 + 4 * index))
  return ['S', bytes[0], bytes.readUIntBE(2, 6), ...parts].join('-')
}

/**
 * What two spellings have in common that a directory takes for the same name: width and form, case, and how many spaces
 * (RFC 4518). Failures are counted under it, so that spelling a name anew gives no new guesses.
 */
export const comparable = (name: string): string => name.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/[\p{Cf}\u034f\ufe00-\ufe0f]/gu, '').replace(/\s+/g, ' ').trim()
