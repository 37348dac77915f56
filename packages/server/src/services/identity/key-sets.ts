// Signed tokens verified under keys that are given, or that the issuer publishes. Published keys are fetched once for all who
// ask at the same time, kept for a while, and fetched again when a token names an unknown one, but not more often than an
// attacker who makes up key ids should be able to make us.

import { isJwsAlgorithm, JwsError, jwsAlgorithms, parseKeySet, parsePublicKeyPem, verifyJws, type JwsKey } from '../../crypto/jws.ts'
import type { KeySource, Outbound, SignedTokens } from '../../kernel/auth/method.ts'
import { fail, isCofferError, type CofferError } from '../../kernel/errors.ts'
import { ByteLru } from '../../lib/lru.ts'
import { JsonError, parseJson, type JsonObject } from '../../lib/json.ts'
import { SingleFlight } from '../../lib/single-flight.ts'

interface Published {
  readonly keys: readonly JwsKey[]
  /** From discovery: whose tokens these keys sign. */
  readonly issuer: string | undefined
}

interface Cached extends Published {
  readonly fetchedAt: number
}

const FRESH_MS = 10 * 60_000
const REFETCH_MS = 10_000
const FAILED_MS = 2_000
const CACHE_BYTES = 4 * 1024 * 1024
const KEY_BYTES = 2048
const MAX_KEYS = 500

const jsonOf = (what: string, body: Buffer): JsonObject => {
  try {
    const parsed = parseJson(body, { maxDepth: 16, maxBytes: 1024 * 1024 })
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as JsonObject // an object, as just checked
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
  }
  throw fail('upstream_failed', 'auth.issuer_answer', `The ${what} is not a JSON object.`)
}

export class KeySets implements SignedTokens {
  readonly #outbound: Outbound
  readonly #cache = new ByteLru<string, Cached>({ maxBytes: CACHE_BYTES })
  readonly #parsed = new ByteLru<string, readonly JwsKey[]>({ maxBytes: CACHE_BYTES })
  readonly #failures = new ByteLru<string, { readonly at: number; readonly error: CofferError }>({ maxBytes: 64 * 1024 })
  readonly #flights = new SingleFlight<string, Published>()
  readonly #monotonic: () => number

  constructor(outbound: Outbound, monotonic: () => number) {
    this.#outbound = outbound
    this.#monotonic = monotonic
  }

  async check(source: KeySource): Promise<void> {
    if (source.kind === 'pem') source.keys.forEach((pem) => parsePublicKeyPem(pem))
    else await this.#fetch(source)
  }

  async verify(token: string, source: KeySource, algorithms: readonly string[]): Promise<{ readonly claims: JsonObject; readonly issuer: string | undefined }> {
    const allowed = algorithms.length === 0 ? jwsAlgorithms : algorithms.filter(isJwsAlgorithm)
    if (source.kind === 'pem') return { claims: claimsOf(await verifyJws(token, this.#given(source), allowed)), issuer: undefined }
    const { keys, issuer } = await this.#published(source)
    try {
      return { claims: claimsOf(await verifyJws(token, keys, allowed)), issuer }
    } catch (error) {
      if (!(error instanceof JwsError) || error.code !== 'jws_unknown_key' || !this.#mayRefetch(source)) throw error
      const fresh = await this.#fetch(source)
      return { claims: claimsOf(await verifyJws(token, fresh.keys, allowed)), issuer: fresh.issuer }
    }
  }

  /** Keys that an administrator wrote down, read once: a text always means the same ones. */
  #given(source: KeySource & { readonly kind: 'pem' }): readonly JwsKey[] {
    const name = keyOf(source)
    const known = this.#parsed.get(name)
    if (known !== undefined) return known
    const keys = source.keys.map(parsePublicKeyPem)
    this.#parsed.set(name, keys, name.length + KEY_BYTES * keys.length)
    return keys
  }

  #mayRefetch(source: KeySource): boolean {
    const cached = this.#cache.get(keyOf(source))
    return cached === undefined || this.#monotonic() - cached.fetchedAt >= REFETCH_MS
  }

  async #published(source: KeySource): Promise<Published> {
    const cached = this.#cache.get(keyOf(source))
    if (cached !== undefined && this.#monotonic() - cached.fetchedAt < FRESH_MS) return cached
    const failure = this.#failures.get(keyOf(source))
    if (failure !== undefined && this.#monotonic() - failure.at < FAILED_MS) throw failure.error
    return this.#fetch(source)
  }

  #fetch(source: KeySource): Promise<Published> {
    const key = keyOf(source)
    return this.#flights.run(key, async () => {
      try {
        const published = await this.#load(source)
        this.#cache.set(key, { ...published, fetchedAt: this.#monotonic() }, KEY_BYTES * (published.keys.length + 1))
        return published
      } catch (error) {
        if (isCofferError(error)) this.#failures.set(key, { at: this.#monotonic(), error }, 1024)
        throw error
      }
    })
  }

  async #load(source: KeySource): Promise<Published> {
    if (source.kind === 'pem') return { keys: source.keys.map(parsePublicKeyPem), issuer: undefined }
    if (source.kind === 'jwks') return { keys: await this.#keys(source.url, source.caPem), issuer: undefined }
    const base = source.url.replace(/\/$/, '')
    const document = await this.#document('discovery document', `${base}/.well-known/openid-configuration`, source.caPem)
    const { issuer, jwks_uri: url } = document
    // OpenID Connect Discovery 1.0, 4.3: who is asked must be who answers, or one issuer could speak for another.
    if (typeof issuer !== 'string' || issuer.replace(/\/$/, '') !== base) throw fail('upstream_failed', 'auth.issuer_answer', 'The discovery document is of another issuer than the address that it was fetched from.')
    if (typeof url !== 'string') throw fail('upstream_failed', 'auth.issuer_answer', 'The discovery document names no key set.')
    return { keys: await this.#keys(url, source.caPem), issuer }
  }

  async #keys(url: string, caPem: string | undefined): Promise<readonly JwsKey[]> {
    try {
      const keys = parseKeySet(await this.#document('key set', url, caPem))
      if (keys.length > MAX_KEYS) throw fail('upstream_failed', 'auth.issuer_answer', `The key set has more than ${MAX_KEYS} keys.`)
      return keys
    } catch (error) {
      if (error instanceof JwsError) throw fail('upstream_failed', 'auth.issuer_answer', `The key set cannot be used: ${error.message}.`, { cause: error })
      throw error
    }
  }

  async #document(what: string, url: string, caPem: string | undefined): Promise<JsonObject> {
    const { status, body } = await this.#outbound.ask({ url, caPem })
    if (status !== 200) throw fail('upstream_failed', 'auth.issuer_answer', `The ${what} was answered with status ${status}.`)
    return jsonOf(what, body)
  }
}

const keyOf = (source: KeySource): string => (source.kind === 'pem' ? `pem\n${source.keys.join('\n')}` : `${source.kind}\n${source.url}\n${source.caPem ?? ''}`)

/** Duplicate names are refused: two readers could each take another of them. */
const claimsOf = (payload: Uint8Array): JsonObject => {
  try {
    const parsed = parseJson(payload, { maxDepth: 16, maxBytes: 64 * 1024 })
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as JsonObject // an object, as just checked
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
  }
  throw new JwsError('jws_malformed', 'its payload is no JSON object')
}
