// The contract of the aws method, as Vault has it, for auth_type iam.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'aws'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const text = (describe: string, max = 512) => f.text(describe, { max })
const list = (describe: string, max = 500) => f.list(describe, text('Text', 2048), { max })

const client = {
  accessKey: text('Access key, for questions to IAM', 128),
  endpoint: text('Accepted: EC2 is not asked', 2048),
  iamEndpoint: text('Address of IAM; empty: that of AWS', 2048),
  stsEndpoint: text('Address of STS; empty: that of AWS', 2048),
  stsRegion: text('Region of sts_endpoint', 64),
  useStsRegionFromClient: f.bool('Whether STS of the region that the request is signed for is asked'),
  iamServerIdHeaderValue: text('Value that requests must have signed in X-Vault-AWS-IAM-Server-ID', 256),
  allowedStsHeaderValues: f.list('Further headers that requests may have', text('Header', 64), { max: 32 }),
  maxRetries: f.int('Accepted: a login asks once', { min: -1, max: 100 }),
  roleArn: text('Accepted empty only', 2048),
}

export const readClient = operation({ id: 'aws.readClient', method: 'GET', path: '/config/client', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read how AWS is asked', input: {}, output: client })
export const writeClient = operation({
  id: 'aws.writeClient', method: 'POST', path: '/config/client', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say how AWS is asked',
  input: {
    ...allOptional(client),
    secretKey: f.secret('Secret key of access_key', { max: 256 }).optional(),
  },
  output: {},
})
export const deleteClient = operation({ id: 'aws.deleteClient', method: 'DELETE', path: '/config/client', tag, access: 'policy', audit: 'auth.config-delete', work: 'write', status: 204, errors, summary: 'Ask AWS as by default', input: {}, output: {} })

const identity = {
  iamAlias: text('What names a holder: role_id, unique_id, canonical_arn or full_arn', 32),
  iamMetadata: list('What goes into the token: account_id, auth_type, canonical_arn, client_arn, client_user_id', 20),
}
const ec2 = { ec2Alias: text('Accepted and without effect', 32), ec2Metadata: list('Accepted and without effect', 20) }
export const readIdentity = operation({ id: 'aws.readIdentity', method: 'GET', path: '/config/identity', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read what names a holder', input: {}, output: { ...identity, ...ec2 } })
export const writeIdentity = operation({
  id: 'aws.writeIdentity', method: 'POST', path: '/config/identity', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say what names a holder',
  input: { iamAlias: identity.iamAlias.optional(), iamMetadata: identity.iamMetadata.optional(), ec2Alias: ec2.ec2Alias.optional(), ec2Metadata: ec2.ec2Metadata.optional() }, output: {},
})

const role = f.name('Name of the role')
const bound = {
  boundIamPrincipalArn: list('Users and roles; with * at the end: all that begin so'),
  boundAccountId: list('Accounts'),
  resolveAwsUniqueIds: f.bool('Whether names are made into ids that are never used again'),
}
/** Of instances, which cannot log in: refused unless empty. */
const instances = {
  boundAmiId: list('Not supported').optional(), boundRegion: list('Not supported').optional(), boundVpcId: list('Not supported').optional(), boundSubnetId: list('Not supported').optional(),
  boundIamRoleArn: list('Not supported').optional(), boundIamInstanceProfileArn: list('Not supported').optional(), boundEc2InstanceId: list('Not supported').optional(),
}
const instanceSettings = { inferredEntityType: text('Not supported').optional(), inferredAwsRegion: text('Not supported').optional(), roleTag: text('Not supported').optional(), allowInstanceMigration: f.bool('Not supported').optional(), disallowReauthentication: f.bool('Not supported').optional() }
const { policies, ttl, maxTtl, period } = deprecatedTokenFields
const names = { keys: f.list('Names', text('Name'), { max: 100_000 }) }

export const listRoles = operation({ id: 'aws.listRoles', method: 'LIST', path: '/role', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: names })
export const listRolesToo = operation({ id: 'aws.listRolesToo', method: 'LIST', path: '/roles', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List roles', input: {}, output: names })
export const readRole = operation({
  id: 'aws.readRole', method: 'GET', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read a role', input: { role },
  output: { authType: text('iam', 8), ...bound, boundIamPrincipalId: list('Ids of bound_iam_principal_arn'), roleId: text('Id', 64), inferredEntityType: text('Empty'), inferredAwsRegion: text('Empty'), ...tokenOutput },
})
export const writeRole = operation({
  id: 'aws.writeRole', method: 'POST', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change a role',
  input: { role, authType: text('iam; ec2 is not supported', 8).optional(), boundIamPrincipalArn: bound.boundIamPrincipalArn.optional(), boundAccountId: bound.boundAccountId.optional(), resolveAwsUniqueIds: bound.resolveAwsUniqueIds.optional(), ...instances, ...instanceSettings, ...tokenFields, policies, ttl, maxTtl, period },
  output: {},
})
export const deleteRole = operation({ id: 'aws.deleteRole', method: 'DELETE', path: '/role/:role', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete a role', input: { role }, output: {} })

// Clients send the headers as JSON in base64, as JSON text, or as the object itself.
const headers = f.secret('Headers of the signed request, JSON or JSON in base64', { max: 32_768 }).optional()
const asText: (typeof headers)['coerce'] = (raw, leniency, textual) => (raw !== null && typeof raw === 'object' ? JSON.stringify(raw) : headers.coerce(raw, leniency, textual))

export const login = operation({
  id: 'aws.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with a signed request that asks AWS who signed it',
  input: {
    role: f.text('Role; absent: named as the user or role', { max: 255 }).optional(),
    iamHttpRequestMethod: text('POST', 16).optional(),
    iamRequestUrl: text('Address of the signed request, base64', 4096).optional(),
    iamRequestBody: text('Body of the signed request, base64', 4096).optional(),
    iamRequestHeaders: { ...headers, coerce: asText },
    identity: text('Not supported', 16_384).optional(), signature: text('Not supported', 16_384).optional(), pkcs7: text('Not supported', 32_768).optional(), nonce: text('Not supported', 512).optional(),
  },
  output: loginOutput,
})
