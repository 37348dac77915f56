// Connections that Node's http module has not been told of. Its parser, listeners and lists cost a connection more than a plain message does that is answered in front, and
// most of those that ask once are gone soon. The others become Node's after a moment, whatever they do: it is Node that ends connections which send nothing, or send slowly, or
// are idle, and it counts from there.
//
// A connection whose first message was answered in front would look to Node as if it still owed that message. So its parser reads one that nobody answers, and Node takes the
// connection for an idle one. This leans on the parser's `execute`, `onIncoming` and `incoming`, which Node's own http module uses from JavaScript; newcomers.test.ts tries it
// on the Node that the product pins.

import type { Socket } from 'node:net'

/** A connection that is not Node's yet. */
export interface Newcomer {
  /** Makes it Node's. */
  settle(): void
}

/** Well within Node's limit for the first message, where that is the usual one; within a shorter one below. */
const MOST_MS = 1000

export class Newcomers {
  readonly #timer: NodeJS.Timeout
  #young = new Set<Newcomer>()
  #old = new Set<Newcomer>()

  /** @param options.headersMs Node's limit for a connection's first message */
  constructor({ headersMs }: { readonly headersMs: number }) {
    this.#timer = setInterval(() => this.#age(), Math.min(MOST_MS, headersMs / 4)).unref()
  }

  add(newcomer: Newcomer): void {
    this.#young.add(newcomer)
  }

  forget(newcomer: Newcomer): void {
    if (!this.#young.delete(newcomer)) this.#old.delete(newcomer)
  }

  /** There will be no others. */
  stop(): void {
    clearInterval(this.#timer)
    this.#age()
    this.#age()
  }

  #age(): void {
    for (const each of this.#old) each.settle()
    this.#old = this.#young
    this.#young = new Set()
  }
}

interface Parser {
  execute(bytes: Buffer): unknown
  onIncoming: unknown
  incoming: unknown
}

type HttpSocket = Socket & { readonly parser?: Partial<Parser> | null }

const MESSAGE = Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n', 'latin1')

const isParser = (parser: Partial<Parser> | null | undefined): parser is Parser => typeof parser?.execute === 'function' && typeof parser.onIncoming === 'function' && parser.incoming === null

/** Node knows the connection, and takes it for one whose first message is over. False: it cannot be told. */
export const introduce = ({ parser }: HttpSocket): boolean => {
  if (!isParser(parser)) return false
  const { onIncoming } = parser
  parser.onIncoming = () => 0
  try {
    parser.execute(MESSAGE)
  } finally {
    parser.onIncoming = onIncoming
    parser.incoming = null
  }
  return true
}
