// Whether verified claims are those that a role wants. Pure.

import { audiencesOf, claimOf, ClaimError, globMatches } from '../../lib/jwt-claims.ts'
import type { JsonObject, JsonValue } from '../../lib/json.ts'
import type { Role } from './records.ts'

type Scalar = string | number | boolean

/** One value or a list of them; undefined for anything else. */
export const boundValues = (value: JsonValue): readonly Scalar[] | undefined => {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value]
  const scalars = list.flatMap((each) => (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean' ? [each] : []))
  return scalars.length === list.length ? scalars : undefined
}

const checkAudience = (claims: JsonObject, bound: readonly string[]): void => {
  const audiences = audiencesOf(claims)
  // A token that was made for somebody else must not open anything here.
  if (bound.length === 0 && audiences.length > 0) throw new ClaimError('audience claim found in JWT but no audiences bound to the role')
  if (bound.length > 0 && !bound.some((each) => audiences.includes(each))) throw new ClaimError('aud claim does not match any bound audience')
}

const checkBound = (claims: JsonObject, name: string, wanted: JsonValue, useGlobs: boolean): void => {
  const actual = claimOf(claims, name)
  if (actual === undefined || actual === null) throw new ClaimError(`claim ${JSON.stringify(name)} is missing`)
  const [has, wants] = [boundValues(actual), boundValues(wanted)]
  const matches = (one: Scalar, other: Scalar): boolean => (useGlobs && typeof one === 'string' && typeof other === 'string' ? globMatches(one, other) : one === other)
  if (has === undefined || wants === undefined || !wants.some((one) => has.some((other) => matches(one, other)))) throw new ClaimError(`claim ${JSON.stringify(name)} does not match any associated bound claim values`)
}

/** @throws ClaimError naming the first claim that does not fit */
export const checkClaims = (role: Role, claims: JsonObject, issuer: { readonly wanted: string; readonly discovered: string | undefined }, nowSeconds: number): void => {
  const iss = claimOf(claims, 'iss')
  if (issuer.wanted !== '' && iss !== issuer.wanted) throw new ClaimError('invalid issuer (iss) claim')
  if (issuer.discovered !== undefined && iss !== issuer.discovered) throw new ClaimError('invalid issuer (iss) claim')
  if (role.boundSubject !== '' && claimOf(claims, 'sub') !== role.boundSubject) throw new ClaimError('sub claim does not match bound subject')
  checkAudience(claims, role.boundAudiences)
  for (const [name, wanted] of Object.entries(role.boundClaims)) checkBound(claims, name, wanted, role.boundClaimsType === 'glob')
  if (role.maxAgeSeconds === 0) return
  const authenticated = claimOf(claims, 'auth_time')
  if (typeof authenticated !== 'number' || nowSeconds - authenticated > role.maxAgeSeconds) throw new ClaimError('the holder was not authenticated recently enough')
}

/** The name of the holder. @throws ClaimError */
export const userOf = (role: Role, claims: JsonObject): string => {
  // Without the pointer flag a name is taken as it is, slashes included.
  const value = role.userClaimJsonPointer ? claimOf(claims, role.userClaim) : Object.hasOwn(claims, role.userClaim) ? claims[role.userClaim] : undefined
  if (value === undefined || value === null) throw new ClaimError(`claim ${JSON.stringify(role.userClaim)} not found in token`)
  if (typeof value !== 'string') throw new ClaimError(`claim ${JSON.stringify(role.userClaim)} could not be converted to string`)
  return value
}

/** @throws ClaimError when the claim is set on the role and not a list of texts */
export const groupsOf = (role: Role, claims: JsonObject): readonly string[] => {
  if (role.groupsClaim === '') return []
  const value = claimOf(claims, role.groupsClaim)
  const groups = value === undefined || value === null ? undefined : boundValues(value)
  if (groups === undefined || groups.some((each) => typeof each !== 'string')) throw new ClaimError(`${JSON.stringify(role.groupsClaim)} claim not found in token or not a list of strings`)
  return groups.map(String).filter((each) => each !== '')
}

/** @throws ClaimError for a mapped claim that is not text */
export const metadataOf = (role: Role, claims: JsonObject): Readonly<Record<string, string>> => {
  const mapped = Object.entries(role.claimMappings).flatMap(([claim, target]) => {
    const value = claimOf(claims, claim)
    if (value === undefined || value === null) return []
    if (typeof value !== 'string' || value.length > 1024) throw new ClaimError(`error converting claim ${JSON.stringify(claim)} to string`)
    return [[target, value] as const]
  })
  return { ...Object.fromEntries(mapped), role: role.name }
}
