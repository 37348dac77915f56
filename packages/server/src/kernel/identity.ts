// A token as its row says, less the token itself: only an HMAC of it is stored.

export interface TokenRow {
  readonly tokenId: string
  readonly accessor: string
  readonly principalId: string | undefined
  readonly parentId: string | undefined
  readonly displayName: string
  readonly policies: readonly string[]
  readonly root: boolean
  readonly lockMountId: string | undefined
  readonly lockEnvironment: string | undefined
  readonly issuePath: string
  readonly boundCidrs: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** 0: unlimited. */
  readonly numUses: number
  /** What is left of numUses, as the database counted when the row was read. */
  readonly usesLeft?: number | undefined
  readonly ttlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly renewable: boolean
  readonly issuedAt: number
  readonly expiresAt: number | undefined
  readonly lastRenewedAt: number | undefined
  /** Whether the login that gave it included a second step of its holder. */
  readonly mfa: boolean
  readonly rowVersion: number
  /** Of a batch token, which has no row; undefined: a service token. */
  readonly batch?: BatchOrigin | undefined
}

/** A role as it was when it gave a token. */
export interface RoleMark {
  /** The space of sealed entries that holds it: a mount's id, or that of the token roles. */
  readonly mountId: string
  readonly key: string
  readonly uid: string
}

/** What a batch token depends on besides its parent and its principal. */
export interface BatchOrigin {
  readonly mountId: string | undefined
  readonly role: RoleMark | undefined
  /** The one request that it is good for; undefined: every one. */
  readonly requestId?: string | undefined
}

export type PrincipalKind = 'user' | 'service_account' | 'workload'

export interface PrincipalRow {
  readonly principalId: string
  readonly kind: PrincipalKind
  readonly name: string
  readonly displayName: string
  readonly policies: readonly string[]
  readonly disabled: boolean
  readonly metadata: Readonly<Record<string, string>>
  /** Principals that were merged into this one. */
  readonly mergedIds: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
  readonly rowVersion: number
}

/** By what name a principal logs in at which auth mount. */
export interface AliasRow {
  readonly aliasId: string
  /** The organization's id for auth/token, which is no mount. */
  readonly mountId: string
  readonly name: string
  readonly principalId: string
  /** What the auth method says of it, anew at each login. */
  readonly metadata: Readonly<Record<string, string>>
  /** What administrators say of it. */
  readonly customMetadata: Readonly<Record<string, string>>
  readonly mergedFrom: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
  readonly rowVersion: number
}

/** Members of an internal group are set by administrators, those of an external one by what logins say. */
export type GroupKind = 'internal' | 'external'

export interface GroupRow {
  readonly groupId: string
  readonly kind: GroupKind
  readonly name: string
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
  readonly rowVersion: number
}

/** By what name an issuer behind an auth mount knows an external group. */
export interface GroupAliasRow {
  readonly aliasId: string
  readonly mountId: string
  readonly name: string
  readonly groupId: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly rowVersion: number
}

export interface BindingRow {
  readonly bindingId: string
  readonly principalId: string | undefined
  readonly groupId: string | undefined
  readonly role: string
  readonly mountId: string | undefined
  readonly environment: string | undefined
  readonly rowVersion: number
}

/** A principal with everything that it is granted, each row's MAC checked. */
export interface PrincipalGrants {
  readonly principal: PrincipalRow
  /** Its own and those that these are in. */
  readonly groups: readonly GroupRow[]
  readonly bindings: readonly BindingRow[]
  readonly aliases: readonly AliasRow[]
}

/** A token with everything that it is granted, each row's MAC checked. */
export interface LoadedToken extends Omit<PrincipalGrants, 'principal'> {
  readonly token: TokenRow
  readonly principal: PrincipalRow | undefined
  /** When it ends, where that is not by its own time alone: with what it was made from. */
  readonly endsAt?: number | undefined
}

/** The names that a JSON policy may call a principal by. */
export const principalNames = (principal: Pick<PrincipalRow, 'kind' | 'name'>, token: Pick<TokenRow, 'lockEnvironment'>): readonly string[] => {
  const kind = { user: 'user', service_account: 'service', workload: 'workload' }[principal.kind]
  const names = [`${kind}:${principal.name}`]
  if (principal.kind !== 'user' && token.lockEnvironment !== undefined) names.unshift(`${kind}:${token.lockEnvironment}:${principal.name}`)
  return names
}

export type PolicyKind = 'acl' | 'json'

export interface PolicyRow {
  readonly policyId: string
  readonly kind: PolicyKind
  readonly name: string
  /** As written. */
  readonly body: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly rowVersion: number
}
