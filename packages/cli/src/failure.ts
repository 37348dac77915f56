// What the command line itself refuses, with what to do next; and the exit code of every kind of failure.

import type { ErrorKind } from '@coffer/sdk'

export class CliFailure extends Error {
  readonly kind: ErrorKind
  readonly hint: string | undefined

  constructor(kind: ErrorKind, message: string, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CliFailure'
    this.kind = kind
    this.hint = hint
  }
}

/** A wrong command line. */
export const misuse = (message: string, hint?: string): CliFailure => new CliFailure('invalid_request', message, hint)

export const exitCodes: Readonly<Record<ErrorKind, number>> = Object.freeze({
  internal: 1,
  invalid_request: 2,
  unauthenticated: 3,
  permission_denied: 3,
  not_found: 4,
  conflict: 5,
  rate_limited: 6,
  sealed: 7,
  unavailable: 7,
  upstream_failed: 7,
})

/** What shells answer for a command that is there but cannot run, and for one that is not there. */
export const CANNOT_RUN = 126
export const NO_SUCH_COMMAND = 127
/** 128 + 2: ended at a prompt by Ctrl-C. */
export const INTERRUPTED = 130
