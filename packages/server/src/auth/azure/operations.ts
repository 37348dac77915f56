// The contract of the azure method, as Vault has it; jwks_url, jwks_ca_pem and issuer are ours.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, seconds, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'azure'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const name = f.name('Name of the role')
const text = (describe: string, max = 512) => f.text(describe, { max })
const list = (describe: string) => f.list(describe, text('Text', 260), { max: 500 })

const config = {
  tenantId: text('Tenant whose tokens count', 64),
  resource: text('Audience that tokens must have', 2048),
  environment: text('AzurePublicCloud, AzureChinaCloud or AzureUSGovernmentCloud', 64),
  clientId: text('Accepted: Azure\'s API is not asked', 128),
  rootPasswordTtl: seconds('Accepted and without effect'),
  maxRetries: f.int('Accepted and without effect', { min: -1, max: 1000 }),
  maxRetryDelay: seconds('Accepted and without effect'),
  retryDelay: seconds('Accepted and without effect'),
  jwksUrl: text('Address of the key set; empty: that of the tenant', 2048),
  jwksCaPem: f.text('Authorities for the key set, PEM', { max: 65_536 }),
  issuer: text('Issuer that tokens must name; empty: that of the tenant', 2048),
}

export const readConfig = operation({ id: 'azure.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read whose tokens count', input: {}, output: config })
export const writeConfig = operation({
  id: 'azure.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say whose tokens count',
  input: {
    ...allOptional(config),
    clientSecret: f.secret('Accepted and not kept: nothing is asked with it', { max: 4096 }).optional(),
  },
  output: {},
})
export const deleteConfig = operation({ id: 'azure.deleteConfig', method: 'DELETE', path: '/config', tag, access: 'policy', audit: 'auth.config-delete', work: 'write', status: 204, errors, summary: 'Forget whose tokens count', input: {}, output: {} })

const bound = {
  boundServicePrincipalIds: list('Object ids; * alone: all, when groups are bound'),
  boundGroupIds: list('Groups, one of which the token must name; * alone: all, when principals are bound'),
  boundSubscriptionIds: list('Subscriptions of the resource'),
  boundResourceGroups: list('Resource groups of the resource'),
  boundLocations: list('Not supported: no token says where a resource is'),
  boundScaleSets: list('Scale sets of the resource'),
}
const { policies, ttl, maxTtl, period, numUses } = deprecatedTokenFields

export const listRoles = operation({ id: 'azure.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: { keys: f.list('Names', text('Name'), { max: 100_000 }) } })
export const readRole = operation({ id: 'azure.readRole', method: 'GET', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { name }, output: { ...bound, ...tokenOutput } })
export const writeRole = operation({
  id: 'azure.writeRole', method: 'POST', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role',
  input: { name, ...allOptional(bound), ...tokenFields, policies, ttl, maxTtl, period, numUses }, output: {},
})
export const deleteRole = operation({ id: 'azure.deleteRole', method: 'DELETE', path: '/role/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role', input: { name }, output: {} })

export const login = operation({
  id: 'azure.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors, summary: 'Log in with an identity token of Azure',
  input: {
    role: f.text('Role', { max: 255 }).optional(), jwt: f.secret('Signed token', { max: 65_536 }).optional(),
    subscriptionId: text('Subscription of the resource', 64).optional(), resourceGroupName: text('Resource group of the resource', 128).optional(), vmName: text('Virtual machine', 128).optional(), vmssName: text('Scale set', 128).optional(), resourceId: text('Whole id of the resource', 2048).optional(),
  },
  output: loginOutput,
})
