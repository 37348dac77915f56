// What the method stores.

import type { NamedRecord } from '../../kernel/auth/roles.ts'
import type { TokenSettings } from '../../kernel/auth/token-settings.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'

export interface CertEntry extends NamedRecord {
  readonly v: 1
  readonly name: string
  readonly certificate: string
  readonly displayName: string
  readonly allowedNames: readonly string[]
  readonly allowedCommonNames: readonly string[]
  readonly allowedDnsSans: readonly string[]
  readonly allowedEmailSans: readonly string[]
  readonly allowedUriSans: readonly string[]
  readonly allowedOrganizationalUnits: readonly string[]
  readonly allowedOrganizations: readonly string[]
  /** `oid:pattern`, or `hex:oid:pattern`. */
  readonly requiredExtensions: readonly string[]
  readonly allowedMetadataExtensions: readonly string[]
  readonly token: TokenSettings
}

export interface Config {
  readonly v: 1
  readonly disableBinding: boolean
  readonly enableIdentityAliasMetadata: boolean
  readonly ocspCacheSize: number
  readonly roleCacheSize: number
  readonly enableMetadataOnFailures: boolean
}

export interface Crl {
  readonly v: 1
  /** Decimal. */
  readonly serials: readonly string[]
  /** Where it came from, and until when it is the newest; 0: it does not say. */
  readonly source: { readonly url: string; readonly validUntil: number } | null
}

export const configs = collection<Config>('config/')
export const CONFIG = 'main'
export const noConfig: Config = Object.freeze({ v: 1, disableBinding: false, enableIdentityAliasMetadata: false, ocspCacheSize: 100, roleCacheSize: 200, enableMetadataOnFailures: false })
export const crls = collection<Crl>('crl/')

export const certs = collection<CertEntry>('cert/')
