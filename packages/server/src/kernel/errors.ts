// One error class and one closed set of kinds. Every door renders from the same table, so that a status
// can never depend on the wording of a message. Anything thrown that is not a CofferError becomes
// `internal` with a request id at the edge, and its text stays inside.

export type ErrorKind =
  | 'invalid_request'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'conflict'
  | 'rate_limited'
  | 'sealed'
  | 'unavailable'
  | 'upstream_failed'
  | 'internal'

/** How each kind looks from outside: HTTP status, gRPC status code number and name, exit code of the CLI. */
export interface KindFacts {
  readonly http: number
  readonly grpc: number
  readonly cliExit: number
}

export const kindFacts: Readonly<Record<ErrorKind, KindFacts>> = Object.freeze({
  invalid_request: { http: 400, grpc: 3, cliExit: 2 },
  unauthenticated: { http: 401, grpc: 16, cliExit: 3 },
  permission_denied: { http: 403, grpc: 7, cliExit: 3 },
  not_found: { http: 404, grpc: 5, cliExit: 4 },
  conflict: { http: 409, grpc: 10, cliExit: 5 },
  rate_limited: { http: 429, grpc: 8, cliExit: 6 },
  sealed: { http: 503, grpc: 14, cliExit: 7 },
  unavailable: { http: 503, grpc: 14, cliExit: 7 },
  upstream_failed: { http: 502, grpc: 14, cliExit: 7 },
  internal: { http: 500, grpc: 13, cliExit: 1 },
})

export interface FailOptions {
  readonly cause?: unknown
  /** The input field that is wrong, as the caller named it. */
  readonly field?: string
  /** Seconds after which a retry makes sense; becomes Retry-After. */
  readonly retryAfterSeconds?: number
  /** A status that this one answer needs instead of the kind's own (413, 415, 405). */
  readonly httpStatus?: number
  /** What an answer carries besides its errors: metadata of a deleted KV version, never a value; what clashes, as a list. */
  readonly data?: Readonly<Record<string, unknown>> | readonly unknown[]
  /** The whole answer on Vault's door, where a standard has a form of its own (OAuth's, RFC 6749, 5.2). */
  readonly body?: Readonly<Record<string, string>>
}

/** The only error that carries text to a caller. `message` never holds a secret, SQL or a URL with credentials. */
export class CofferError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly field: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly httpStatus: number
  readonly data: FailOptions['data'] | undefined
  readonly body: FailOptions['body'] | undefined

  constructor(kind: ErrorKind, code: string, message: string, options: FailOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CofferError'
    this.kind = kind
    this.code = code
    this.field = options.field
    this.retryAfterSeconds = options.retryAfterSeconds
    this.httpStatus = options.httpStatus ?? kindFacts[kind].http
    this.data = options.data
    this.body = options.body
  }
}

/**
 * Makes an error to throw. `code` is catalogued (`area.what`) and never reused; `message` tells the user what to do next.
 */
export const fail = (kind: ErrorKind, code: string, message: string, options?: FailOptions): CofferError =>
  new CofferError(kind, code, message, options)

/** True for our own errors, also those that crossed a package or realm boundary. */
export const isCofferError = (error: unknown): error is CofferError =>
  error instanceof Error && error.name === 'CofferError' && 'kind' in error && 'code' in error

/** Our own error as it is; anything else as `internal` with the original as the cause. */
export const asCofferError = (error: unknown): CofferError =>
  isCofferError(error) ? error : fail('internal', 'internal', 'Something went wrong inside the server. The request id identifies it in the log.', { cause: error })

/** Quotes a user's identifier for a message: printable, bounded, never breaking out of the quotes. */
export const quote = (text: string): string => {
  const clipped = text.length > 120 ? `${text.slice(0, 117)}...` : text
  return JSON.stringify(clipped)
}
