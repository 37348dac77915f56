// The authorization endpoint: whoever calls lets a client know who they are. The answer is a code for the client, or why not; the checks
// are in Vault's order, and nothing is said of anybody before client and redirect address are known to belong together.

import type { Secret } from '../../../crypto/secret.ts'
import { secret } from '../../../crypto/secret.ts'
import { auditedWrite } from '../../../kernel/audited-write.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import type { AuthorizationRequest, ProviderView } from '../../../kernel/ports/oidc.ts'
import { lookupById } from '../tokens.ts'
import { findClient } from './clients.ts'
import { findProvider, OPENID } from './directory.ts'
import { refuseAuthorization } from './failures.ts'
import { CODE_MS, keepCode } from './grants.ts'
import { allows } from './keys.ts'
import { isAssigned } from './members.ts'
import type { CodeGrant, OidcClient } from './records.ts'
import type { OidcPorts } from './store.ts'
import { findSubject } from './subjects.ts'
import { callerIn } from './workload.ts'

type Refuse = (error: string, description: string) => Error

const LOOPBACK = /^(https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(|[/?#].*)$/s

/** Without the port of an address on this machine (RFC 8252, 7.3). */
const portless = (address: string): string | undefined => {
  const [, origin, rest] = LOOPBACK.exec(address) ?? []
  return origin === undefined || rest === undefined ? undefined : origin + rest
}

/** Texts are compared, never addresses as somebody reads them: two readers of an address need not agree on where it leads. */
export const isRedirectAllowed = (address: string, allowed: readonly string[]): boolean => {
  const own = portless(address)
  return own === undefined ? allowed.includes(address) : allowed.some((each) => portless(each) === own)
}

const requireClient = async (ports: OidcPorts, orgId: string, { clientId, redirectUri, provider: name }: AuthorizationRequest, refuse: Refuse): Promise<{ readonly client: OidcClient; readonly provider: ProviderView }> => {
  if (clientId === '') throw refuse('invalid_client_id', 'client_id parameter is required')
  const client = await findClient(ports.view(orgId), clientId)
  if (client === undefined) throw refuse('invalid_client_id', 'client with client_id not found')
  if (redirectUri === '') throw refuse('invalid_request', 'redirect_uri parameter is required')
  if (!isRedirectAllowed(redirectUri, client.redirectUris)) throw refuse('invalid_redirect_uri', 'redirect_uri is not allowed for the client')
  const provider = await findProvider(ports, orgId, name)
  if (provider === undefined) throw refuse('invalid_request', 'provider not found')
  if (!allows(provider, clientId)) throw refuse('unauthorized_client', 'client is not authorized to use the provider')
  return { client, provider }
}

/** Those that the provider has; others are ignored (OpenID Connect Core, 3.1.2.1). */
const scopesOf = ({ scope, responseType, request, requestUri }: AuthorizationRequest, provider: ProviderView, refuse: Refuse): readonly string[] => {
  if (request !== undefined) throw refuseAuthorization('', 'request_not_supported', 'request parameter is not supported')
  if (requestUri !== undefined) throw refuseAuthorization('', 'request_uri_not_supported', 'request_uri parameter is not supported')
  const wanted = [...new Set(scope.split(' ').filter((each) => each !== ''))].sort()
  if (!wanted.includes(OPENID)) throw refuse('invalid_request', `scope parameter must contain the ${JSON.stringify(OPENID)} value`)
  if (responseType === '') throw refuse('invalid_request', 'response_type parameter is required')
  if (responseType !== 'code') throw refuse('unsupported_response_type', 'unsupported response_type value')
  return wanted.filter((each) => each !== OPENID && provider.scopesSupported.includes(each))
}

const challengeOf = ({ codeChallenge, codeChallengeMethod }: AuthorizationRequest, client: OidcClient, refuse: Refuse): CodeGrant['challenge'] => {
  if (codeChallenge === undefined) {
    if (client.type === 'public') throw refuse('invalid_request', 'PKCE is required for public clients')
    return null
  }
  const method = codeChallengeMethod === '' ? 'plain' : codeChallengeMethod
  if (method !== 'plain' && method !== 'S256') throw refuse('invalid_request', 'invalid code_challenge_method')
  if (codeChallenge.length < 43 || codeChallenge.length > 128) throw refuse('invalid_request', 'invalid code_challenge')
  return { text: codeChallenge, method }
}

/** When whoever calls logged in, where the client asks for that. */
const authenticatedAt = async (ports: OidcPorts, call: Call, { maxAge }: AuthorizationRequest, refuse: Refuse): Promise<number | null> => {
  const { caller } = call
  if (maxAge === undefined) return null
  if (maxAge < 1) throw refuse('invalid_request', 'max_age must be greater than zero')
  const token = caller === undefined ? undefined : (caller.carried?.token ?? (await lookupById(ports.directory, caller.orgId, caller.tokenId)))
  if (token === undefined) throw refuse('access_denied', 'token associated with request not found')
  if (Math.floor((call.now() - token.issuedAt) / 1000) > maxAge) throw refuse('max_age_violation', 'active re-authentication is required by max_age')
  return token.issuedAt
}

export const authorize = async (ports: OidcPorts, _grant: Grant, call: Call, request: AuthorizationRequest): Promise<Secret<string>> => {
  const { orgId } = call
  const refuse: Refuse = (error, description) => refuseAuthorization(request.state, error, description)
  const { client, provider } = await requireClient(ports, orgId, request, refuse)
  const scopes = scopesOf(request, provider, refuse)
  const principalId = callerIn(call)
  if (principalId === undefined) throw refuse('access_denied', 'identity entity must be associated with the request')
  const subject = await findSubject(ports, orgId, principalId)
  if (subject === undefined) throw refuse('access_denied', 'identity entity associated with the request not found')
  if (!(await isAssigned(ports, orgId, subject, client))) throw refuse('access_denied', 'identity entity not authorized by client assignment')
  const challenge = challengeOf(request, client, refuse)
  const at = await authenticatedAt(ports, call, request, refuse)
  const grant: CodeGrant = { provider: request.provider, clientId: client.clientId, principalId, redirectUri: request.redirectUri, nonce: request.nonce, scopes, authenticatedAt: at, challenge, expiresAt: Math.trunc(call.now()) + CODE_MS }
  call.audit.resourceId = principalId
  call.audit.metadata = { ...call.audit.metadata, client: client.name }
  return secret(await auditedWrite(ports.database, call, {}, (tx) => keepCode({ view: ports.within(tx, orgId), tx }, orgId, grant)))
}
