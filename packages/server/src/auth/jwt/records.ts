// What the method stores.

import type { KeySource } from '../../kernel/auth/method.ts'
import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'
import type { JsonObject } from '../../lib/json.ts'

export interface Config {
  readonly v: 1
  readonly source: KeySource
  readonly algorithms: readonly string[]
  /** Empty: any. */
  readonly boundIssuer: string
  readonly defaultRole: string
  /** Of the redirect flow; absent in what was written before there was one. */
  readonly oidcClientId?: string
  readonly oidcClientSecret?: string
}

export interface Role extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly type: 'jwt' | 'oidc'
  readonly expirationLeeway: number
  readonly notBeforeLeeway: number
  readonly clockSkewLeeway: number
  readonly boundAudiences: readonly string[]
  readonly boundSubject: string
  readonly boundClaimsType: 'string' | 'glob'
  readonly boundClaims: JsonObject
  readonly claimMappings: Readonly<Record<string, string>>
  readonly userClaim: string
  readonly userClaimJsonPointer: boolean
  readonly groupsClaim: string
  readonly allowedRedirectUris: readonly string[]
  readonly oidcScopes: readonly string[]
  readonly verboseOidcLogging: boolean
  readonly maxAgeSeconds: number
  readonly token: TokenSettings
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const roles = collection<Role>('role/')
