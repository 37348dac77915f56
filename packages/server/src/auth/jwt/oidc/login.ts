// The redirect flow: people who log in at their issuer with a browser, for a command line or a dashboard. Authorization
// code with PKCE (RFC 7636), state and nonce; the implicit flow is not offered (RFC 9700, 2.1.2).

import { login as loginOf, type AuthParts, type Login } from '../../../kernel/auth/method.ts'
import { markOf, roleKey, roleOfLogin } from '../../../kernel/auth/roles.ts'
import type { Call } from '../../../kernel/call.ts'
import { asCofferError, fail, isCofferError } from '../../../kernel/errors.ts'
import { implement, type Implemented } from '../../../kernel/operation.ts'
import { JwsError } from '../../../crypto/jws.ts'
import { reveal, type Secret } from '../../../crypto/secret.ts'
import { ClaimError } from '../../../lib/jwt-claims.ts'
import { checkClaims, groupsOf, metadataOf, userOf } from '../claims.ts'
import { CONFIG, configs, roles, type Config, type Role } from '../records.ts'
import { addressOf, makeSecrets, redeem, settingsOf, type OidcSettings } from './issuer.ts'
import { authUrl, callback } from './operations.ts'
import { isAllowedRedirect } from './redirects.ts'
import { begin, hasNonce, take } from './requests.ts'

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'jwt.login', message, { cause })
// The words before the reason are those that Vault's interface looks for.
const loginFailed = (why: string, cause?: unknown): Error => refused(`Vault login failed. ${why}`, cause)
const textOf = (given: Secret<string> | undefined): string => (given === undefined ? '' : reveal(given, 'to be compared or redeemed'))

const configOf = async (parts: AuthParts, call: Call): Promise<{ readonly config: Config; readonly settings: OidcSettings }> => {
  const config = (await configs.get(parts.store(call), CONFIG))?.value
  if (config === undefined) throw refused('could not load configuration')
  const settings = settingsOf(config)
  if (settings === undefined) throw refused('OIDC login is not configured for this mount')
  return { config, settings }
}

const oidcRole = async (parts: AuthParts, call: Call, name: string): Promise<Role | undefined> => roleOfLogin(roles, parts.store(call), name)

const makeAddress = async (parts: AuthParts, call: Call, input: { readonly role: string; readonly redirectUri: string; readonly clientNonce?: Secret<string> | undefined }): Promise<string> => {
  const { config, settings } = await configOf(parts, call)
  const name = roleKey(input.role) || config.defaultRole
  if (name === '') throw refused('missing role')
  if (input.redirectUri === '') throw refused('missing redirect_uri')
  const role = await oidcRole(parts, call, name)
  if (role === undefined) throw refused(`role ${JSON.stringify(name.slice(0, 64))} could not be found`)
  // To whoever asks without a token, what is not allowed is an empty address, as in Vault.
  if (role.type !== 'oidc' || !isAllowedRedirect(input.redirectUri, role.allowedRedirectUris)) return ''
  const { random, nonce, verifier } = await makeSecrets()
  const state = await begin(parts.store(call), call.now(), random, { role: name, redirectUri: input.redirectUri, nonce, verifier, clientNonce: textOf(input.clientNonce) })
  return addressOf(parts, settings, call.now(), { state, nonce, verifier, redirectUri: input.redirectUri, scopes: role.oidcScopes, maxAgeSeconds: role.maxAgeSeconds })
}

export const oidcOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ authUrl }, {
    async authUrl(input, call) {
      call.audit.resourceType = 'auth'
      return { authUrl: await makeAddress(parts, call, input) }
    },
  })

/** Whatever the issuer or the library says against it is the login's failure; only an issuer that cannot be reached is not. */
const judged = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ClaimError) throw refused(`error validating claims: ${error.message}`, error)
    if (error instanceof JwsError) throw refused(`Token verification failed. ${error.message}`, error)
    if (isCofferError(error)) throw error
    const cause = error instanceof Error ? error.cause : undefined
    if (isCofferError(cause)) throw asCofferError(cause)
    throw loginFailed(`Error exchanging oidc code: ${JSON.stringify(error instanceof Error ? error.message : 'unknown')}.`, error)
  }
}

interface CallbackInput {
  readonly state: string
  readonly code?: Secret<string> | undefined
  readonly clientNonce?: Secret<string> | undefined
  readonly iss: string
  readonly error: string
  readonly errorDescription: string
}

const finish = async (parts: AuthParts, call: Call, input: CallbackInput) => {
  const { config, settings } = await configOf(parts, call)
  const request = await take(parts.store(call), call.now(), input.state)
  if (request === undefined) throw loginFailed('Expired or missing OAuth state.')
  if (!hasNonce(request, textOf(input.clientNonce))) throw refused('invalid client_nonce')
  const role = await oidcRole(parts, call, request.role)
  if (role === undefined || role.type !== 'oidc') throw loginFailed('Role could not be found')
  if (input.error !== '') throw loginFailed(`The issuer answered ${JSON.stringify(input.error)}: ${JSON.stringify(input.errorDescription)}.`)
  const code = textOf(input.code)
  if (code === '') throw loginFailed('No code or id_token received.')
  return judged(async () => {
    const claims = await redeem(parts, config, settings, call.now(), { answered: { state: input.state, code, iss: input.iss }, request, maxAgeSeconds: role.maxAgeSeconds })
    // A token for this client is what the flow gives; a role may want more.
    const wanted = role.boundAudiences.length === 0 ? { ...role, boundAudiences: [settings.clientId] } : role
    checkClaims(wanted, claims, { wanted: config.boundIssuer, discovered: undefined }, call.now() / 1000)
    const user = userOf(role, claims)
    return { alias: user, displayName: user, kind: 'user', metadata: metadataOf(role, claims), groups: groupsOf(role, claims), token: role.token, role: markOf(roles, role) } as const
  })
}

export const oidcLogin = (parts: AuthParts): Login => loginOf(callback, { nameOf: () => undefined, verify: (input, call) => finish(parts, call, input) })
