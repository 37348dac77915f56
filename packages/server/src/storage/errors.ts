// Turns what the driver throws into our errors. A driver error's message, detail, hint and query may hold
// values ("Key (path)=(...) already exists", "invalid input syntax for type ..."), so none of them survives.

import { fail, isCofferError, type CofferError } from '../kernel/errors.ts'
import { StatementError, statementErrorOf } from '../kernel/storage.ts'

interface DriverError extends Error {
  readonly code?: string
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  readonly severity?: string
}

/** Classes 08 (connection), 53 (resources), 57P (shutdown, starting up) and 58 (I/O): the server is there but cannot serve. */
const unavailableStates = /^(08...|53...|57P0[1-5]|58...|25006|XX001)$/
const socketCodes = /^(E[A-Z]+|EAI_[A-Z]+|ERR_[A-Z_]+|CERT_[A-Z_]+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+)$/
const isSqlstate = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code)

const unavailable = (why: string): CofferError =>
  fail('unavailable', 'storage.unavailable', `The database cannot be reached at the moment (${why}). Try again shortly.`)

/** The one translation; our own errors pass unchanged. */
export const translateError = (error: unknown): CofferError => {
  if (isCofferError(error)) return error
  if (!(error instanceof Error)) return unavailable('unknown failure')
  const { code = '', severity } = error as DriverError // the driver adds these fields to a plain Error
  if (severity !== undefined && isSqlstate(code)) return refusal(error, code)
  if (socketCodes.test(code)) return unavailable(code)
  return unavailable(connectionFailure(error.message))
}

/** The driver reports a lost or timed-out connection by message only; these texts are its own and hold no data. */
const connectionFailure = (message: string): string => {
  if (/timeout/i.test(message)) return 'timeout'
  if (/terminated|closed|not queryable|ended/i.test(message)) return 'connection lost'
  return 'connection failed'
}

/**
 * Of a change that was sent and may have been committed, although the answer was not heard.
 * @param error as translated: what the database refused, it says itself, unless it was being shut down
 */
export const commitUnknown = (error: CofferError): CofferError => {
  const sqlstate = statementErrorOf(error)?.sqlstate
  if (sqlstate !== undefined && !sqlstate.startsWith('57P')) return error
  return fail('unavailable', 'storage.commit_unknown', 'The change was sent to the database, but its answer was lost. It may have been made: read it back before trying again.', { cause: error })
}

const refusal = (error: DriverError, sqlstate: string): CofferError => {
  const cause = new StatementError({
    sqlstate,
    constraint: error.constraint,
    table: error.table,
    column: error.column,
    raised: sqlstate.startsWith('CF') ? error.message : undefined,
  })
  if (unavailableStates.test(sqlstate)) {
    return fail('unavailable', 'storage.unavailable', `The database cannot serve at the moment (SQLSTATE ${sqlstate}). Try again shortly.`, { cause })
  }
  // Raised by the triggers that count leases.
  // Raised where something is made of what is being ended.
  if (sqlstate === 'CF401') return fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.', { cause })
  if (sqlstate === 'CF404') return fail('not_found', 'auth_mount.gone', 'The auth mount was disabled or moved meanwhile. Log in where it is now.', { cause })
  if (sqlstate === 'CF429') return fail('rate_limited', 'quota.leases_exceeded', 'lease count quota exceeded', { cause })
  if (sqlstate === '57014') return fail('unavailable', 'storage.statement_timeout', 'The database took too long to answer. Try again shortly.', { cause })
  if (sqlstate === '55P03') return fail('unavailable', 'storage.lock_timeout', 'The database is busy with a conflicting change. Try again shortly.', { cause })
  if (sqlstate === '40001' || sqlstate === '40P01') {
    return fail('unavailable', 'storage.contention', 'The change conflicted with others made at the same time. Try again.', { cause })
  }
  // Only what a caller sent can hold these: half a character, or U+0000, which PostgreSQL's text has no place for.
  if (sqlstate === '22021' || sqlstate === '22P05') return fail('invalid_request', 'request.bad_character', 'A text holds a character that cannot be stored, such as U+0000.', { cause })
  if (sqlstate.startsWith('28') || sqlstate === '3D000') {
    return fail('unavailable', 'storage.login_refused', `The database refused the server's login (SQLSTATE ${sqlstate}).`, { cause })
  }
  return fail('internal', 'storage.statement_refused', `The database refused a statement (SQLSTATE ${sqlstate}).`, { cause })
}
