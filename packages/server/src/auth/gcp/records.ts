// What the method stores.

import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Config {
  readonly v: 1
  readonly iamAlias: 'role_id' | 'unique_id'
  readonly gceAlias: 'role_id' | 'instance_id'
  readonly iamMetadata: readonly string[]
  readonly gceMetadata: readonly string[]
  readonly endpoints: Readonly<Record<string, string>>
  /** What is not secret of the credentials. */
  readonly credentials: { readonly email: string; readonly id: string; readonly keyId: string; readonly project: string }
}

const ofAccount = ['project_id', 'role', 'service_account_id', 'service_account_email']
export const metadataNames = Object.freeze({ iam: ofAccount, gce: ['instance_creation_timestamp', 'instance_id', 'instance_name', 'project_id', 'project_number', 'role', 'service_account_id', 'service_account_email', 'zone'] })

export const defaultConfig: Config = Object.freeze<Config>({ v: 1, iamAlias: 'role_id', gceAlias: 'role_id', iamMetadata: metadataNames.iam, gceMetadata: metadataNames.gce, endpoints: {}, credentials: { email: '', id: '', keyId: '', project: '' } })

export interface Role extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly type: 'iam' | 'gce'
  readonly accounts: readonly string[]
  readonly projects: readonly string[]
  readonly zones: readonly string[]
  readonly regions: readonly string[]
  readonly addGroupAliases: boolean
  readonly maxJwtExpSeconds: number
  readonly allowGceInference: boolean
  readonly token: TokenSettings
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const roles = collection<Role>('role/')
