// Connections whose first message Node has not seen, because it was answered in front. Node counts the time that a connection takes for its first message from the
// connection's beginning, whoever reads it, and its parser cannot be told otherwise but by a message. So those that are still there after a while have their parser read
// one that nobody answers; from then on Node takes them for idle connections, with its time limits, and ends them when it closes. Most clients that ask once are gone by then.
//
// This leans on the parser's `execute`, `onIncoming` and `incoming`, which Node's own http module uses from JavaScript; newcomers.test.ts tries it on the Node that the product pins.

import type { Socket } from 'node:net'

interface Parser {
  execute(bytes: Buffer): unknown
  onIncoming: unknown
  incoming: unknown
}

type HttpSocket = Socket & { readonly parser?: Partial<Parser> | null }

const MESSAGE = Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n', 'latin1')
/** Well within Node's limit for the first message, where that is the usual one; within a shorter one below. */
const MOST_MS = 5000

const isParser = (parser: Partial<Parser> | null | undefined): parser is Parser => typeof parser?.execute === 'function' && typeof parser.onIncoming === 'function' && parser.incoming === null

export class Newcomers {
  readonly #sockets = new Set<Socket>()
  readonly #timer: NodeJS.Timeout

  /** @param options.headersMs Node's limit for a connection's first message */
  constructor({ headersMs }: { readonly headersMs: number }) {
    this.#timer = setInterval(() => this.introduce(), Math.min(MOST_MS, headersMs / 4)).unref()
  }

  /** False: its first message must be Node's. */
  welcome(socket: HttpSocket, idleMs: number): boolean {
    if (!isParser(socket.parser)) return false
    // Node sets it when an answer of its own is over.
    socket.setTimeout(idleMs)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return true
  }

  /** Node sees a message of it. */
  forget(socket: Socket): void {
    this.#sockets.delete(socket)
  }

  introduce(): void {
    for (const socket of this.#sockets) introduce(socket)
    this.#sockets.clear()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.introduce()
  }
}

const introduce = ({ parser }: HttpSocket): void => {
  if (!isParser(parser)) return
  const { onIncoming } = parser
  parser.onIncoming = () => 0
  try {
    parser.execute(MESSAGE)
  } finally {
    parser.onIncoming = onIncoming
    parser.incoming = null
  }
}
