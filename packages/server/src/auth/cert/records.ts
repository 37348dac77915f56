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
  readonly token: TokenSettings
}

export const certs = collection<CertEntry>('cert/')
