// From a whole request to its door, whatever took it from the connection: what every door is spared.

import { asCofferError, type CofferError } from '../../kernel/errors.ts'
import { parseTarget, type ParsedTarget } from '../../kernel/path.ts'
import type { ServerSettings } from '../../kernel/ports/server-settings.ts'
import { answerCors } from './cors.ts'
import type { Door, HttpExchange, HttpRequest } from './exchange.ts'
import type { Flights } from './flights.ts'
import { Reply, type CommonHeaders, type Sink } from './reply.ts'

export interface AnsweringOptions {
  /** Chooses the door by the first segments. */
  doorOf(target: ParsedTarget): Door
  /** What administrators have set; undefined while sealed. */
  settings?(): ServerSettings | undefined
  readonly flights?: Flights
  readonly log: { failed(requestId: string, where: string, error: unknown): void }
}

const EMPTY_TARGET: ParsedTarget = { segments: Object.freeze([]) as never, trailingSlash: false, query: '' }

/** Whose door answers for a path that cannot be parsed: Vault's own, where the path says so. */
const unparsedTarget = (url: string): ParsedTarget => (/^\/v1\/(?!secrets(\/|\?|$))/.test(url) ? parseTarget('/v1/-') : EMPTY_TARGET)

export class Answering {
  readonly #options: AnsweringOptions
  readonly #headers: CommonHeaders

  constructor(options: AnsweringOptions, always: readonly string[]) {
    this.#options = options
    this.#headers = { always, ofPages: () => options.settings?.()?.uiHeaders ?? {} }
  }

  /** @param refusal why it is refused whatever it asks for */
  answer(request: HttpRequest, requestId: string, sink: Sink, refusal?: CofferError): void {
    const reply = new Reply(requestId, this.#headers, sink)
    const { doorOf, flights, settings } = this.#options
    let target: ParsedTarget
    try {
      target = parseTarget(request.url)
    } catch (thrown) {
      return this.#refuseUnread(doorOf(unparsedTarget(request.url)), { request, reply, requestId, target: EMPTY_TARGET }, thrown)
    }
    const exchange: HttpExchange = { request, reply, requestId, target }
    const door = doorOf(target)
    if (flights !== undefined) {
      flights.begin(exchange)
      reply.whenGone(() => flights.end(exchange))
    }
    if (refusal !== undefined) return this.#refuse(door, exchange, refusal)
    try {
      if (!answerCors(exchange, settings?.()?.cors)) door.handle(exchange).catch((thrown: unknown) => this.#refuse(door, exchange, thrown))
    } catch (thrown) {
      this.#refuse(door, exchange, thrown)
    }
    return undefined
  }

  /** What could not be read as a request. A path that is not valid is said to be that, whoever saw it first. */
  refuse(request: HttpRequest, requestId: string, sink: Sink, error: CofferError): void {
    const reply = new Reply(requestId, this.#headers, sink)
    try {
      const target = parseTarget(request.url)
      this.#refuseUnread(this.#options.doorOf(target), { request, reply, requestId, target }, error)
    } catch (unparsed) {
      this.#refuseUnread(this.#options.doorOf(unparsedTarget(request.url)), { request, reply, requestId, target: EMPTY_TARGET }, unparsed)
    }
  }

  /** What its door never gets to see has its record as well. */
  #refuseUnread(door: Door, exchange: HttpExchange, thrown: unknown): void {
    if (door.unread === undefined) this.#refuse(door, exchange, thrown)
    else door.unread(exchange, thrown).then((told) => this.#refuse(door, exchange, told), (failure: unknown) => this.#refuse(door, exchange, failure))
  }

  #refuse(door: Door, exchange: HttpExchange, thrown: unknown): void {
    const error = asCofferError(thrown)
    if (error.kind === 'internal' && error.code === 'internal') this.#options.log.failed(exchange.requestId, 'http', thrown)
    try {
      door.refuse(exchange, error)
    } catch (again) {
      this.#options.log.failed(exchange.requestId, 'http', again)
      exchange.reply.code(500).send()
    }
  }
}
