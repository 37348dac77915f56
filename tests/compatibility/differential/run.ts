// Sends every step to both servers and says where the answers differ.

import { client, type Answer, type Client } from '../../support/http.ts'
import { compare, normalised, type Difference, type Shown } from './compare.ts'
import { namesOf, type Area, type Step } from './steps.ts'

export interface Peer {
  readonly address: string
  readonly rootToken: string
}

export interface Outcome {
  readonly area: string
  readonly step: string
  readonly differences: readonly Difference[]
}

const HEADERS = ['content-type', 'cache-control', 'location', 'retry-after', 'allow', 'www-authenticate']

class Side {
  readonly #client: Client
  readonly #byName = new Map<string, string>()
  readonly #byValue = new Map<string, string>()

  constructor({ address, rootToken }: Peer) {
    this.#client = client(address)
    this.#keep('root', rootToken)
  }

  #keep(name: string, value: string): void {
    this.#byName.set(name, value)
    if (value.length > 7) this.#byValue.set(value, name)
  }

  #filled(text: string): string {
    return text.replaceAll(/\{\{(\w+)\}\}/g, (_all, name: string) => this.#byName.get(name) ?? 'kept-nothing')
  }

  async ask(step: Step): Promise<Shown> {
    const headers = Object.fromEntries(Object.entries(step.headers ?? {}).map(([name, value]) => [name, this.#filled(value)]))
    const token = step.token === '' ? undefined : (this.#byName.get(step.token ?? 'root') ?? 'kept-nothing')
    const body = step.body === undefined ? undefined : this.#filled(typeof step.body === 'string' ? step.body : JSON.stringify(step.body))
    const answer = await this.#client.call(step.method, this.#filled(step.target), body, { token, headers })
    for (const [name, place] of Object.entries(step.keep ?? {})) {
      const value: unknown = place.split('.').reduce<unknown>((at, part) => (at !== null && typeof at === 'object' ? Object.entries(at).find(([key]) => key === part)?.[1] : undefined), answer.json)
      if (typeof value === 'string' || typeof value === 'number') this.#keep(name, String(value))
    }
    return this.#shown(answer, step)
  }

  #shown({ status, headers, text, json }: Answer, { unordered = [] }: Step): Shown {
    const body: unknown = json ?? text
    return {
      status,
      headers: Object.fromEntries(HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))),
      body: normalised(body, this.#byValue, new Set(unordered)),
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** Every step of the areas, in order, with what differed. */
export const runAreas = async (areas: readonly Area[], peers: { readonly coffer: Peer; readonly vault: Peer }): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = []
  for (const { name, steps } of areas) {
    const coffer = new Side(peers.coffer)
    const vault = new Side(peers.vault)
    const names = namesOf(steps)
    for (const [index, step] of steps.entries()) {
      const [ours, theirs] = await Promise.all([coffer.ask(step), vault.ask(step)])
      outcomes.push({ area: name, step: names[index] ?? '', differences: compare(ours, theirs, step.loose) })
    }
    coffer.close()
    vault.close()
  }
  return outcomes
}
