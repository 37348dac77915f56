// Recognises one HTTP/1.1 message head in bytes that begin where a message begins. The grammar is narrower than the
// standard's (RFC 9112): printable ASCII, one CRLF after each line, no folding, no header that says how a message is framed or the connection goes on but
// one Content-Length and one Connection. What it does not know it calls unknown; nobody may guess then where the next message begins.

export interface PlainHead {
  readonly method: string
  readonly target: string
  /** Names in lower case. Without a prototype. */
  readonly headers: Readonly<Record<string, string>>
  /** A name occurs more than once; `headers` has one of its values. */
  readonly repeated: boolean
  /** Bytes of the head. */
  readonly length: number
  /** Bytes that follow the head and belong to the message. */
  readonly bodyLength: number
  /** Nothing follows the answer (RFC 9112, 9.6). */
  readonly isLast: boolean
}

const MOST_BYTES = 8192
const HEAD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|LIST|SCAN|LINK|UNLINK) (\/[\x21-\x7e]*) HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+\r\n/

/** They say how this message or the connection goes on, in ways that are not told apart here. */
const FRAMING: ReadonlySet<string> = new Set(['transfer-encoding', 'te', 'trailer', 'upgrade', 'http2-settings', 'expect', 'keep-alive', 'proxy-connection'])

/** Undefined when the bytes are not known to begin with exactly one whole head. */
export const readPlainHead = (bytes: Buffer): PlainHead | undefined => {
  const text = bytes.toString('latin1', 0, MOST_BYTES)
  const found = HEAD.exec(text)
  if (found === null) return undefined
  const [head, method = '', target = ''] = found
  const headers: Record<string, string> = Object.create(null) as Record<string, string> // an object without a prototype
  let repeated = false
  for (let at = head.indexOf('\r\n') + 2; at < head.length - 2; ) {
    const colon = head.indexOf(':', at)
    const end = head.indexOf('\r\n', colon)
    const name = head.slice(at, colon).toLowerCase()
    if (FRAMING.has(name)) return undefined
    if (headers[name] !== undefined) repeated = true
    headers[name] = withoutSpace(head, colon + 1, end)
    at = end + 2
  }
  const bodyLength = bodyLengthOf(headers, repeated)
  const isLast = isLastOf(headers, repeated)
  return bodyLength === undefined || isLast === undefined || headers['host'] === undefined ? undefined : { method, target, headers, repeated, length: head.length, bodyLength, isLast }
}

/** Undefined when the header says anything else. */
const isLastOf = ({ connection }: Readonly<Record<string, string>>, repeated: boolean): boolean | undefined => {
  if (connection === undefined) return false
  const said = repeated ? '' : connection.toLowerCase()
  return said === 'close' ? true : said === 'keep-alive' ? false : undefined
}

const bodyLengthOf = ({ 'content-length': length }: Readonly<Record<string, string>>, repeated: boolean): number | undefined => {
  if (length === undefined) return 0
  return !repeated && /^\d{1,9}$/.test(length) ? Number(length) : undefined
}

/** Optional white space around a value is spaces and tabs, nothing else. */
const withoutSpace = (text: string, from: number, end: number): string => {
  let start = from
  let stop = end
  while (start < stop && isSpace(text.charCodeAt(start))) start += 1
  while (stop > start && isSpace(text.charCodeAt(stop - 1))) stop -= 1
  return text.slice(start, stop)
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09
