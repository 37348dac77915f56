// What is asked of an OpenID Connect issuer: where to send a browser, and what a code stands for. The protocol is
// oauth4webapi's; every request goes through our bounded outbound port.

import type * as oauthTypes from 'oauth4webapi'
import type { AuthorizationServer, Client, ClientAuth } from 'oauth4webapi'
import { fail } from '../../../kernel/errors.ts'
import type { AuthParts, Outbound } from '../../../kernel/auth/method.ts'
import type { JsonObject } from '../../../lib/json.ts'
import { systemClock } from '../../../lib/clock.ts'
import type { Config } from '../records.ts'
import type { OidcRequest } from './requests.ts'

type Library = typeof oauthTypes
type Fetch = (url: string, options: { readonly method: string; readonly headers: Readonly<Record<string, string>>; readonly body?: unknown }) => Promise<Response>

/** Loaded with the first login of this kind: most servers never see one. */
const library = (): Promise<Library> => import('oauth4webapi')

export interface OidcSettings {
  readonly issuer: string
  readonly caPem: string | undefined
  readonly clientId: string
  /** Empty: a public client, which PKCE alone protects. */
  readonly clientSecret: string
}

/** Undefined: this mount has no redirect flow. */
export const settingsOf = ({ source, oidcClientId, oidcClientSecret }: Config): OidcSettings | undefined =>
  source.kind !== 'discovery' || (oidcClientId ?? '') === '' ? undefined : { issuer: source.url.replace(/\/$/, ''), caPem: source.caPem, clientId: oidcClientId ?? '', clientSecret: oidcClientSecret ?? '' }

const textOf = (body: unknown): string | undefined => (body === undefined || body === null ? undefined : body instanceof URLSearchParams ? body.toString() : typeof body === 'string' ? body : undefined)

const fetchThrough = (outbound: Outbound, caPem: string | undefined): Fetch => async (url, { method, headers, body }) => {
  const text = textOf(body)
  const answer = await outbound.ask({ url, method: method === 'POST' ? 'POST' : 'GET', headers, caPem, ...(text === undefined ? {} : { body: text }) })
  return new Response(new Uint8Array(answer.body), { status: answer.status, headers: { 'content-type': answer.contentType } })
}

interface Issuer {
  readonly oauth: Library
  readonly server: AuthorizationServer
  readonly client: Client
  readonly options: Readonly<Record<symbol, unknown>>
}

/** @param now database time in milliseconds: the library goes by the machine's clock, which may be another one */
const open = async ({ outbound }: Pick<AuthParts, 'outbound'>, settings: OidcSettings, now: number): Promise<Issuer> => {
  const oauth = await library()
  const options = { [oauth.customFetch]: fetchThrough(outbound, settings.caPem), [oauth.allowInsecureRequests]: true }
  const issuer = new URL(settings.issuer)
  const response = await oauth.discoveryRequest(issuer, options)
  const server = await oauth.processDiscoveryResponse(issuer, response)
  const client: Client = { client_id: settings.clientId, [oauth.clockSkew]: Math.round((now - systemClock.wall()) / 1000), [oauth.clockTolerance]: 60 }
  return { oauth, server, client, options }
}

const authenticationOf = ({ oauth, server }: Issuer, { clientSecret }: OidcSettings): ClientAuth => {
  if (clientSecret === '') return oauth.None()
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return methods.includes('client_secret_basic') ? oauth.ClientSecretBasic(clientSecret) : oauth.ClientSecretPost(clientSecret)
}

export interface Secrets {
  readonly random: string
  readonly nonce: string
  readonly verifier: string
}

export const makeSecrets = async (): Promise<Secrets> => {
  const oauth = await library()
  return { random: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier: oauth.generateRandomCodeVerifier() }
}

export interface Wanted {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly redirectUri: string
  readonly scopes: readonly string[]
  /** 0: none. */
  readonly maxAgeSeconds: number
}

/** The address to send a browser to. */
export const addressOf = async (parts: AuthParts, settings: OidcSettings, now: number, wanted: Wanted): Promise<string> => {
  const { oauth, server } = await open(parts, settings, now)
  const url = new URL(server.authorization_endpoint ?? '')
  const parameters = {
    client_id: settings.clientId, redirect_uri: wanted.redirectUri, response_type: 'code', scope: [...new Set(['openid', ...wanted.scopes])].join(' '), state: wanted.state, nonce: wanted.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(wanted.verifier), code_challenge_method: 'S256', ...(wanted.maxAgeSeconds > 0 ? { max_age: String(wanted.maxAgeSeconds) } : {}),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.toString()
}

export interface Answered {
  readonly state: string
  readonly code: string
  /** RFC 9207: who answers, where the issuer says it. */
  readonly iss: string
}

/** What the issuer says of whoever logged in there: the ID token's claims, and those of userinfo besides. */
export const redeem = async (parts: AuthParts, config: Config, settings: OidcSettings, now: number, { answered, request, maxAgeSeconds }: { readonly answered: Answered; readonly request: OidcRequest; readonly maxAgeSeconds: number }): Promise<JsonObject> => {
  const issuer = await open(parts, settings, now)
  const { oauth, server, client, options } = issuer
  const parameters = oauth.validateAuthResponse(server, client, new URLSearchParams({ code: answered.code, state: answered.state, ...(answered.iss === '' ? {} : { iss: answered.iss }) }), answered.state)
  const response = await oauth.authorizationCodeGrantRequest(server, client, authenticationOf(issuer, settings), parameters, request.redirectUri, request.verifier, options)
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: request.nonce, requireIdToken: true, ...(maxAgeSeconds > 0 ? { maxAge: maxAgeSeconds } : {}) })
  // The library believes an ID token that came straight from the issuer; we look at the signature all the same.
  const { claims } = await parts.signedTokens.verify(tokens.id_token ?? '', config.source, config.algorithms)
  const subject = claims['sub']
  if (typeof subject !== 'string') throw fail('invalid_request', 'jwt.login', 'Token verification failed. The ID token names nobody.')
  if (server.userinfo_endpoint === undefined) return claims
  const more = await oauth.userInfoRequest(server, client, tokens.access_token, options).then((answer) => oauth.processUserInfoResponse(server, client, subject, answer), () => undefined)
  // The signed token wins where both say something.
  return more === undefined ? claims : { ...(more as JsonObject), ...claims } // parsed from JSON by the library
}
