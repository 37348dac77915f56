// The contract of the jwt method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, seconds, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'jwt'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const name = f.name('Name of the role')
const text = (describe: string, max = 1024) => f.text(describe, { max })
const pem = (describe: string) => f.text(describe, { max: 65_536 })
const list = (describe: string, max = 100) => f.list(describe, text('Text'), { max })
const labels = (describe: string) => f.labels(describe, { maxKeys: 64, maxKey: 512, maxValue: 512 })
const count = (describe: string) => f.int(describe, { min: -1, max: 10 * 365 * 86_400 })

const settings = {
  oidcDiscoveryUrl: text('Issuer whose keys are found by discovery', 2048),
  oidcDiscoveryCaPem: pem('Authorities for the discovery, PEM'),
  jwksUrl: text('Address of the key set', 2048),
  jwksCaPem: pem('Authorities for the key set, PEM'),
  jwtValidationPubkeys: f.list('Public keys, PEM', pem('Key'), { max: 50 }),
  jwtSupportedAlgs: list('Algorithms; none: all that there are', 20),
  boundIssuer: text('Issuer that tokens must name'),
  defaultRole: text('Role of a login that names none', 128),
  oidcClientId: text('Client of the redirect flow, as the issuer knows it'),
  oidcResponseMode: f.choice('How the issuer answers; the one that there is', ['', 'query']),
  oidcResponseTypes: list('What the issuer answers with: code', 1),
  namespaceInState: f.bool('Accepted and without effect'),
  providerConfig: f.labels('Accepted when it is empty'),
}

const optionalSettings = allOptional(settings)

export const readConfig = operation({ id: 'jwt.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read where keys are and whose tokens count', input: {}, output: settings })
export const writeConfig = operation({
  id: 'jwt.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say where keys are and whose tokens count',
  input: { ...optionalSettings, oidcClientSecret: f.secret('Secret of that client; never shown again', { max: 1024 }).optional() }, output: {},
})

const role = {
  roleType: f.text('jwt or oidc', { max: 8 }),
  expirationLeeway: count('Seconds for tokens without exp; 0: 150; -1: none'),
  notBeforeLeeway: count('Seconds for tokens without nbf and iat; 0: 150; -1: none'),
  clockSkewLeeway: count('Seconds between the clocks; 0: 60; -1: none'),
  boundAudiences: list('Audiences, one of which the token must have'),
  boundSubject: text('Subject that the token must have'),
  boundClaimsType: f.text('string or glob', { max: 8 }),
  boundClaims: f.json('Claims that the token must have', { maxBytes: 65_536 }).nullable(),
  claimMappings: labels('Claims that become metadata').nullable(),
  userClaim: text('Claim that names the holder'),
  userClaimJsonPointer: f.bool('Whether user_claim is a JSON pointer'),
  groupsClaim: text('Claim that names groups'),
  allowedRedirectUris: list('For oidc roles'),
  oidcScopes: list('For oidc roles'),
  verboseOidcLogging: f.bool('Without effect: tokens are never logged'),
  maxAge: seconds('How long ago the holder may have been authenticated; 0: any time'),
}

const { policies, ttl, maxTtl, period, numUses, boundCidrs } = deprecatedTokenFields
const former = { policies, ttl, maxTtl, period, numUses, boundCidrs }

export const listRoles = operation({ id: 'jwt.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: { keys: f.list('Names', text('Name'), { max: 100_000 }) } })
export const readRole = operation({ id: 'jwt.readRole', method: 'GET', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { name }, output: { ...role, ...tokenOutput } })
export const writeRole = operation({
  id: 'jwt.writeRole', method: 'POST', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role',
  input: { name, ...allOptional(role), ...tokenFields, ...former }, output: {},
})
export const deleteRole = operation({ id: 'jwt.deleteRole', method: 'DELETE', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role', input: { name }, output: {} })

export const login = operation({
  id: 'jwt.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with a signed token', input: { role: f.text('Role; absent: the default one', { max: 255 }).optional(), jwt: f.secret('Signed token', { max: 65_536 }).optional() }, output: loginOutput,
})
