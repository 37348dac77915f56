// What a door says, collected until it is whole: then it goes out in one piece, however the request came in.

import type { HttpReply } from './exchange.ts'

export interface WholeAnswer {
  readonly status: number
  /** Names and values, one after the other; all but the length and what concerns the connection. */
  readonly headers: readonly string[]
  readonly body: string | Buffer | undefined
}

/** Takes the answer, and calls `gone` once it is the operating system's, or never will be. */
export type Sink = (answer: WholeAnswer, gone: (isWhole: boolean) => void) => void

/** What every answer has besides its request id. */
export interface CommonHeaders {
  /** Names and values, one after the other. */
  readonly always: readonly string[]
  /** On pages. */
  ofPages(): Readonly<Record<string, readonly string[]>>
}

/** 204 and 304 (RFC 9110, 8.6 and 15.4.5). */
export const isBodiless = (status: number): boolean => status === 204 || status === 304

/** Names and values, one after the other. */
export const addHeaders = ({ reply }: { readonly reply: HttpReply }, headers: readonly string[]): void => {
  for (let at = 0; at + 1 < headers.length; at += 2) reply.header(headers[at] ?? '', headers[at + 1] ?? '')
}

/** What a field's value may hold: RFC 9110, 5.5. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/

export class Reply implements HttpReply {
  readonly #requestId: string
  readonly #common: CommonHeaders
  readonly #sink: Sink
  #status = 200
  #headers: string[] = []
  #isSent = false
  #gone: boolean | undefined
  #listeners: ((isWhole: boolean) => void)[] = []

  constructor(requestId: string, common: CommonHeaders, sink: Sink) {
    this.#requestId = requestId
    this.#common = common
    this.#sink = sink
  }

  code(status: number): this {
    this.#status = status
    return this
  }

  header(name: string, value: string | readonly string[]): this {
    if (this.hasHeader(name)) this.#remove(name)
    for (const each of typeof value === 'string' ? [value] : value) this.#headers.push(name, checked(name, each))
    return this
  }

  hasHeader(name: string): boolean {
    return this.#valueOf(name) !== undefined
  }

  send(body?: string | Buffer): void {
    if (this.#isSent) return
    const isEmpty = this.#status === 204 && body !== undefined
    if (isEmpty) this.#remove('content-type')
    this.#complete()
    this.#isSent = true
    this.#sink({ status: this.#status, headers: this.#headers, body: isEmpty ? undefined : body }, (isWhole) => {
      if (this.#gone !== undefined) return
      this.#gone = isWhole
      for (const listener of this.#listeners) listener(isWhole)
    })
  }

  whenGone(listener: (isWhole: boolean) => void): void {
    if (this.#gone === undefined) this.#listeners.push(listener)
    else listener(this.#gone)
  }

  #complete(): void {
    if (this.#valueOf('content-type')?.startsWith('text/html') === true) for (const [name, values] of Object.entries(this.#common.ofPages())) this.header(name.toLowerCase(), values)
    const { always } = this.#common
    const headers = this.#headers
    // What may be kept (keys that are public) says so itself.
    const isKept = this.hasHeader('cache-control')
    headers.push('x-request-id', this.#requestId)
    for (let at = 0; at < always.length; at += 2) if (!isKept || always[at] !== 'cache-control') headers.push(always[at] ?? '', always[at + 1] ?? '')
  }

  #valueOf(name: string): string | undefined {
    for (let at = 0; at < this.#headers.length; at += 2) if (this.#headers[at] === name) return this.#headers[at + 1]
    return undefined
  }

  #remove(name: string): void {
    this.#headers = this.#headers.filter((_each, at) => this.#headers[at - (at % 2)] !== name)
  }
}

const checked = (name: string, value: string): string => {
  if (!VALUE.test(value) || !NAME.test(name)) throw new TypeError(`the header ${JSON.stringify(name)} has a character that no header can hold`)
  return value
}
