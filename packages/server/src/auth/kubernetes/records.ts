// What the method stores.

import type { KeySource } from '../../kernel/auth/method.ts'
import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Config {
  readonly v: 1
  /** Empty: no TokenReview. */
  readonly host: string
  readonly caPem: string
  /** Empty: a token reviews itself. */
  readonly reviewerToken: string
  readonly source: KeySource | null
  readonly issuer: string
  readonly checkIssuer: boolean
  readonly disableLocalCaJwt: boolean
  readonly useAnnotations: boolean
}

export interface Role extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly names: readonly string[]
  readonly namespaces: readonly string[]
  readonly audience: string
  readonly aliasBy: 'serviceaccount_uid' | 'serviceaccount_name'
  readonly token: TokenSettings
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const roles = collection<Role>('role/')
