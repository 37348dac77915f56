// What goes wrong, in the same closed set of kinds as the server's. Messages come from the server, which keeps secrets
// out of them, or from here, where only addresses, paths and codes are named.

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

export interface ErrorFacts {
  readonly kind: ErrorKind
  /** `area.what`, from the server's catalogue, or `client.…` for what happened before an answer. */
  readonly code: string
  /** The input field that is wrong. */
  readonly field?: string | undefined
  /** Finds the request in the server's log and audit. */
  readonly requestId?: string | undefined
  /** HTTP status; absent when no answer came. */
  readonly status?: number | undefined
  readonly retryAfterSeconds?: number | undefined
  readonly cause?: unknown
}

/** Every failure of a call. Check `kind`, or `code` for one particular reason; the text is for people. */
export class CofferError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly field: string | undefined
  readonly requestId: string | undefined
  readonly status: number | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'CofferError'
    this.kind = facts.kind
    this.code = facts.code
    this.field = facts.field
    this.requestId = facts.requestId
    this.status = facts.status
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** True for errors of this package, also those of another copy of it. */
export const isCofferError = (error: unknown): error is CofferError =>
  error instanceof Error && error.name === 'CofferError' && 'kind' in error && 'code' in error

const kindByStatus: Readonly<Record<number, ErrorKind>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'conflict',
  410: 'not_found',
  412: 'conflict',
  429: 'rate_limited',
  502: 'upstream_failed',
  503: 'unavailable',
  504: 'unavailable',
}

/** The kind that a status stands for. 503 is `sealed` when the server says so in the code. */
export const kindOf = (status: number, code: string): ErrorKind => {
  if (status === 503 && /sealed|not_initialised|^keyring\.closed$/.test(code)) return 'sealed'
  return kindByStatus[status] ?? (status >= 400 && status < 500 ? 'invalid_request' : 'internal')
}
