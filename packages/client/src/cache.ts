// Reads of secrets that survive a short outage of the platform and end with an explicit revocation:
//   start      a value that was never read is fetched with back-off, and missing is an error (fail closed)
//   steady     a value is used for its TTL, refreshed in the background near its end, and, when refreshing fails, used for
//              a bounded time longer; "you may not" and "there is none" from the server end it at once.
// Values are held in memory only, and are in no error, event or count.

import type { Client } from './client.ts'
import { CofferError, isCofferError } from './errors.ts'
import { delaySeconds, pause, randomFraction } from './retry.ts'

export interface CachePolicy {
  readonly cacheTtlSeconds: number
  /** Up to this much is added to each TTL, so that instances that were deployed together do not refresh together. */
  readonly jitterSeconds: number
  /** Age, counted from the last answer of the server, after which a value is never used. */
  readonly maxStaleSeconds: number
  readonly failOpenOnRefreshError: boolean
  /** Revocation is 401, 403 or 404 (also: disabled, destroyed, deleted). Leave it false. */
  readonly failOpenOnExplicitRevocation: boolean
  /** How long the first read of a secret is tried. */
  readonly startupSeconds: number
  /** How long a read waits for the refresh of an expired value before it uses the old one. */
  readonly patienceSeconds: number
}

export const defaultCachePolicy: CachePolicy = {
  cacheTtlSeconds: 60,
  jitterSeconds: 15,
  maxStaleSeconds: 900,
  failOpenOnRefreshError: true,
  failOpenOnExplicitRevocation: false,
  startupSeconds: 30,
  patienceSeconds: 2,
}

export interface CachedSecret {
  readonly value: string
  readonly version: number
  /** RFC 3339, when the version ends by itself. */
  readonly expiresAt: string | null
}

export interface RefreshFailure {
  readonly path: string
  readonly error: CofferError
  readonly ageSeconds: number
}

/** Wall and monotonic seconds: neither a suspended machine nor a clock that was set back makes a value younger. */
export interface CacheClock {
  wallSeconds(): number
  monotonicSeconds(): number
}

export interface CacheOptions extends Partial<CachePolicy> {
  readonly client: Pick<Client, 'secrets'>
  readonly project?: string
  readonly environment?: string
  /** For an alert. It is told no value. */
  readonly onRefreshFailure?: (failure: RefreshFailure) => void
  readonly clock?: CacheClock
}

export interface CacheStats {
  readonly hits: number
  readonly misses: number
  readonly refreshes: number
  readonly refreshFailures: number
  readonly staleServed: number
  readonly revocations: number
  readonly entries: number
  /** Age of the oldest value that may still be used. */
  readonly oldestAgeSeconds: number
}

export interface SecretCache {
  /** The value that an alias names (default: current). @throws CofferError */
  get(path: string, alias?: string): Promise<string>
  /** The same with version and expiry. */
  read(path: string, alias?: string): Promise<CachedSecret>
  /** Forgets one secret, after an application's own sign that it changed (a password was refused). */
  invalidate(path: string, alias?: string): void
  clear(): void
  stats(): CacheStats
}

interface Entry {
  secret: CachedSecret
  wall: number
  monotonic: number
  ttlSeconds: number
  /** Refreshes that failed in a row, and when the next may begin. */
  failures: number
  nextTry: number
}

interface Reference {
  readonly key: string
  readonly path: string
  readonly alias: string
}

const systemClock: CacheClock = { wallSeconds: () => Date.now() / 1000, monotonicSeconds: () => performance.now() / 1000 }
/** Between refreshes that fail. */
const outageBackOff = { retries: 0, baseSeconds: 1, maxSeconds: 30 }
const startBackOff = { retries: 0, baseSeconds: 0.2, maxSeconds: 5 }

const asError = (error: unknown): CofferError =>
  isCofferError(error) ? error : new CofferError('The read failed.', { kind: 'internal', code: 'client.failed', cause: error })

const isRevocation = ({ kind }: CofferError): boolean => kind === 'permission_denied' || kind === 'not_found' || kind === 'unauthenticated'
/** What trying again cannot mend. */
const isFinal = (error: CofferError): boolean => isRevocation(error) || error.kind === 'invalid_request' || error.code === 'client.aborted'

export const createSecretCache = (options: CacheOptions): SecretCache => new Cache(options)

class Cache implements SecretCache {
  readonly #options: CacheOptions
  readonly #policy: CachePolicy
  readonly #clock: CacheClock
  readonly #entries = new Map<string, Entry>()
  /** One fetch for each secret, however many wait for it. */
  readonly #flights = new Map<string, Promise<Entry>>()
  readonly #counts = { hits: 0, misses: 0, refreshes: 0, refreshFailures: 0, staleServed: 0, revocations: 0 }

  constructor(options: CacheOptions) {
    const given = Object.fromEntries(Object.keys(defaultCachePolicy).flatMap((name) => (name in options ? [[name, options[name as keyof CacheOptions]]] : [])))
    this.#options = options
    this.#policy = { ...defaultCachePolicy, ...given }
    this.#clock = options.clock ?? systemClock
  }

  async get(path: string, alias?: string): Promise<string> {
    return (await this.read(path, alias)).value
  }

