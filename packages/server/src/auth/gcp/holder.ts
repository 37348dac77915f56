// Who a token is of: a service account that signed it itself, or Google for an account or an instance. Pure, but for the keys.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { JwsError } from '../../crypto/jws.ts'
import { ClaimError, claimOf } from '../../lib/jwt-claims.ts'
import { isObject, JsonError, parseJson, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Config, Role } from './records.ts'

export interface Instance {
  readonly id: string
  readonly name: string
  readonly zone: string
  readonly project: string
  readonly projectNumber: string
  readonly createdAt: string
}

export interface Holder {
  readonly claims: JsonObject
  /** Empty when the token does not prove it. */
  readonly email: string
  /** The account's number; empty when the token does not prove it. */
  readonly uniqueId: string
  /** Empty when neither the account's name nor the instance says. */
  readonly project: string
  readonly instance: Instance | undefined
}

const GOOGLE = 'https://www.googleapis.com'
const ISSUERS: readonly JsonValue[] = ['https://accounts.google.com', 'accounts.google.com']
const EMAIL = /^[a-z0-9-]{1,64}@(?:([a-z][a-z0-9-]{1,62})\.iam|[a-z0-9-]{1,64}\.google\.com\.iam|developer|appspot|cloudservices)\.gserviceaccount\.com$/
const UNIQUE_ID = /^\d{10,30}$/

const projectOf = (email: string): string => EMAIL.exec(email)?.[1] ?? ''

/** What a token says of itself, before anything is verified: only to know whose keys to ask for. */
const unverifiedSubject = (token: string): string => {
  try {
    const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'), { maxDepth: 16, maxBytes: 65_536 })
    const subject = isObject(claims) ? claims['sub'] : undefined
    return typeof subject === 'string' ? subject : ''
  } catch (error) {
    if (error instanceof JsonError) return ''
    throw error
  }
}

/** Whether a role could let the account in at all: nobody makes us fetch keys of accounts that none of ours are. */
const mayAsk = (role: Role, subject: string): boolean => {
  if (!EMAIL.test(subject) && !UNIQUE_ID.test(subject)) return false
  return role.accounts.includes(subject) || (role.accounts.includes('*') && role.projects.includes(projectOf(subject)))
}

const text = (from: JsonObject, name: string): string => {
  const value = from[name]
  return typeof value === 'string' && value.length <= 256 ? value : typeof value === 'number' ? String(value) : ''
}

const instanceOf = (claims: JsonObject): Instance | undefined => {
  const compute = claimOf(claims, '/google/compute_engine')
  if (!isObject(compute) || text(compute, 'instance_id') === '') return undefined
  return { id: text(compute, 'instance_id'), name: text(compute, 'instance_name'), zone: text(compute, 'zone'), project: text(compute, 'project_id'), projectNumber: text(compute, 'project_number'), createdAt: text(compute, 'instance_creation_timestamp') }
}

const signedByGoogle = (claims: JsonObject): Holder => {
  if (!ISSUERS.includes(claimOf(claims, 'iss') ?? null)) throw new ClaimError('it is signed by Google, but not issued by accounts.google.com')
  const email = claims['email_verified'] === true ? text(claims, 'email') : ''
  const instance = instanceOf(claims)
  const isAccount = EMAIL.test(email)
  return { claims, email: isAccount ? email : '', uniqueId: text(claims, 'sub'), project: instance?.project ?? (isAccount ? projectOf(email) : ''), instance }
}

const signedByAccount = (claims: JsonObject, subject: string): Holder => {
  // The keys were asked for by this name, so it is the one that they prove.
  if (claimOf(claims, 'sub') !== subject) throw new ClaimError('its subject cannot be read')
  const isId = UNIQUE_ID.test(subject)
  return { claims, email: isId ? '' : subject, uniqueId: isId ? subject : '', project: isId ? '' : projectOf(subject), instance: undefined }
}

/** @throws JwsError, ClaimError, or upstream_failed when Google does not answer */
export const holderOf = async (parts: AuthParts, config: Config, role: Role, token: string): Promise<Holder> => {
  const base = (config.endpoints['api'] || GOOGLE).replace(/\/$/, '')
  try {
    const { claims } = await parts.signedTokens.verify(token, { kind: 'jwks', url: `${base}/oauth2/v3/certs`, caPem: undefined }, ['RS256'])
    return signedByGoogle(claims)
  } catch (error) {
    const subject = unverifiedSubject(token)
    if (!(error instanceof JwsError) || error.code === 'jws_malformed' || error.code === 'jws_algorithm' || role.type !== 'iam' || !mayAsk(role, subject)) throw error
    const { claims } = await parts.signedTokens.verify(token, { kind: 'jwks', url: `${base}/service_accounts/v1/jwk/${encodeURIComponent(subject)}`, caPem: undefined }, ['RS256'])
    return signedByAccount(claims, subject)
  }
}
