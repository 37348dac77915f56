// An answer's bytes with room for the value and the request's id: rendered once by the door with markers in their places,
// then only filled. The value never becomes a string of the engine here.

import { makeBase62 } from '../crypto/random.ts'
import { parseJson } from '../lib/json.ts'
import { jsonTextLength, writeJsonText } from '../lib/json-text.ts'

export interface Template {
  readonly parts: readonly Part[]
  /** How the plaintext is written: as it is, or escaped. */
  readonly verbatim: boolean
  readonly length: number
  readonly contentLength: string
}

interface Part {
  readonly bytes: Buffer
  /** What follows the bytes. */
  readonly slot: 'value' | 'id' | 'date' | 'end'
}

export interface TemplateOptions {
  /** `json`: the marker's quotes go too, and the plaintext takes the place of the whole string. */
  readonly form: 'text' | 'json'
  readonly plaintext: Buffer
  /** Undefined: there is no answer to be made. */
  render(value: string, requestId: string): string | undefined
}

const MARKER_BYTES = 16
/** Request ids are all of one length, so that an answer's length is known beforehand. */
const REQUEST_ID = `req_${'0'.repeat(36)}`

/** Undefined when a plan cannot make the answer: a value that would not come back byte for byte, or markers not found. */
export const compileTemplate = ({ form, plaintext, render }: TemplateOptions): Template | undefined => {
  const valueLength = form === 'json' ? canonicalLength(plaintext) : jsonTextLength(plaintext)
  if (valueLength === undefined) return undefined
  // Random, so that nothing that is stored in the secret's metadata can pass for one.
  const value = `value_${makeBase62(MARKER_BYTES)}`
  // Doors may show the id without its prefix, so the marker stands behind it.
  const id = makeBase62(MARKER_BYTES)
  const rendered = render(value, `req_${id}`)
  if (rendered === undefined) return undefined
  const parts = split(rendered, form === 'json' ? `"${value}"` : value, id)
  if (parts === undefined) return undefined
  let length = 0
  for (const part of parts) length += part.bytes.length + (part.slot === 'value' ? valueLength : part.slot === 'id' ? REQUEST_ID.length - ID_AT : 0)
  return { parts, verbatim: valueLength === plaintext.length, length, contentLength: String(length) }
}

/** The value must be there once; the id may be. */
const split = (rendered: string, value: string, id: string): readonly Part[] | undefined => {
  const valueAt = rendered.indexOf(value)
  const idAt = rendered.indexOf(id)
  if (valueAt === -1 || rendered.includes(value, valueAt + 1) || (idAt !== -1 && rendered.includes(id, idAt + 1))) return undefined
  const marks = [{ at: valueAt, length: value.length, slot: 'value' as const }, ...(idAt === -1 ? [] : [{ at: idAt, length: id.length, slot: 'id' as const }])].sort((a, b) => a.at - b.at)
  const parts: Part[] = []
  let from = 0
  for (const { at, length, slot } of marks) {
    parts.push({ bytes: Buffer.from(rendered.slice(from, at), 'utf8'), slot })
    from = at + length
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

/** The answer; whoever sends it wipes it afterwards. */
export const fillTemplate = (template: Template, plaintext: Buffer, { requestId, date = '' }: { readonly requestId: string; readonly date?: string }): Buffer => {
  const body = Buffer.allocUnsafe(template.length)
  let at = 0
  for (const { bytes, slot } of template.parts) {
    body.set(bytes, at)
    at += bytes.length
    if (slot === 'id') at += body.write(requestId.slice(ID_AT), at, 'latin1')
    else if (slot === 'date') at += body.write(date, at, 'latin1')
    else if (slot === 'value') at = writeValue(template, plaintext, body, at)
  }
  return body
}

const writeValue = ({ verbatim }: Template, plaintext: Buffer, body: Buffer, at: number): number => {
  if (!verbatim) return writeJsonText(plaintext, body, at)
  body.set(plaintext, at)
  return at + plaintext.length
}