  async read(path: string, alias = 'current'): Promise<CachedSecret> {
    const reference = { key: JSON.stringify([path, alias]), path, alias }
    const entry = this.#usable(reference.key)
    if (entry === undefined) {
      this.#counts.misses += 1
      return (await this.#shared(reference, () => this.#first(reference))).secret
    }
    const age = this.#age(entry)
    if (age >= entry.ttlSeconds) return this.#expired(reference, entry)
    this.#counts.hits += 1
    if (age >= entry.ttlSeconds * 0.8) this.#refreshInBackground(reference, entry)
    return entry.secret
  }

  invalidate(path: string, alias = 'current'): void {
    const key = JSON.stringify([path, alias])
    this.#entries.delete(key)
    // What is under way began before: its answer may be the old value, so it is not kept.
    this.#flights.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#flights.clear()
  }

  stats(): CacheStats {
    const ages = [...this.#entries.values()].map((entry) => this.#age(entry)).filter((age) => age < this.#policy.maxStaleSeconds)
    return { ...this.#counts, entries: ages.length, oldestAgeSeconds: Math.max(0, ...ages) }
  }

  #age(entry: Entry): number {
    return Math.max(this.#clock.wallSeconds() - entry.wall, this.#clock.monotonicSeconds() - entry.monotonic)
  }

  /** The entry unless it is past its bounds, when it is forgotten. */
  #usable(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const ended = entry.secret.expiresAt !== null && Date.parse(entry.secret.expiresAt) / 1000 <= this.#clock.wallSeconds()
    if (!ended && this.#age(entry) < Math.max(this.#policy.maxStaleSeconds, entry.ttlSeconds)) return entry
    this.#entries.delete(key)
    return undefined
  }

  async #expired(reference: Reference, entry: Entry): Promise<CachedSecret> {
    if (entry.failures > 0 && this.#policy.failOpenOnRefreshError) {
      // The outage is known: nobody waits for it again, the background asks from time to time.
      this.#refreshInBackground(reference, entry)
      this.#counts.staleServed += 1
      return entry.secret
    }
    const refresh = this.#refresh(reference, entry)
    try {
      return (await within(refresh, this.#policy.patienceSeconds)).secret
    } catch (thrown) {
      const error = asError(thrown)
      const isOpen = isRevocation(error) ? this.#policy.failOpenOnExplicitRevocation : this.#policy.failOpenOnRefreshError
      if (!isOpen || error.kind === 'invalid_request') throw error
      this.#counts.staleServed += 1
      return entry.secret
    }
  }

  #refreshInBackground(reference: Reference, entry: Entry): void {
    if (this.#flights.has(reference.key) || this.#clock.monotonicSeconds() < entry.nextTry) return
    // Counted and told where it failed.
    this.#refresh(reference, entry).catch(() => undefined)
  }

  #refresh(reference: Reference, entry: Entry): Promise<Entry> {
    return this.#shared(reference, async () => {
      this.#counts.refreshes += 1
      try {
        return await this.#fetch(reference)
      } catch (thrown) {
        throw this.#failed(reference, entry, asError(thrown))
      }
    })
  }

  #failed(reference: Reference, entry: Entry, error: CofferError): CofferError {
    if (isRevocation(error) && !this.#policy.failOpenOnExplicitRevocation) {
      this.#counts.revocations += 1
      if (this.#entries.get(reference.key) === entry) this.#entries.delete(reference.key)
      return error
    }
    this.#counts.refreshFailures += 1
    entry.nextTry = this.#clock.monotonicSeconds() + delaySeconds(outageBackOff, entry.failures, error, randomFraction())
    entry.failures += 1
    this.#options.onRefreshFailure?.({ path: reference.path, error, ageSeconds: this.#age(entry) })
    return error
  }

  /** The first read: nothing to fall back on, so it is tried until the time for it is over. */
  async #first(reference: Reference): Promise<Entry> {
    const end = this.#clock.monotonicSeconds() + this.#policy.startupSeconds
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#fetch(reference)
      } catch (thrown) {
        const error = asError(thrown)
        const wait = delaySeconds(startBackOff, attempt, error, randomFraction())
        if (isFinal(error)) throw error
        if (this.#clock.monotonicSeconds() + wait >= end) {
          throw new CofferError(`The secret ${JSON.stringify(reference.path)} could not be read: ${error.message}`, { kind: 'unavailable', code: 'client.secret_unavailable', requestId: error.requestId, cause: error })
        }
        await pause(wait)
      }
    }
  }

  async #fetch({ path, alias }: Reference): Promise<Entry> {
    const { project, environment } = this.#options
    // Taken before the request: the answer is at least as old as that.
    const [wall, monotonic] = [this.#clock.wallSeconds(), this.#clock.monotonicSeconds()]
    const found = await this.#options.client.secrets.get({ key: path, project, environment, alias, reveal: true })
    if (found.value === undefined || found.version === undefined) {
      throw new CofferError(`The secret ${JSON.stringify(path)} has no value yet.`, { kind: 'not_found', code: 'client.no_value' })
    }
    const secret = { value: found.value, version: found.version, expiresAt: found.expiresAt ?? null }
    return { secret, wall, monotonic, ttlSeconds: this.#policy.cacheTtlSeconds + this.#policy.jitterSeconds * randomFraction(), failures: 0, nextTry: 0 }
  }

  #shared({ key }: Reference, work: () => Promise<Entry>): Promise<Entry> {
    const running = this.#flights.get(key)
    if (running !== undefined) return running
    const flight = work().then(
      (entry) => {
        if (this.#flights.get(key) === flight) {
          this.#entries.set(key, entry)
          this.#flights.delete(key)
        }
        return entry
      },
      (error: unknown) => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        throw error
      },
    )
    this.#flights.set(key, flight)
    return flight
  }
}

const within = async <T>(work: Promise<T>, seconds: number): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CofferError('The refresh takes too long.', { kind: 'unavailable', code: 'client.timeout' })), seconds * 1000)
  })
  try {
    // A failure after the time-out has no one left to hear it.
    work.catch(() => undefined)
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
