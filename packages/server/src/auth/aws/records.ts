// What the method stores.

import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Client {
  readonly v: 1
  readonly accessKey: string
  readonly secretKey: string
  readonly endpoint: string
  readonly iamEndpoint: string
  readonly stsEndpoint: string
  readonly stsRegion: string
  readonly useRegionOfRequest: boolean
  readonly serverId: string
  /** In lower case. */
  readonly allowedHeaders: readonly string[]
  readonly maxRetries: number
}

export const defaultClient: Client = Object.freeze<Client>({ v: 1, accessKey: '', secretKey: '', endpoint: '', iamEndpoint: '', stsEndpoint: '', stsRegion: '', useRegionOfRequest: false, serverId: '', allowedHeaders: [], maxRetries: -1 })

export const aliasKinds = ['role_id', 'unique_id', 'canonical_arn', 'full_arn'] as const

export interface Identity {
  readonly v: 1
  readonly alias: (typeof aliasKinds)[number]
  readonly metadata: readonly string[]
}

export const defaultIdentity: Identity = Object.freeze<Identity>({ v: 1, alias: 'role_id', metadata: ['account_id', 'auth_type'] })

export interface Role extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly principals: readonly string[]
  /** Of those principals that are whole names, when they are resolved. */
  readonly principalIds: readonly string[]
  readonly accounts: readonly string[]
  readonly resolveIds: boolean
  readonly token: TokenSettings
}

export const configs = collection<Client>('config/')
export const CLIENT = 'client'
export const identities = collection<Identity>('identity/')
export const IDENTITY = 'main'
export const roles = collection<Role>('role/')
