// Where Vault's statuses and texts differ from the product's own: one table, because clients match on them.

import type { CofferError } from '../../kernel/errors.ts'

/** Vault answers a bad token with 403 and a failed compare-and-swap with 400. */
export const vaultStatus = (error: CofferError): number => (error.kind === 'unauthenticated' ? 403 : error.kind === 'conflict' ? 400 : error.httpStatus)

/** What is not there and says so; elsewhere nothing there is an empty list. */
const TELLING: ReadonlySet<string> = new Set(['vault.no_handler', 'password_policy.not_found'])

/** The texts of `{"errors": []}`. */
export const errorsOf = (error: CofferError): readonly string[] => {
  switch (error.kind) {
    case 'permission_denied':
      // Handlers that refuse for a reason of their own say it; the policy's refusal is always the same words.
      return error.code === 'policy.denied' ? ['1 error occurred:\n\t* permission denied\n\n'] : [error.message]
    case 'unauthenticated':
      return error.code === 'token.missing' ? ['permission denied'] : ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n']
    case 'not_found':
      return TELLING.has(error.code) ? [error.message] : []
    default:
      return [error.message]
  }
}
