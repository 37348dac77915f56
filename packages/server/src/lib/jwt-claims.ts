/**
 * What a verified JSON Web Token says (RFC 7519): its times, its audiences, and claims by name or JSON pointer (RFC 6901). Leeways are
 * Vault's: what a token leaves out is made up from what it has.
 */
import type { JsonObject, JsonValue } from './json.ts'

export class ClaimError extends Error {
  readonly code = 'bad_claim'
}

export interface Leeways {
  /** Seconds; 0: the default of 150; below 0: none. For a token without `exp`. */
  readonly expirationSeconds: number
  /** The same for a token with neither `nbf` nor `iat`. */
  readonly notBeforeSeconds: number
  /** Seconds; 0: the default of 60; below 0: none. Between the issuer's clock and ours. */
  readonly clockSkewSeconds: number
}

const DEFAULT_LEEWAY = 150
const DEFAULT_SKEW = 60

const leeway = (seconds: number, fallback: number): number => (seconds === 0 ? fallback : Math.max(seconds, 0))

const instant = (claims: JsonObject, name: string): number | undefined => {
  const value = own(claims, name)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new ClaimError(`the claim ${name} is no time`)
  return value
}

/** Until when (seconds) the token is valid that is so now. Throws ClaimError unless it is. */
export function checkTimes(claims: JsonObject, nowSeconds: number, leeways: Leeways): number {
  const [issued, before, expires] = [instant(claims, 'iat'), instant(claims, 'nbf'), instant(claims, 'exp')]
  if (issued === undefined && before === undefined && expires === undefined) throw new ClaimError('it has none of the claims iat, nbf and exp')
  const skew = leeway(leeways.clockSkewSeconds, DEFAULT_SKEW)
  const end = expires ?? Math.max(issued ?? 0, before ?? 0) + leeway(leeways.expirationSeconds, DEFAULT_LEEWAY)
  const start = before ?? issued ?? end - leeway(leeways.notBeforeSeconds, DEFAULT_LEEWAY)
  if (nowSeconds + skew < start || (issued !== undefined && nowSeconds + skew < issued)) throw new ClaimError('it is not valid yet')
  if (nowSeconds - skew > end) throw new ClaimError('it has expired')
  return end + skew
}

/** The `aud` claim as a list. */
export function audiencesOf(claims: JsonObject): readonly string[] {
  const value = own(claims, 'aud')
  if (value === undefined || value === null) return []
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value]
  if (!list.every((each) => typeof each === 'string')) throw new ClaimError('the claim aud is no text')
  return list
}

/** A claim by its name or, with a leading slash, by JSON pointer; undefined when there is none. */
export function claimOf(claims: JsonObject, name: string): JsonValue | undefined {
  if (!name.startsWith('/')) return own(claims, name)
  let at: JsonValue | undefined = claims
  for (const step of name.slice(1).split('/')) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) at = /^(0|[1-9]\d{0,5})$/.test(key) ? (at as readonly JsonValue[])[Number(key)] : undefined
    else if (at !== null && typeof at === 'object') at = own(at as JsonObject, key)
    else return undefined
  }
  return at
}

const own = (claims: JsonObject, name: string): JsonValue | undefined => (Object.hasOwn(claims, name) ? claims[name] : undefined)

/** Whether a text matches a pattern in which `*` stands for anything, nothing included. */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return text === pattern
  const last = parts[parts.length - 1] ?? ''
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  const end = text.length - last.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
