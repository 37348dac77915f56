// An answer's bytes with room for its values and the request's id: rendered once by the door with markers in their places,
// then only filled. A value never becomes a string of the engine here.

import { makeBase62 } from '../crypto/random.ts'
import { parseJson } from '../lib/json.ts'
import { jsonTextLength, writeJsonText } from '../lib/json-text.ts'

export interface Template {
  readonly parts: readonly Part[]
  readonly values: readonly ValuePlace[]
  readonly length: number
  readonly contentLength: string
}

interface Part {
  readonly bytes: Buffer
  /** What follows the bytes: a value by its number, or something else. */
  readonly slot: number | 'id' | 'date' | 'end'
}

interface ValuePlace {
  /** How the plaintext is written: as it is, or escaped. */
  readonly verbatim: boolean
  /** Of the plaintext. */
  readonly bytes: number
}

export interface ValueForm {
  /** `json`: the marker's quotes go too, and the plaintext takes the place of the whole string. `quoted`: the marker is a JSON string within a text, and its quotes go too. */
  readonly form: 'text' | 'json' | 'quoted'
  readonly plaintext: Buffer
}

export interface TemplateOptions {
  readonly values: readonly ValueForm[]
  /** Undefined: there is no answer to be made. */
  render(markers: readonly string[], requestId: string): string | undefined
}

const MARKER_BYTES = 16
/** Request ids are all of one length, so that an answer's length is known beforehand. */
const REQUEST_ID = `req_${'0'.repeat(36)}`

/** Undefined when a plan cannot make the answer: a value that would not come back byte for byte, or a marker that is there twice. */
export const compileTemplate = ({ values, render }: TemplateOptions): Template | undefined => {
  const lengths = values.map(({ form, plaintext }) => (form === 'json' ? canonicalLength(plaintext) : jsonTextLength(plaintext)))
  if (lengths.includes(undefined)) return undefined
  // Random, so that nothing that is stored in the secret's metadata can pass for one.
  const markers = values.map(() => `value_${makeBase62(MARKER_BYTES)}`)
  // Doors may show the id without its prefix, so the marker stands behind it.
  const id = makeBase62(MARKER_BYTES)
  const rendered = render(markers, `req_${id}`)
  if (rendered === undefined) return undefined
  const parts = split(rendered, [...markers.map((marker, slot) => ({ text: markOf(marker, values[slot]?.form), slot })), { text: id, slot: 'id' as const }])
  if (parts === undefined) return undefined
  let length = 0
  for (const { bytes, slot } of parts) length += bytes.length + (typeof slot === 'number' ? (lengths[slot] ?? 0) : slot === 'id' ? REQUEST_ID.length - ID_AT : 0)
  return { parts, values: values.map(({ plaintext }, at) => ({ verbatim: lengths[at] === plaintext.length, bytes: plaintext.length })), length, contentLength: String(length) }
}

const markOf = (marker: string, form: ValueForm['form'] = 'text'): string => (form === 'json' ? `"${marker}"` : form === 'quoted' ? `\\"${marker}\\"` : marker)

/** How many values the answer shows. */
export const shownValues = ({ parts }: Template): number => parts.reduce((count, { slot }) => (typeof slot === 'number' ? count + 1 : count), 0)

interface Mark {
  readonly text: string
  readonly slot: number | 'id'
}

/** Each mark is there once or not at all. */
const split = (rendered: string, marks: readonly Mark[]): readonly Part[] | undefined => {
  const found = marks.map(({ text, slot }) => ({ at: rendered.indexOf(text), text, slot })).filter(({ at }) => at !== -1).sort((a, b) => a.at - b.at)
  if (found.some(({ at, text }) => rendered.includes(text, at + 1))) return undefined
  const parts: Part[] = []
  let from = 0
  for (const { at, text, slot } of found) {
    parts.push({ bytes: Buffer.from(rendered.slice(from, at), 'utf8'), slot })
    from = at + text.length
  }
  parts.push({ bytes: Buffer.from(rendered.slice(from), 'utf8'), slot: 'end' })
  return parts
}

/** What stands before an answer's body on the wire. */
export interface AnswerHead {
  text(facts: { readonly contentType: string; readonly contentLength: string; readonly id: string; readonly date: string }): string
  /** The date of now; always of one length. */
  date(): string
}

/** The same answer with its head before it. */
export const withHead = (template: Template, head: AnswerHead, contentType: string): Template => {
  const id = makeBase62(MARKER_BYTES)
  const date = makeBase62(MARKER_BYTES)
  const text = head.text({ contentType, contentLength: template.contentLength, id: `req_${id}`, date })
  const [first = '', afterId = ''] = text.split(id)
  const [second = '', third = ''] = afterId.split(date)
  const parts: readonly Part[] = [{ bytes: Buffer.from(first, 'latin1'), slot: 'id' }, { bytes: Buffer.from(second, 'latin1'), slot: 'date' }]
  const length = first.length + second.length + third.length + REQUEST_ID.length - ID_AT + head.date().length
  const [begin, ...rest] = template.parts
  const joined = { bytes: Buffer.concat([Buffer.from(third, 'latin1'), begin?.bytes ?? Buffer.alloc(0)]), slot: begin?.slot ?? ('end' as const) }
  return { ...template, parts: [...parts, joined, ...rest], length: template.length + length }
}

const ID_AT = 4

/** Of a JSON document that is stored exactly as it would be written again, and is a map. */
const canonicalLength = (plaintext: Buffer): number | undefined => {
  try {
    const text = plaintext.toString('utf8')
    const parsed = parseJson(text, { maxDepth: 64, maxBytes: Number.MAX_SAFE_INTEGER, exactNumbers: true })
    return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed) && JSON.stringify(parsed) === text ? plaintext.length : undefined
  } catch {
    return undefined
  }
}

/** The answer; whoever sends it wipes it afterwards. The values are those of the template, in their order. */
export const fillTemplate = (template: Template, values: readonly Buffer[], { requestId, date = '' }: { readonly requestId: string; readonly date?: string }): Buffer => {
  const body = Buffer.allocUnsafe(template.length)
  let at = 0
  for (const { bytes, slot } of template.parts) {
    body.set(bytes, at)
    at += bytes.length
    if (slot === 'id') at += body.write(requestId.slice(ID_AT), at, 'latin1')
    else if (slot === 'date') at += body.write(date, at, 'latin1')
    else if (slot !== 'end') at = writeValue(template.values[slot], values[slot], body, at)
  }
  return body
}

const writeValue = (place: ValuePlace | undefined, plaintext: Buffer | undefined, body: Buffer, at: number): number => {
  // What was allocated is not zeroed: where a value does not fit its place there must be no answer at all.
  if (place === undefined || plaintext?.length !== place.bytes) throw new Error('a value is not that of the template')
  if (!place.verbatim) return writeJsonText(plaintext, body, at)
  body.set(plaintext, at)
  return at + plaintext.length
}
