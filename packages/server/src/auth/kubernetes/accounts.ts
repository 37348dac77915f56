// Whose service account a token is: by its signature, by what the cluster says, or by both, which must agree.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { JwsError } from '../../crypto/jws.ts'
import { audiencesOf, checkTimes, ClaimError, claimOf } from '../../lib/jwt-claims.ts'
import { JsonError, parseJson, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Config } from './records.ts'

export interface ServiceAccount {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

const REVIEW_PATH = '/apis/authentication.k8s.io/v1/tokenreviews'
const LEEWAYS = { expirationSeconds: 0, notBeforeSeconds: 0, clockSkewSeconds: 0 }
const USERNAME = /^system:serviceaccount:([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?):([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/

export const denied = (message: string, cause?: unknown): Error => fail('permission_denied', 'kubernetes.denied', message, { cause })

const text = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const accountOf = (username: string | undefined, uid: string | undefined): ServiceAccount | undefined => {
  const match = username === undefined ? null : USERNAME.exec(username)
  return match === null || uid === undefined ? undefined : { namespace: match[1] ?? '', name: match[2] ?? '', uid }
}

/** From a token's own claims: those of a projected token, or of an older one that was kept in a secret. */
const accountOfClaims = (claims: JsonObject): ServiceAccount => {
  const uid = text(claimOf(claims, '/kubernetes.io/serviceaccount/uid')) ?? text(claimOf(claims, 'kubernetes.io/serviceaccount/service-account.uid'))
  const account = accountOf(text(claimOf(claims, 'sub')), uid)
  if (account === undefined) throw new ClaimError('it is not the token of a service account')
  return account
}

const bySignature = async (parts: AuthParts, config: Config, source: NonNullable<Config['source']>, given: { readonly token: string; readonly audience: string; readonly nowSeconds: number }): Promise<ServiceAccount> => {
  try {
    const { claims, issuer } = await parts.signedTokens.verify(given.token, source, [])
    checkTimes(claims, given.nowSeconds, LEEWAYS)
    const iss = claimOf(claims, 'iss')
    if ((config.checkIssuer && iss !== config.issuer) || (issuer !== undefined && iss !== issuer)) throw new ClaimError('invalid issuer (iss) claim')
    if (given.audience !== '' && !audiencesOf(claims).includes(given.audience)) throw new ClaimError('invalid audience (aud) claim: audience claim does not match any expected audience')
    return accountOfClaims(claims)
  } catch (error) {
    if (error instanceof JwsError || error instanceof ClaimError) throw denied(`the token is refused: ${error.message}`, error)
    throw error
  }
}

const objectAt = (value: JsonValue | undefined): JsonObject | undefined => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined)

const statusOf = (body: Buffer): JsonObject => {
  try {
    const status = objectAt(objectAt(parseJson(body, { maxDepth: 32, maxBytes: 1024 * 1024 }))?.['status'])
    if (status !== undefined) return status
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
  }
  throw fail('upstream_failed', 'kubernetes.review', 'The API server did not answer with a TokenReview.')
}

const byReview = async (parts: AuthParts, config: Config, token: string, audience: string): Promise<ServiceAccount> => {
  const { status, body } = await parts.outbound.ask({
    url: `${config.host}${REVIEW_PATH}`,
    method: 'POST',
    headers: { authorization: `Bearer ${config.reviewerToken === '' ? token : config.reviewerToken}` },
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, ...(audience === '' ? {} : { audiences: [audience] }) } }),
    caPem: config.caPem === '' ? undefined : config.caPem,
  })
  if (status === 401) throw denied('lookup failed: service account unauthorized; this could mean it has been deleted or recreated with a new token')
  if (status === 403) throw denied('lookup failed: whose token asks may not make TokenReviews')
  if (status !== 200 && status !== 201) throw fail('upstream_failed', 'kubernetes.review', `The API server answered the TokenReview with status ${status}.`)
  const review = statusOf(body)
  if (review['authenticated'] !== true) throw denied('lookup failed: service account jwt not valid')
  const audiences = review['audiences']
  // A server that knows nothing of audiences leaves them out: then it has not checked (Kubernetes API, TokenReviewStatus).
  if (audience !== '' && !(Array.isArray(audiences) && (audiences as readonly JsonValue[]).includes(audience))) throw denied('lookup failed: the token is not for the audience of the role')
  const user = objectAt(review['user'])
  const account = accountOf(text(user?.['username']), text(user?.['uid']))
  if (account === undefined) throw denied('lookup failed: it is not the token of a service account')
  return account
}

/** @throws permission_denied for a token that is none, upstream_failed when the cluster or issuer does not answer */
export const findAccount = async (parts: AuthParts, config: Config, given: { readonly token: string; readonly audience: string; readonly nowSeconds: number }): Promise<ServiceAccount> => {
  const signed = config.source === null ? undefined : await bySignature(parts, config, config.source, given)
  if (config.host === '') {
    if (signed === undefined) throw fail('invalid_request', 'kubernetes.config', 'could not load backend configuration')
    return signed
  }
  const reviewed = await byReview(parts, config, given.token, given.audience)
  if (signed !== undefined && (signed.uid !== reviewed.uid || signed.name !== reviewed.name || signed.namespace !== reviewed.namespace)) throw denied('the token and the cluster name different service accounts')
  return reviewed
}
