// Looking for a text in bytes as it would stand there plainly, in base64 (whatever stands before it), in hex, or escaped.

import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Needle {
  readonly form: string
  readonly bytes: Buffer
}

/** The characters of a base64 text that are the same whatever stands before and behind the bytes. */
const base64At = (text: Buffer, offset: number): string => {
  const encoded = Buffer.concat([Buffer.alloc(offset), text]).toString('base64').replace(/=+$/, '')
  const first = [0, 2, 3][offset] ?? 0
  const whole = Math.floor(((offset + text.length) * 8) / 6)
  return encoded.slice(first, whole)
}

const percent = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

/** All forms of a text of letters and digits; JSON and URL escaping leave those as they are, so only a full escape is one more. */
export const needlesOf = (text: string): readonly Needle[] => {
  const bytes = Buffer.from(text)
  const forms: [string, string][] = [['plain', text], ['hex', bytes.toString('hex')], ['HEX', bytes.toString('hex').toUpperCase()], ['percent', percent(text)], ['PERCENT', percent(text).toUpperCase()]]
  for (const offset of [0, 1, 2]) {
    const standard = base64At(bytes, offset)
    forms.push([`base64 at ${offset}`, standard])
    const url = standard.replaceAll('+', '-').replaceAll('/', '_')
    if (url !== standard) forms.push([`base64url at ${offset}`, url])
  }
  return [...forms.map(([form, encoded]) => ({ form, bytes: Buffer.from(encoded) })), { form: 'utf-16', bytes: Buffer.from(text, 'utf16le') }]
}

/** Where one of the needles stands, in words; never the text around it. */
export const findIn = (haystack: Buffer, needles: readonly Needle[]): readonly string[] =>
  needles.flatMap(({ form, bytes }) => {
    const at = haystack.indexOf(bytes)
    return at === -1 ? [] : [`${form} at byte ${at}: ...${haystack.subarray(Math.max(0, at - 60), at).toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')}[here]`]
  })

/** Every regular file below a directory. */
export const filesBelow = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)).filter((path) => statSync(path).isFile())

export const findInFiles = (paths: readonly string[], needles: readonly Needle[]): readonly string[] =>
  paths.flatMap((path) => findIn(readFileSync(path), needles).map((found) => `${path}: ${found}`))
