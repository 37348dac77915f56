// What the method stores.

import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Config {
  readonly v: 1
  readonly organization: string
  readonly organizationId: number
  /** Empty: github.com. */
  readonly baseUrl: string
  readonly token: TokenSettings
}

/** Policies of a team or user. */
export interface Mapping extends NamedRecord {
  readonly v: 1
  /** As given. */
  readonly value: string
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const teams = collection<Mapping>('team/')
export const users = collection<Mapping>('user/')
/** Holds for everybody who may log in. */
export const DEFAULT_KEY = 'default'
