// One client that changes one secret and knows exactly what the server promised of it. After an answer that never came,
// the secret may be as before or as after that one request; the next look decides which, and anything else is a loss.

import { setTimeout as sleep } from 'node:timers/promises'
import { client, type Answer, type Client } from '../../support/http.ts'
import type { Ledger } from './ledger.ts'

export interface SecretState {
  readonly current: number
  /** Number of the proposal that waits, or 0. */
  readonly next: number
  readonly deleted: boolean
}

interface Step {
  readonly action: string
  readonly method: string
  readonly target: string
  readonly body: unknown
  readonly after: (state: SecretState) => SecretState
  readonly value?: string
}

export interface WriterOptions {
  readonly name: string
  readonly token: string
  readonly ledger: Ledger
  /** Where the server is now. */
  address(): string
  readonly stop: AbortSignal
}

export class Writer {
  readonly #options: WriterOptions
  readonly #values = new Map<number, string>()
  readonly #everSent = new Set<string>()
  #state: SecretState = { current: 0, next: 0, deleted: false }
  #highest = 0
  #sent = 0
  #client: Client | undefined

  constructor(options: WriterOptions) {
    this.#options = options
  }

  get path(): string {
    return this.#options.name
  }

  /** Whether a value was ever sent: what a reader may find, and nothing else. */
  wasSent(value: string): boolean {
    return this.#everSent.has(value)
  }

  /** Values by version number, as acknowledged or found again. */
  get values(): ReadonlyMap<number, string> {
    return this.#values
  }

  get state(): SecretState {
    return this.#state
  }

  async run(): Promise<void> {
    while (!this.#options.stop.aborted) await this.#take(this.#nextStep())
    this.#client?.close()
  }

  #value(): string {
    this.#sent += 1
    const value = `${this.#options.name}-${this.#sent}-${'v'.repeat(this.#sent % 200)}`
    this.#everSent.add(value)
    return value
  }

  #nextStep(): Step {
    const { deleted, next, current } = this.#state
    const { name } = this.#options
    const query = '?environment=prod'
    if (deleted) return { action: 'secret.restore', method: 'POST', target: `/api/v1/secrets/${name}/restore${query}`, body: {}, after: (state) => ({ ...state, deleted: false }) }
    if (next > 0) return { action: 'secret.promote', method: 'PUT', target: `/api/v1/aliases/${name}${query}`, body: { version: next, expectedPreviousVersion: current }, after: (state) => ({ ...state, current: next, next: 0 }) }
    const number = this.#highest + 1
    if (this.#sent % 10 === 9) {
      this.#sent += 1
      return { action: 'secret.delete', method: 'DELETE', target: `/api/v1/secrets/${name}${query}`, body: undefined, after: (state) => ({ ...state, deleted: true }) }
    }
    const value = this.#value()
    const write = { method: 'POST', value, body: { value } }
    if (current > 0 && this.#sent % 3 === 0) return { ...write, action: 'secret.propose', target: `/api/v1/versions/${name}${query}`, after: (state) => ({ ...state, next: number }) }
    return { ...write, action: 'secret.update', target: `/api/v1/secrets/${name}${query}`, after: (state) => ({ ...state, current: number }) }
  }

  async #take(step: Step): Promise<void> {
    const before = this.#state
    const answer = await this.#send(step.method, step.target, step.body)
    if (answer === undefined || answer.status >= 500) return this.#findOut(before, step)
    this.#options.ledger.note(step.action, answer)
    if (answer.status >= 300) {
      this.#options.ledger.broken.push(`${this.path}: ${step.action} after ${JSON.stringify(before)} was answered ${answer.status} ${answer.text}`)
      return this.#options.ledger.broken.length > 20 ? Promise.reject(new Error('too much is broken')) : undefined
    }
    this.#accept(step, answer.data.version as number | undefined)
  }

  #accept(step: Step, version: number | undefined): void {
    if (step.value !== undefined) {
      if (version !== this.#highest + 1) this.#options.ledger.broken.push(`${this.path}: version ${version} was given where ${this.#highest + 1} was next`)
      this.#highest += 1
      this.#values.set(this.#highest, step.value)
    }
    this.#state = step.after(this.#state)
  }

  /** No answer, or one that says "perhaps": the history tells whether the request took effect. */
  async #findOut(before: SecretState, step: Step): Promise<void> {
    // Its backend may still be at work on it, and other workers hear of an ordinary write by their next poll (500 ms).
    await sleep(800)
    for (;;) {
      const found = await this.#look()
      if (found === undefined) {
        await sleep(30)
        continue
      }
      const after = step.after(before)
      const highest = step.value === undefined ? this.#highest : this.#highest + 1
      if (same(found.state, after) && found.highest === highest) return this.#accept(step, highest)
      if (!same(found.state, before) || found.highest !== this.#highest) {
        this.#options.ledger.broken.push(`${this.path}: ${step.action} from ${JSON.stringify(before)} at ${this.#highest} was found as ${JSON.stringify(found)}`)
        this.#state = found.state
        this.#highest = found.highest
      }
      return
    }
  }

  async #look(): Promise<{ state: SecretState; highest: number } | undefined> {
    const listed = await this.#send('GET', `/api/v1/secrets?environment=prod&deleted=true&prefix=${this.path.split('/')[0]}`, undefined)
    const deleted = listed?.status === 200 && (listed.data.items as { path: string }[]).some(({ path }) => path === this.path)
    const history = await this.#send('GET', `/api/v1/secrets/${this.path}/history?environment=prod&limit=500`, undefined)
    if (listed === undefined || history === undefined || listed.status >= 500 || history.status >= 500) return undefined
    if (history.status === 404 && !deleted) return { state: { current: 0, next: 0, deleted: false }, highest: this.#highest === 0 ? 0 : -1 }
    // A deleted secret keeps its versions; its history is looked at when it is back.
    if (deleted) return { state: { ...this.#state, deleted: true }, highest: this.#highest }
    const items = history.data.items as { version: number; state: string }[]
    const of = (state: string): number => items.find((item) => item.state === state)?.version ?? 0
    return { state: { current: of('CURRENT'), next: of('PENDING'), deleted: false }, highest: items[0]?.version ?? 0 }
  }

  async #send(method: string, target: string, body: unknown): Promise<Answer | undefined> {
    const address = this.#options.address()
    if (this.#client?.address !== address) {
      this.#client?.close()
      this.#client = client(address, this.#options.token, 1)
    }
    try {
      const answer = await this.#client.call(method, target, body, { timeoutMs: 15_000 })
      if (method === 'GET' || answer.status >= 500) this.#options.ledger.note(method === 'GET' ? 'look' : 'trouble', answer)
      return answer
    } catch {
      this.#options.ledger.cut()
      await sleep(50)
      return undefined
    }
  }
}

const same = (one: SecretState, other: SecretState): boolean => one.current === other.current && one.next === other.next && one.deleted === other.deleted
