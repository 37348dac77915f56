// The token endpoint: a client gives its code, once, and gets to know who let it in. Checks are in Vault's order; a code that was presented
// by a client that is one is used up, whatever comes of it.

import { equalText } from '../../../crypto/compare.ts'
import { sha256Base64Url } from '../../../crypto/digest.ts'
import { halfHash } from '../../../crypto/jose/signing.ts'
import { secret } from '../../../crypto/secret.ts'
import { auditedWrite } from '../../../kernel/audited-write.ts'
import type { Call } from '../../../kernel/call.ts'
import type { ProviderView, TokenAnswer, TokenRequest } from '../../../kernel/ports/oidc.ts'
import { findClient } from './clients.ts'
import { findProvider } from './directory.ts'
import { refuseExchange } from './failures.ts'
import { keepAccess, takeCode } from './grants.ts'
import { namespaceIdOf } from './issuers.ts'
import { allows, sign } from './keys.ts'
import { isAssigned, scopeClaims } from './members.ts'
import { keys, type CodeGrant, type NamedKey, type OidcClient } from './records.ts'
import type { OidcPorts } from './store.ts'
import { findSubject } from './subjects.ts'
import type { Subject } from './templates.ts'

type Refuse = (error: string, description: string) => Error

interface Parties {
  readonly provider: ProviderView
  readonly client: OidcClient
  readonly key: NamedKey
}

/** Who asks, and whether it may. An unknown client and a wrong secret look and cost the same. */
const requireParties = async (ports: OidcPorts, orgId: string, request: TokenRequest, refuse: Refuse): Promise<Parties> => {
  const provider = await findProvider(ports, orgId, request.provider)
  if (provider === undefined) throw refuse('invalid_request', 'provider not found')
  if (request.clientId === '') throw refuse('invalid_request', 'client_id parameter is required')
  const client = await findClient(ports.view(orgId), request.clientId)
  const isKnown = equalText(client?.clientSecret ?? '', request.clientSecret)
  if (client === undefined || (client.type === 'confidential' && !isKnown)) throw refuse('invalid_client', 'client failed to authenticate')
  if (!allows(provider, client.clientId)) throw refuse('invalid_client', 'client is not authorized to use the provider')
  const key = (await keys.get(ports.view(orgId), client.key))?.value
  // Keys that clients sign with cannot be deleted.
  if (key === undefined || !allows(key, client.clientId)) throw refuse('invalid_client', 'client is not authorized to use the key')
  return { provider, client, key }
}

const requireCode = async (ports: OidcPorts, orgId: string, request: TokenRequest, refuse: Refuse): Promise<CodeGrant> => {
  if (request.grantType === '') throw refuse('invalid_request', 'grant_type parameter is required')
  if (request.grantType !== 'authorization_code') throw refuse('unsupported_grant_type', 'unsupported grant_type value')
  if (request.code === '') throw refuse('invalid_request', 'code parameter is required')
  const grant = await takeCode(ports, orgId, request.code)
  if (grant === undefined) throw refuse('invalid_grant', 'authorization grant is invalid or expired')
  if (grant.clientId !== request.clientId) throw refuse('invalid_grant', 'authorization code was not issued to the client')
  if (grant.provider !== request.provider) throw refuse('invalid_grant', 'authorization code was not issued by the provider')
  if (request.redirectUri === '') throw refuse('invalid_request', 'redirect_uri parameter is required')
  if (grant.redirectUri !== request.redirectUri) throw refuse('invalid_grant', 'redirect_uri does not match the redirect_uri used in the authorization request')
  return grant
}

/** RFC 7636, 4.6; and 9700, 2.1.1: neither side may leave out what the other one used. */
const requireVerifier = ({ challenge }: CodeGrant, { codeVerifier }: TokenRequest, client: OidcClient, refuse: Refuse): void => {
  if (challenge === null) {
    if (client.type === 'public') throw refuse('invalid_request', 'PKCE is required for public clients')
    if (codeVerifier !== '') throw refuse('invalid_request', 'unexpected code_verifier for token exchange')
    return
  }
  if (codeVerifier === '') throw refuse('invalid_request', 'expected code_verifier for token exchange')
  if (!equalText(challenge.method === 'S256' ? sha256Base64Url(codeVerifier) : codeVerifier, challenge.text)) throw refuse('invalid_grant', 'invalid code_verifier for token exchange')
}

/** Whoever gave the code, as they are now. */
const requireSubject = async (ports: OidcPorts, orgId: string, grant: CodeGrant, client: OidcClient, refuse: Refuse): Promise<Subject> => {
  const subject = await findSubject(ports, orgId, grant.principalId)
  if (subject === undefined) throw refuse('invalid_request', 'identity entity associated with the request not found')
  if (!(await isAssigned(ports, orgId, subject, client))) throw refuse('invalid_request', 'identity entity not authorized by client assignment')
  return subject
}

export const exchange = async (ports: OidcPorts, call: Call, request: TokenRequest): Promise<TokenAnswer> => {
  const { orgId } = call
  const refuse: Refuse = (error, description) => refuseExchange(call, error, description)
  const { provider, client, key } = await requireParties(ports, orgId, request, refuse)
  const grant = await requireCode(ports, orgId, request, refuse)
  const subject = await requireSubject(ports, orgId, grant, client, refuse)
  requireVerifier(grant, request, client, refuse)
  const claims = await scopeClaims(ports, orgId, subject, { names: grant.scopes, conflicting: (message) => refuse('invalid_request', message) })
  call.audit.resourceId = grant.principalId
  call.audit.metadata = { ...call.audit.metadata, client: client.name }
  const access = { provider: request.provider, clientId: client.clientId, principalId: grant.principalId, scopes: grant.scopes, expiresAt: Math.trunc(call.now()) + client.accessTokenSeconds * 1000 }
  const accessToken = await auditedWrite(ports.database, call, {}, (tx) => keepAccess({ view: ports.within(tx, orgId), tx }, orgId, access))
  const now = Math.floor(call.now() / 1000)
  const own = {
    iss: provider.effectiveIssuer, namespace: await namespaceIdOf(ports, orgId), sub: grant.principalId, aud: client.clientId, exp: now + client.idTokenSeconds, iat: now,
    ...(grant.nonce === '' ? {} : { nonce: grant.nonce }),
    ...(grant.authenticatedAt === null ? {} : { auth_time: Math.floor(grant.authenticatedAt / 1000) }),
    at_hash: halfHash(key.algorithm, accessToken), c_hash: halfHash(key.algorithm, request.code),
  }
  const idToken = await sign(ports, orgId, client.key, Object.fromEntries([...claims, ...Object.entries(own)]))
  if (idToken === undefined) throw refuse('invalid_request', 'signing key is nil; rotate the key and try again')
  return { accessToken: secret(accessToken), idToken: secret(idToken), expiresIn: client.accessTokenSeconds }
}
