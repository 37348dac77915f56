// What Vault's door makes of what an operation answered, or why it did not: the answer that is sent, and the status that records say
// was sent, come from the same place.

import { fail, isCofferError, type CofferError } from '../../kernel/errors.ts'
import type { Operation } from '../../kernel/operation.ts'
import { wholeServerOnly } from '../../kernel/tenancy.ts'
import type { Answer } from '../../request/exchange.ts'
import type { DoorForm, Outcome, Refused } from '../../request/form.ts'
import { errorEnvelope, saysWarningsOnly } from './envelope.ts'
import { bareStatus, errorsOf, vaultStatus } from './status.ts'

const noWrappingToken = (): CofferError => fail('permission_denied', 'wrapping.empty', 'error validating wrapping token: token is empty')

/**
 * What somebody without a token is told below an organization that is not there: the same as below one in which nothing is, so
 * that names cannot be tried.
 */
const nowhere = ({ id }: Operation): CofferError | Answer => {
  if (id === 'system.visibleMounts') return { status: 200, data: { document: { secret: {}, auth: {} } }, ignored: [] }
  if (id === 'identity.validateMfa') return fail('permission_denied', 'mfa.no_request', 'invalid request ID')
  if (id.startsWith('operator.')) return wholeServerOnly()
  return fail('unauthenticated', 'token.missing', 'permission denied')
}

/** What is told instead. A token that is no wrapping token any more is a bad request, not a stranger. */
export const toldFor = (error: CofferError, operation: Operation, { token, raw }: Refused): CofferError | Answer => {
  // Of a public operation nobody is the caller, whatever token came along.
  if (error.code === 'organization.not_found' && (token === undefined || operation.access === 'public')) return nowhere(operation)
  if (operation.id !== 'system.unwrap' || error.kind !== 'unauthenticated') return error
  if (token !== undefined) return fail('invalid_request', 'wrapping.invalid', 'wrapping token is not valid or does not exist', { cause: error })
  return raw.body?.['token'] === undefined ? noWrappingToken() : error
}

export const errorStatus = (error: CofferError): number => bareStatus(error) ?? (error.body === undefined ? vaultStatus(error) : error.httpStatus)

interface Refusal {
  readonly status: number
  /** Undefined: the status says it all. `isNobody`: the request brought no token. */
  readonly bodyFor: ((requestId: string, isNobody: boolean) => unknown) | undefined
}

/** How an error is answered. */
export const refusalOf = (error: CofferError): Refusal => {
  const { code, kind, data, body } = error
  // What is deleted is not there, and has data all the same; what is refused has it beside the errors.
  const isEnveloped = code === 'kv.unknown_path' || (data !== undefined && kind === 'not_found')
  const bodyFor = (requestId: string, isNobody: boolean): unknown => body ?? (isEnveloped ? errorEnvelope(requestId, error) : { errors: errorsOf(error, isNobody), ...(data === undefined ? {} : { data }) })
  return { status: errorStatus(error), bodyFor: bareStatus(error) === undefined ? bodyFor : undefined }
}

/** Without a body. */
export const emptyStatus = (status: number): number => (status === 202 ? 202 : 204)

const hasWarnings = ({ data }: Outcome): boolean => {
  const warnings = data?.['warnings']
  return Array.isArray(warnings) && warnings.length > 0
}

export const vaultForm: DoorForm = {
  snake: true,
  status: (operation, answer) => (answer.data === undefined || (saysWarningsOnly(operation) && !hasWarnings(answer)) ? emptyStatus(answer.status) : answer.status),
  isOpen: (operation) => operation.orNothing === true || saysWarningsOnly(operation),
  errorStatus: (error, operation, request) => {
    const told = toldFor(error, operation, request)
    return isCofferError(told) ? errorStatus(told) : told.status
  },
}
