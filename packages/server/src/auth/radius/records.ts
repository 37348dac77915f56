// What the method stores.

import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Config {
  readonly v: 1
  readonly host: string
  readonly port: number
  readonly secret: string
  readonly unregisteredUserPolicies: readonly string[]
  readonly dialTimeoutSeconds: number
  readonly readTimeoutSeconds: number
  readonly nasPort: number
  readonly nasIdentifier: string
  readonly token: TokenSettings
}

export interface User {
  readonly v: 1
  readonly policies: readonly string[]
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
/** By the exact name: whether case tells users apart is the server's to say. */
export const users = collection<User>('user/')

export const isUserName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 253 && !/[/\p{Cc}\p{Cf}\ufffe\uffff]/u.test(name) && name.isWellFormed() && name === name.trim()
