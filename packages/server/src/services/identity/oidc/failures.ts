// What the provider's endpoints refuse, in the forms of OAuth (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3).

import type { Call } from '../../../kernel/call.ts'
import { fail, type CofferError } from '../../../kernel/errors.ts'

const formOf = (httpStatus: number, error: string, description: string): { readonly httpStatus: number; readonly body: Readonly<Record<string, string>> } => ({ httpStatus, body: { error, error_description: description } })

export const refuseAuthorization = (state: string, error: string, description: string): CofferError =>
  fail('invalid_request', 'oidc.authorization_refused', description, { httpStatus: 400, body: { error, error_description: description, state } })

/** Clients that cannot say who they are hear how to. */
export const refuseExchange = (call: Call, error: string, description: string): CofferError => {
  if (error === 'invalid_client') call.tell?.(['www-authenticate', 'Basic'])
  return fail('invalid_request', 'oidc.exchange_refused', description, formOf(error === 'invalid_client' ? 401 : 400, error, description))
}

const USER_INFO = { invalid_request: 400, invalid_token: 401, access_denied: 403 } as const

export const refuseUserInfo = (call: Call, error: keyof typeof USER_INFO, description: string): CofferError => {
  if (error !== 'access_denied') call.tell?.(['www-authenticate', `Bearer error=${JSON.stringify(error)},error_description=${JSON.stringify(description)}`])
  return fail('invalid_request', 'oidc.userinfo_refused', description, formOf(USER_INFO[error], error, description))
}
