// One end of a move: a server that speaks Vault's API, be it Vault, OpenBao or Coffer.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Transport, WireResponse } from '@coffer/sdk'
import { CliFailure } from '../failure.ts'
import { parseExact, recordOf, textsOf } from './exact-json.ts'

export interface VaultEnd {
  readonly address: string
  readonly token: string
  readonly namespace: string | undefined
  readonly transport: Transport
  readonly timeoutSeconds: number
}

/** What the other side said no to: its own words, which never hold a value. */
export class VaultRefusal extends Error {
  readonly status: number
  constructor(status: number, path: string, words: readonly string[]) {
    super(`${path}: ${words.join('; ').replaceAll(/\s+/g, ' ').trim() || `status ${status}`}`)
    this.name = 'VaultRefusal'
    this.status = status
  }
}

export type Data = Readonly<Record<string, unknown>>

export interface VaultApi {
  readonly address: string
  /** The answer's data; undefined: nothing is there. A deleted version has data, too. @throws VaultRefusal, CliFailure */
  read(path: string): Promise<Data | undefined>
  /** Names below a path; folders end with a slash. */
  list(path: string): Promise<readonly string[]>
  write(path: string, body: unknown): Promise<Data | undefined>
}

const TRIES = 5

/** Each segment by itself: a name may hold anything. */
const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

const isPassing = (status: number): boolean => status === 412 || status === 429 || status === 502 || status === 503 || status === 504

export const openVault = (end: VaultEnd): VaultApi => {
  const once = async (method: string, path: string, body: unknown): Promise<WireResponse> => {
    const [plain = '', query] = path.split('?')
    const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body))
    return end.transport({
      method,
      url: `${end.address}/v1/${encoded(plain)}${query === undefined ? '' : `?${query}`}`,
      headers: { 'x-vault-token': end.token, 'x-vault-request': 'true', ...(end.namespace === undefined ? {} : { 'x-vault-namespace': end.namespace }), ...(bytes === undefined ? {} : { 'content-type': 'application/json' }) },
      body: bytes,
      signal: AbortSignal.timeout(end.timeoutSeconds * 1000),
    })
  }
  const ask = async (method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly json: Data }> => {
    for (let attempt = 1; ; attempt++) {
      let response: WireResponse | undefined
      try {
        response = await once(method, path, body)
      } catch (error) {
        if (attempt >= TRIES) throw new CliFailure('unavailable', `${end.address} does not answer.`, 'Start the same command again: what was carried over stays, and it goes on from there.', error)
      }
      if (response !== undefined && (!isPassing(response.status) || attempt >= TRIES)) return { status: response.status, json: parsed(response, path) }
      await sleep(250 * 2 ** attempt)
    }
  }
  const dataOf = ({ status, json }: { readonly status: number; readonly json: Data }, path: string): Data | undefined => {
    if (status === 404) return json['data'] === undefined || json['data'] === null ? undefined : recordOf(json['data'])
    if (status >= 400) throw new VaultRefusal(status, path, textsOf(json['errors']))
    return json['data'] === undefined || json['data'] === null ? undefined : recordOf(json['data'])
  }
  return {
    address: end.address,
    read: async (path) => dataOf(await ask('GET', path), path),
    list: async (path) => textsOf(dataOf(await ask('GET', `${path}?list=true`), path)?.['keys']),
    async write(path, body) {
      const answer = await ask('POST', path, body)
      // What a read means by "nothing there" is, for a write, that nobody took it.
      if (answer.status === 404) throw new VaultRefusal(404, path, textsOf(answer.json['errors']))
      return dataOf(answer, path)
    },
  }
}

const parsed = ({ status, text }: WireResponse, path: string): Data => {
  if (text === '') return {}
  try {
    return recordOf(parseExact(text))
  } catch (error) {
    throw new VaultRefusal(status, path, [`the answer is not JSON (${error instanceof Error ? error.name : 'unreadable'})`])
  }
}
