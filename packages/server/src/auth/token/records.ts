// What is stored of a token role.

import type { JsonValue } from '../../lib/json.ts'

export interface TokenRole {
  readonly name: string
  /** Made with the role and never used again: one that is deleted and made anew is another. */
  readonly uid: string
  readonly orphan: boolean
  readonly renewable: boolean
  readonly pathSuffix: string
  readonly allowedPolicies: readonly string[]
  readonly disallowedPolicies: readonly string[]
  readonly allowedPoliciesGlob: readonly string[]
  readonly disallowedPoliciesGlob: readonly string[]
  readonly allowedEntityAliases: readonly string[]
  readonly tokenBoundCidrs: readonly string[]
  readonly tokenPeriod: number
  readonly tokenExplicitMaxTtl: number
  readonly tokenNumUses: number
  readonly tokenNoDefaultPolicy: boolean
  readonly tokenType: string
}

export const newRole = (name: string, uid: string): TokenRole => ({
  name, uid, orphan: false, renewable: true, pathSuffix: '', allowedPolicies: [], disallowedPolicies: [], allowedPoliciesGlob: [], disallowedPoliciesGlob: [], allowedEntityAliases: [],
  tokenBoundCidrs: [], tokenPeriod: 0, tokenExplicitMaxTtl: 0, tokenNumUses: 0, tokenNoDefaultPolicy: false, tokenType: 'default-service',
})

export const roleKey = (name: string): string => `roles/${name}`

/** A stored role; what later versions add has its default. */
export const readRole = (name: string, stored: JsonValue): TokenRole => {
  if (stored === null || typeof stored !== 'object' || Array.isArray(stored)) throw new Error('a stored token role is not an object')
  // Written by writeRole of this or an older version: fields have these types.
  return { ...newRole(name, ''), ...(stored as unknown as Partial<TokenRole>) }
}

export const writeRole = (role: TokenRole): JsonValue => ({ ...role })
