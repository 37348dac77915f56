// What stands before an answer's body: the bytes that Node writes (front.test.ts compares them).

import { STATUS_CODES } from '../../lib/node/http.ts'
import { systemClock } from '../../lib/clock.ts'

export interface HeadFacts {
  readonly status: number
  /** Names and values, one after the other. */
  readonly headers: readonly string[]
  /** Undefined: there is no body, and none to be expected. */
  readonly contentLength: string | undefined
  readonly date: string
}

export const headText = ({ status, headers, contentLength, date }: HeadFacts, keepAliveSeconds: number): string => {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  if (contentLength !== undefined) text += `content-length: ${contentLength}\r\n`
  return `${text}Date: ${date}${keptEnd(keepAliveSeconds)}`
}

const keptEnd = (keepAliveSeconds: number): string => `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`

const LAST_END = Buffer.from('\r\nConnection: close\r\n\r\n', 'latin1')

/** The same answer as the last of its connection, in memory of its own. */
export const asLast = (answer: Buffer, keepAliveSeconds: number): Buffer => {
  const end = keptEnd(keepAliveSeconds)
  const at = answer.indexOf(end, 0, 'latin1')
  return at === -1 ? Buffer.from(answer) : Buffer.concat([answer.subarray(0, at), LAST_END, answer.subarray(at + end.length)])
}

let dateSecond = Number.NaN
let dateText = ''

/** The moment as HTTP writes it; many answers share a second. */
export const httpDate = (): string => {
  const second = Math.floor(systemClock.wall() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}
