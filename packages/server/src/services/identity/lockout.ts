// Names that failed to log in too often are locked for a while, as in Vault: five failures, fifteen minutes. Names that exist
// and names that do not are counted alike, in a fixed number of sealed entries, so that neither the answer nor the storage
// tells which there are.

import { INVALID_CREDENTIALS } from '../../kernel/auth/method.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import type { SealedEntry } from '../../kernel/ports/sealed-store.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { Tries } from './tries.ts'

export interface LockoutConfig {
  readonly disabled: boolean
  readonly threshold: number
  readonly durationSeconds: number
  readonly resetSeconds: number
}

export const defaultLockout: LockoutConfig = Object.freeze({ disabled: false, threshold: 5, durationSeconds: 900, resetSeconds: 900 })

/** Where failures are counted: sealed entries of the mount. */
export interface LockoutStore {
  get(key: string): Promise<SealedEntry | undefined>
  /** As this worker remembers it. */
  recall(key: string): Promise<SealedEntry | undefined>
  /** When this returns no worker remembers the one before. @throws conflict */
  put(key: string, value: JsonValue, cas: number): Promise<unknown>
  /** Of every entry below a prefix. */
  names(prefix: string): Promise<readonly string[]>
}

/** Whose failures are counted: a keyed hash of the name tells where, and the name itself, sealed, whom to unlock. */
export interface LockedName {
  /** Hex. */
  readonly mac: string
  readonly name: string
}

/** Failures of one name: how many, and when the last one was. */
type Count = readonly [failures: number, lastAt: number, name: string]
type Bucket = Readonly<Record<string, Count>>

const BUCKET_HEX_DIGITS = 3
/** Of a bucket: the oldest count makes room. Whoever wants to push one out must fail often in a bucket that only the server can name. */
const MOST_NAMES = 64
const LONGEST_NAME = 512
const ATTEMPTS = 50

const FOLDER = 'sys/lockout/'
const keyOf = (mac: string): string => FOLDER + mac.slice(0, BUCKET_HEX_DIGITS)
const nameOf = (mac: string): string => mac.slice(BUCKET_HEX_DIGITS, BUCKET_HEX_DIGITS + 32)

const isStale = ([failures, lastAt]: Count, config: LockoutConfig, now: number): boolean =>
  now - lastAt >= (failures >= config.threshold ? config.durationSeconds : config.resetSeconds) * 1000

const readBucket = async (get: LockoutStore['get'], mac: string): Promise<{ readonly bucket: Bucket; readonly version: number }> => {
  const found = await get(keyOf(mac))
  return { bucket: (found?.value ?? {}) as unknown as Bucket, version: found?.version ?? 0 } // only writeCount writes these
}

/** How often the name has failed of late. */
const countOf = async (get: LockoutStore['get'], mac: string, config: LockoutConfig, now: number): Promise<number> => {
  const count = (await readBucket(get, mac)).bucket[nameOf(mac)]
  return count === undefined || isStale(count, config, now) ? 0 : count[0]
}

/** @returns how often it had failed before */
const writeCount = async (store: LockoutStore, { mac, name: shown }: LockedName, config: LockoutConfig, now: number, next: (before: number) => number): Promise<number> => {
  const name = nameOf(mac)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { bucket, version } = await readBucket(store.get, mac)
    const live = Object.entries(bucket).filter(([, count]) => !isStale(count, config, now))
    const before = live.find(([each]) => each === name)?.[1][0] ?? 0
    const after = next(before)
    if (before === after) return before
    const others = live.filter(([each]) => each !== name).sort(([, a], [, b]) => b[1] - a[1]).slice(0, MOST_NAMES - 1)
    const entries: readonly (readonly [string, Count])[] = after === 0 ? others : [...others, [name, [after, now, shown.slice(0, LONGEST_NAME)]]]
    try {
      await store.put(keyOf(mac), Object.fromEntries(entries), version)
      return before
    } catch (error) {
      if (!isCofferError(error) || error.kind !== 'conflict') throw error
    }
  }
  throw fail('unavailable', 'auth.busy', 'Too many logins of this name at once. Try again later.')
}

/** The entry in which a name's failures are counted. */
export const lockEntry = ({ mac }: LockedName): string => keyOf(mac)

/** As this worker remembers them, stale ones too. */
export const failuresOf = async ({ recall }: Pick<LockoutStore, 'recall'>, { mac }: LockedName): Promise<number> => (await readBucket(recall, mac)).bucket[nameOf(mac)]?.[0] ?? 0

export interface Attempt {
  readonly store: LockoutStore
  readonly who: LockedName
  readonly config: LockoutConfig
  /** A count may be as old as what this worker remembers: for secrets that nobody guesses. */
  readonly isUnguessable: boolean
  readonly tries: Tries
  now(): number
  /** Runs what has its turn. Those that wait for theirs hold no place that others need. */
  inTurn<T>(task: () => Promise<T>): Promise<T>
}

const locked = (): Error => fail('permission_denied', 'auth.locked', 'permission denied')

const requireUnlocked = async ({ store, who, config, now }: Attempt): Promise<number> => {
  const failures = await countOf(store.recall, who.mac, config, now())
  if (failures >= config.threshold) throw locked()
  return failures
}

/** Verifies between two looks at the count; and a failure that comes too late to count is answered like any other refusal of a locked name. */
const judge = async <T>(attempt: Attempt, verify: () => Promise<T>): Promise<T> => {
  const { store, who, config, isUnguessable, now } = attempt
  await requireUnlocked(attempt)
  let result: T
  try {
    result = await verify()
  } catch (error) {
    if (!isCofferError(error) || error.code !== INVALID_CREDENTIALS) throw error
    const before = await writeCount(store, who, config, now(), (count) => (count >= config.threshold ? count : count + 1))
    throw before >= config.threshold ? locked() : error
  }
  const failures = await countOf(isUnguessable ? store.recall : store.get, who.mac, config, now())
  if (failures >= config.threshold) throw locked()
  if (failures > 0) await writeCount(store, who, config, now(), () => 0)
  return result
}

/**
 * Verifies under the lock: refused before any work when the name is locked, and after it. Of guesses sent all at once no more are tried than of guesses one after the
 * other: an attempt waits while those under way could use up what is left, and goes on when one of them was right. @throws permission_denied for a locked name
 */
export const locking = async <T>(attempt: Attempt, verify: () => Promise<T>): Promise<T> => {
  const { config, isUnguessable, tries, inTurn, who } = attempt
  if (config.disabled) return inTurn(verify)
  const judged = (): Promise<T> => inTurn(() => judge(attempt, verify))
  if (isUnguessable) return judged()
  return tries.run(who.mac, async () => config.threshold - (await requireUnlocked(attempt)), judged)
}

/** Forgets the failures of a name. */
export const unlock = async (store: LockoutStore, who: LockedName, config: LockoutConfig, now: number): Promise<void> => void (await writeCount(store, who, config, now, () => 0))

/** The names that are locked now. */
export const lockedNames = async (store: Pick<LockoutStore, 'get' | 'names'>, config: LockoutConfig, now: number): Promise<readonly string[]> => {
  const found: string[] = []
  for (const key of await store.names(FOLDER)) {
    const { bucket } = await readBucket((each) => store.get(each), key)
    for (const count of Object.values(bucket)) if (count[0] >= config.threshold && !isStale(count, config, now)) found.push(count[2])
  }
  return found.sort()
}
