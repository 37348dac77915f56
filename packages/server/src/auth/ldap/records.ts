// What the method stores.

import type { DirectorySearch, DirectoryTls } from '../../kernel/auth/directory.ts'
import { noTokenSettings, type TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface Config {
  readonly v: 1
  /** As it was given, in lower case, with commas between addresses. */
  readonly url: string
  readonly tls: DirectoryTls
  readonly bindName: string
  readonly bindPassword: string
  readonly userBase: string
  readonly userAttribute: string
  readonly userFilter: string
  readonly upnDomain: string
  readonly samAccountNames: boolean
  readonly discover: boolean
  readonly anonymousGroupSearch: boolean
  readonly groupBase: string
  readonly groupFilter: string
  readonly groupAttribute: string
  readonly useTokenGroups: boolean
  readonly caseSensitive: boolean
  readonly usernameAsAlias: boolean
  readonly requestTimeoutSeconds: number
  readonly connectionTimeoutSeconds: number
  readonly dereference: DirectorySearch['dereference']
  readonly pageSize: number
  readonly token: TokenSettings
}

/** Vault's defaults: they hold before anything is written, too. */
export const defaultConfig: Config = Object.freeze<Config>({
  v: 1, url: 'ldap://127.0.0.1',
  tls: { startTls: false, insecure: false, caPem: '', clientCertificatePem: '', clientKeyPem: '', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  bindName: '', bindPassword: '', userBase: '', userAttribute: 'cn', userFilter: '({{.UserAttr}}={{.Username}})', upnDomain: '', samAccountNames: false, discover: false, anonymousGroupSearch: false,
  groupBase: '', groupFilter: '(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))', groupAttribute: 'cn', useTokenGroups: false, caseSensitive: false, usernameAsAlias: false,
  requestTimeoutSeconds: 90, connectionTimeoutSeconds: 30, dereference: 'never', pageSize: 0, token: noTokenSettings,
})

export interface User {
  readonly v: 1
  readonly groups: readonly string[]
  readonly policies: readonly string[]
}

export interface Group {
  readonly v: 1
  readonly policies: readonly string[]
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const users = collection<User>('user/')
export const groups = collection<Group>('group/')

/** A name as entries are found by it. */
export const nameKey = (config: Config, name: string): string => (config.caseSensitive ? name : name.toLowerCase())

/** Whether an entry can have the name: what a directory says need not be one. */
export const isNameKey = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && name.length <= 255 && !/[/\p{Cc}\ufffe\uffff]/u.test(name) && name.isWellFormed()
