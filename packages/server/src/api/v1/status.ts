// Where Vault's statuses and texts differ from the product's own: one table, because clients match on them.

import type { CofferError } from '../../kernel/errors.ts'

/** Said by the status alone, without a body: what is not there to be patched, and a secret id that nobody knows. */
const BARE: ReadonlyMap<string, number> = new Map([['kv.nothing_to_patch', 404], ['approle.secret_id_not_found', 204]])

export const bareStatus = ({ code }: CofferError): number | undefined => BARE.get(code)

/** Vault answers a bad token with 403 and a failed compare-and-swap with 400. */
export const vaultStatus = (error: CofferError): number => (error.kind === 'unauthenticated' ? 403 : error.kind === 'conflict' ? 400 : error.httpStatus)

/** How Vault's framework prints the errors that it collects. */
const listed = (...texts: readonly string[]): string => `${texts.length} error${texts.length === 1 ? '' : 's'} occurred:\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`

const DENIED = 'permission denied'

/** Refused without a word: verbs that HTTP knows and Vault does not, and a query that is none. */
const SILENT: ReadonlySet<string> = new Set(['request.verb', 'request.bad_list'])
/** Not found, and why is said. */
const SAID: ReadonlySet<string> = new Set(['vault.no_handler', 'vault.unsupported_path', 'password_policy.not_found', 'approle.role_unknown'])
/** What Vault's framework wraps. */
const LISTED: ReadonlySet<string> = new Set([
  'request.method', 'vault.unsupported_path', 'capabilities.bad_token', 'capabilities.bad_accessor', 'password_policy.not_found', 'password_policy.missing', 'cubbyhole.no_data', 'cubbyhole.no_path',
])

const textOf = (error: CofferError): string => {
  if (LISTED.has(error.code)) return listed(error.message)
  if (error.code === 'request.not_object') return `error parsing JSON: failed to parse JSON input: json: cannot unmarshal ${/(\w+)\.$/.exec(error.message)?.[1] ?? 'value'} into Go value of type map[string]interface {}`
  if (error.code === 'request.bad_json') return `error parsing JSON: ${error.message}`
  // The field as Vault names it; the value is not repeated.
  if (error.code === 'request.invalid_field') return `Field validation failed: error converting input for field ${error.message}`
  return error.message
}

/** The texts of `{"errors": []}`. `isNobody`: the request brought no token at all. */
export const errorsOf = (error: CofferError, isNobody = false): readonly string[] => {
  if (SILENT.has(error.code)) return []
  switch (error.kind) {
    case 'permission_denied':
      // Handlers that refuse for a reason of their own say it; the policy's refusal is always the same words.
      return error.code === 'policy.denied' ? [listed(DENIED)] : [error.message]
    case 'unauthenticated':
      return isNobody || error.code === 'token.missing' ? [DENIED] : [listed(DENIED, 'invalid token')]
    case 'not_found':
      // Nothing there is an empty list; a path that nobody handles says so.
      return SAID.has(error.code) ? [textOf(error)] : []
    default:
      return [textOf(error)]
  }
}
