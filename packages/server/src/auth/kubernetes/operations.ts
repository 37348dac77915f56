// The contract of the kubernetes method, as Vault has it; jwks_url and oidc_discovery_url are ours.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'kubernetes'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const name = f.name('Name of the role')
const text = (describe: string, max = 2048) => f.text(describe, { max })
const pem = (describe: string) => f.text(describe, { max: 65_536 })
const names = (describe: string) => f.list(describe, text('Name or pattern', 253), { max: 500 })

const shown = {
  kubernetesHost: text('Address of the API server; empty: no TokenReview'),
  kubernetesCaCert: pem('Authorities of the API server, PEM'),
  pemKeys: f.list('Keys that sign service account tokens, PEM', pem('Key'), { max: 50 }),
  jwksUrl: text('Address of the key set that signs service account tokens'),
  jwksCaPem: pem('Authorities for the key set, PEM'),
  oidcDiscoveryUrl: text('Issuer of service account tokens, whose keys are found by discovery'),
  issuer: text('Issuer that tokens must name'),
  disableIssValidation: f.bool('Whether the issuer is not compared'),
  disableLocalCaJwt: f.bool('Accepted: nothing is read from the local pod'),
  useAnnotationsAsAliasMetadata: f.bool('Accepted and without effect'),
}

export const readConfig = operation({ id: 'kubernetes.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read how tokens are checked', input: {}, output: { ...shown, tokenReviewerJwtSet: f.bool('Whether a reviewer\'s token is kept') } })
export const writeConfig = operation({
  id: 'kubernetes.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say how tokens are checked',
  input: { ...allOptional(shown), tokenReviewerJwt: f.secret('Token that may review others', { max: 65_536 }).optional() }, output: {},
})

const role = {
  boundServiceAccountNames: names('Service accounts; `*` stands for anything'),
  boundServiceAccountNamespaces: names('Namespaces; `*` stands for anything'),
  audience: text('Audience that the token must have'),
  aliasNameSource: f.choice('What names the holder', ['serviceaccount_uid', 'serviceaccount_name']),
}
const { policies, ttl, maxTtl, period, numUses, boundCidrs } = deprecatedTokenFields

export const listRoles = operation({ id: 'kubernetes.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: { keys: f.list('Names', text('Name'), { max: 100_000 }) } })
export const readRole = operation({ id: 'kubernetes.readRole', method: 'GET', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { name }, output: { ...role, ...tokenOutput } })
export const writeRole = operation({
  id: 'kubernetes.writeRole', method: 'POST', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role',
  input: { name, ...allOptional(role), ...tokenFields, policies, ttl, maxTtl, period, numUses, boundCidrs }, output: {},
})
export const deleteRole = operation({ id: 'kubernetes.deleteRole', method: 'DELETE', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role', input: { name }, output: {} })
export const login = operation({
  id: 'kubernetes.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with the token of a service account', input: { role: f.text('Role', { max: 255 }).optional(), jwt: f.secret('Token of the service account', { max: 65_536 }).optional() }, output: loginOutput,
})
