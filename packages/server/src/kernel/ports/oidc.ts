// The ports over identity tokens and the OpenID Connect provider, as engines/identity/oidc uses them; services/identity/oidc fills them.
// Everything is of the call's organization; what another one has is not there.

import type { Secret } from '../../crypto/secret.ts'
import type { Call, Grant } from '../call.ts'

/** What is absent stays as it is, or is as Vault has it by default. */
type Wishes<T> = { readonly [K in keyof T]?: T[K] | undefined }

export interface KeyView {
  readonly algorithm: string
  readonly rotationPeriod: number
  readonly verificationTtl: number
  readonly allowedClientIds: readonly string[]
}

export interface RoleView {
  readonly key: string
  readonly template: string
  readonly ttl: number
  readonly clientId: string
}

export interface AssignmentView {
  readonly entityIds: readonly string[]
  readonly groupIds: readonly string[]
}

export interface ScopeView {
  readonly template: string
  readonly description: string
}

export interface ClientSettings {
  readonly redirectUris: readonly string[]
  readonly assignments: readonly string[]
  readonly key: string
  readonly idTokenTtl: number
  readonly accessTokenTtl: number
  readonly clientType: string
}

export interface ClientView extends ClientSettings {
  readonly clientId: string
  /** Public clients have none. */
  readonly clientSecret: Secret<string> | undefined
}

export interface ProviderView {
  /** As configured; empty: the server's own address. */
  readonly issuer: string
  /** What tokens say, and what clients discover from. */
  readonly effectiveIssuer: string
  readonly allowedClientIds: readonly string[]
  readonly scopesSupported: readonly string[]
}

/** One kind of record by its name. Writes throw invalid_request in Vault's words. */
export interface NamedPort<View, Wish> {
  find(orgId: string, name: string): Promise<View | undefined>
  names(orgId: string): Promise<readonly string[]>
  /** Warnings. */
  write(grant: Grant, call: Call, name: string, wishes: Wishes<Wish>): Promise<readonly string[]>
  delete(grant: Grant, call: Call, name: string): Promise<void>
}

export interface IdentityToken {
  readonly token: Secret<string>
  readonly clientId: string
  readonly ttl: number
  readonly warnings: readonly string[]
}

export interface PublishedKeys {
  readonly keys: readonly Readonly<Record<string, string>>[]
  /** How long they may be kept; undefined: nothing is said. */
  readonly maxAgeSeconds: number | undefined
}

export interface AuthorizationRequest {
  readonly provider: string
  readonly scope: string
  readonly responseType: string
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  readonly maxAge: number | undefined
  readonly codeChallenge: string | undefined
  readonly codeChallengeMethod: string
  readonly request: string | undefined
  readonly requestUri: string | undefined
}

export interface TokenRequest {
  readonly provider: string
  readonly clientId: string
  readonly clientSecret: string
  readonly grantType: string
  readonly code: string
  readonly redirectUri: string
  readonly codeVerifier: string
}

export interface TokenAnswer {
  readonly accessToken: Secret<string>
  readonly idToken: Secret<string>
  readonly expiresIn: number
}

/** As it was sent: RFC 6750 wants it in the Authorization header. */
export interface AccessToken {
  readonly text: string
  readonly isBearer: boolean
}

export interface OidcPort {
  issuer(orgId: string): Promise<string>
  /** Of the tokens that roles make. */
  effectiveIssuer(orgId: string): Promise<string>
  setIssuer(grant: Grant, call: Call, issuer: string): Promise<readonly string[]>
  readonly keys: NamedPort<KeyView, KeyView>
  rotate(grant: Grant, call: Call, name: string, verificationTtl: number | undefined): Promise<void>
  readonly roles: NamedPort<RoleView, RoleView>
  readonly assignments: NamedPort<AssignmentView, AssignmentView>
  readonly scopes: NamedPort<ScopeView, ScopeView>
  readonly clients: NamedPort<ClientView, ClientSettings>
  readonly providers: NamedPort<ProviderView, Omit<ProviderView, 'effectiveIssuer'>>
  /** A signed token for whoever calls. */
  token(grant: Grant, call: Call, role: string): Promise<IdentityToken>
  /** Undefined: it is active; else why not. */
  introspect(grant: Grant, call: Call, token: string, clientId: string): Promise<string | undefined>
  publicKeys(orgId: string): Promise<PublishedKeys>
  /** Undefined: there is no such provider. */
  providerKeys(orgId: string, provider: string): Promise<PublishedKeys | undefined>
  /** A code, for one use. @throws in OAuth's form */
  authorize(grant: Grant, call: Call, request: AuthorizationRequest): Promise<Secret<string>>
  /** @throws in OAuth's form */
  exchange(call: Call, request: TokenRequest): Promise<TokenAnswer>
  /** What there is to say of whoever an access token is about. @throws in OAuth's form */
  userInfo(call: Call, provider: string, accessToken: AccessToken): Promise<Readonly<Record<string, unknown>>>
}
