// What the provider's endpoints refuse, in the forms of OAuth (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3).

import type { Call } from '../../../kernel/call.ts'
import { fail, type CofferError } from '../../../kernel/errors.ts'

const of = (httpStatus: number, error: string, description: string, more: Readonly<Record<string, string>> = {}): CofferError =>
  fail('invalid_request', `oidc.${error}`, description, { httpStatus, body: { error, error_description: description, ...more } })

export const refuseAuthorization = (state: string, error: string, description: string): CofferError => of(400, error, description, { state })

/** Clients that cannot say who they are hear how to. */
export const refuseExchange = (call: Call, error: string, description: string): CofferError => {
  if (error === 'invalid_client') call.tell?.(['www-authenticate', 'Basic'])
  return of(error === 'invalid_client' ? 401 : 400, error, description)
}

const USER_INFO = { invalid_request: 400, invalid_token: 401, access_denied: 403 } as const

export const refuseUserInfo = (call: Call, error: keyof typeof USER_INFO, description: string): CofferError => {
  if (error !== 'access_denied') call.tell?.(['www-authenticate', `Bearer error=${JSON.stringify(error)},error_description=${JSON.stringify(description)}`])
  return of(USER_INFO[error], error, description)
}
