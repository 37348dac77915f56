// The port over second steps of logins: methods, who must use them, each entity's secrets, and logins that wait for a
// passcode. services/identity/mfa fills it.

import type { Secret } from '../../crypto/secret.ts'
import type { Call, Grant } from '../call.ts'

export const totpAlgorithms = ['SHA1', 'SHA256', 'SHA512'] as const

export interface TotpMethod {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly periodSeconds: number
  readonly keyBytes: number
  /** Width of the picture in pixels; 0: none. */
  readonly qrPixels: number
  readonly algorithm: (typeof totpAlgorithms)[number]
  readonly digits: 6 | 8
  /** How many periods a code may be early or late. */
  readonly skew: 0 | 1
  readonly maxAttempts: number
}

export interface Enforcement {
  readonly id: string
  readonly name: string
  readonly methodIds: readonly string[]
  readonly mountAccessors: readonly string[]
  readonly mountTypes: readonly string[]
  readonly groupIds: readonly string[]
  readonly entityIds: readonly string[]
}

/** What an authenticator program is given. */
export interface TotpSecret {
  /** PNG in base64; undefined when the method has no pictures. */
  readonly barcode: Secret<string> | undefined
  readonly url: Secret<string>
}

export interface MfaPort {
  methods(orgId: string): Promise<readonly TotpMethod[]>
  putMethod(grant: Grant, call: Call, method: TotpMethod): Promise<void>
  /** With every secret that was made for it. @throws invalid_request while an enforcement names it */
  deleteMethod(grant: Grant, call: Call, id: string): Promise<void>
  enforcements(orgId: string): Promise<readonly Enforcement[]>
  /** When this returns every login it is about asks for the second step. */
  putEnforcement(grant: Grant, call: Call, enforcement: Enforcement): Promise<void>
  deleteEnforcement(grant: Grant, call: Call, name: string): Promise<void>
  /** Undefined: the entity has a secret already. @throws invalid_request for an unknown method or entity */
  makeSecret(grant: Grant, call: Call, wanted: { readonly methodId: string; readonly entityId: string }): Promise<TotpSecret | undefined>
  deleteSecret(grant: Grant, call: Call, of: { readonly methodId: string; readonly entityId: string }): Promise<void>
  /** Finishes a login that waits. @throws permission_denied */
  validate(call: Call, answer: { readonly requestId: string; readonly passcodes: Readonly<Record<string, readonly string[]>> }): Promise<Readonly<Record<string, unknown>>>
}
