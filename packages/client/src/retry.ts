// When and how long to wait before another try: exponential back-off with full jitter, so that clients that failed
// together do not come back together.

import { CofferError, isCofferError } from './errors.ts'
import type { OperationFacts } from './operation.ts'

export interface RetryPolicy {
  /** Tries after the first; 0 turns retries off. */
  readonly retries: number
  readonly baseSeconds: number
  readonly maxSeconds: number
}

export const defaultRetry: RetryPolicy = { retries: 3, baseSeconds: 0.1, maxSeconds: 5 }

/** A number in [0, 1) that two clients do not share. */
export const randomFraction = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32

/**
 * Whether the same request may be sent again. 429 was refused before any work; everything else only where a second
 * execution is harmless: the first may have happened although its answer says 503 or was lost. A sealed server waits for people.
 */
export const mayRetry = (error: unknown, repeat: OperationFacts['repeat']): boolean => {
  if (!isCofferError(error) || error.code === 'client.aborted') return false
  if (error.kind === 'rate_limited') return true
  if (repeat === 'never' || error.kind === 'sealed') return false
  return error.status === 503 || error.code === 'client.unreachable' || error.code === 'client.timeout'
}

/** Seconds to wait before try `attempt` (0 is the first repetition), never less than the server asked for. */
export const delaySeconds = (policy: RetryPolicy, attempt: number, error: unknown, fraction: number): number => {
  const ceiling = Math.min(policy.maxSeconds, policy.baseSeconds * 2 ** attempt)
  const asked = isCofferError(error) ? (error.retryAfterSeconds ?? 0) : 0
  return asked + ceiling * fraction
}

/** Waits, unless the signal ends it. @throws CofferError `client.aborted` */
export const pause = (seconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal.reason))
      return
    }
    const stop = (): void => {
      clearTimeout(timer)
      reject(aborted(signal?.reason))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, seconds * 1000)
    signal?.addEventListener('abort', stop, { once: true })
  })

export const aborted = (reason: unknown): CofferError => new CofferError('The call was aborted.', { kind: 'unavailable', code: 'client.aborted', cause: reason })

/** Seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3). */
export const parseRetryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  if (/^\d{1,6}$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}
