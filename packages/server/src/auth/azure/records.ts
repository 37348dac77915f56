// What the method stores.

import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export const environments = {
  azurepubliccloud: { authority: 'https://login.microsoftonline.com', issuer: 'https://sts.windows.net' },
  azurechinacloud: { authority: 'https://login.chinacloudapi.cn', issuer: 'https://sts.chinacloudapi.cn' },
  azureusgovernmentcloud: { authority: 'https://login.microsoftonline.us', issuer: 'https://sts.windows.net' },
} as const

export interface Config {
  readonly v: 1
  readonly tenantId: string
  readonly resource: string
  /** As given; empty: the public cloud. */
  readonly environment: string
  readonly clientId: string
  readonly rootPasswordTtlSeconds: number
  readonly maxRetries: number
  readonly maxRetryDelaySeconds: number
  readonly retryDelaySeconds: number
  readonly jwksUrl: string
  readonly jwksCaPem: string
  readonly issuer: string
}

export interface Role extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly principals: readonly string[]
  readonly groups: readonly string[]
  readonly subscriptions: readonly string[]
  readonly resourceGroups: readonly string[]
  readonly scaleSets: readonly string[]
  readonly token: TokenSettings
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const roles = collection<Role>('role/')
