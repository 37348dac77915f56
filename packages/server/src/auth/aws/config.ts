// How AWS is asked, and what names a holder.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { deleteClient, readClient, readIdentity, writeClient, writeIdentity } from './operations.ts'
import { aliasKinds, CLIENT, configs, defaultClient, defaultIdentity, identities, IDENTITY, type Client, type Identity } from './records.ts'

const operations = { readClient, writeClient, deleteClient, readIdentity, writeIdentity }
type Input = Parameters<Handlers<typeof operations>['writeClient']>[0]

const METADATA = ['account_id', 'auth_type', 'canonical_arn', 'client_arn', 'client_user_id', 'inferred_aws_region', 'inferred_entity_id', 'inferred_entity_type', 'inferred_hostname']
const invalid = (field: string, message: string): Error => fail('invalid_request', 'aws.config', message, { field })

const checkedEndpoint = (field: string, given: string): string => {
  if (given === '') return ''
  if (!/^https?:\/\/[^/?#@\s]+\/?$/.test(given) || !URL.canParse(given)) throw invalid(field, `${field} must be a URL without path, user or query`)
  return new URL(given).href
}

const clientOf = (input: Input, before: Client): Client => {
  if (input.roleArn !== undefined && input.roleArn !== '') throw invalid('role_arn', 'role_arn is not supported: give access_key and secret_key')
  const accessKey = input.accessKey ?? before.accessKey
  const iamEndpoint = input.iamEndpoint === undefined ? before.iamEndpoint : checkedEndpoint('iam_endpoint', input.iamEndpoint)
  // A key stays where nothing is said of it only while it is used for the same account at the same place.
  const kept = accessKey === before.accessKey && iamEndpoint === before.iamEndpoint ? before.secretKey : ''
  return {
    v: 1, accessKey, iamEndpoint,
    secretKey: input.secretKey === undefined ? kept : reveal(input.secretKey, 'to be sealed'),
    endpoint: input.endpoint ?? before.endpoint,
    stsEndpoint: input.stsEndpoint === undefined ? before.stsEndpoint : checkedEndpoint('sts_endpoint', input.stsEndpoint),
    stsRegion: input.stsRegion ?? before.stsRegion,
    useRegionOfRequest: input.useStsRegionFromClient ?? before.useRegionOfRequest,
    serverId: input.iamServerIdHeaderValue ?? before.serverId,
    allowedHeaders: input.allowedStsHeaderValues === undefined ? before.allowedHeaders : input.allowedStsHeaderValues.map((each) => each.trim().toLowerCase()).filter((each) => each !== ''),
    maxRetries: input.maxRetries ?? before.maxRetries,
  }
}

/** Headers that would make another request of it, whoever allows them. */
const NEVER: ReadonlySet<string> = new Set(['accept', 'connection', 'expect', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'x-amz-target', 'x-http-method-override', 'content-encoding'])

const checked = (client: Client): Client => {
  const bad = client.allowedHeaders.find((each) => !/^[a-z0-9-]+$/.test(each) || NEVER.has(each))
  if (bad !== undefined) throw invalid('allowed_sts_header_values', `allowed_sts_header_values: ${JSON.stringify(bad.slice(0, 64))} cannot be allowed`)
  return client
}

/** As Go writes the names of headers, which is how Vault shows them. */
const goHeader = (name: string): string => name.replace(/(^|-)[a-z]/g, (each) => each.toUpperCase())

const identityOf = (given: { readonly iamAlias?: string | undefined; readonly iamMetadata?: readonly string[] | undefined }, before: Identity): Identity => {
  const alias = aliasKinds.find((each) => each === (given.iamAlias ?? before.alias))
  if (alias === undefined) throw invalid('iam_alias', `iam_alias of ${JSON.stringify(given.iamAlias?.slice(0, 32))} not in set of allowed values: [${aliasKinds.join(' ')}]`)
  const wanted = given.iamMetadata ?? before.metadata
  const metadata = wanted.length === 1 && wanted[0] === 'default' ? defaultIdentity.metadata : wanted
  const unknown = metadata.find((each) => !METADATA.includes(each))
  if (unknown !== undefined) throw invalid('iam_metadata', `${JSON.stringify(unknown.slice(0, 64))} is not an available field, please select from: ${METADATA.join(', ')}`)
  return { v: 1, alias, metadata }
}

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readClient(_input, call) {
      authorised(call, 'read', 'config/client')
      const client = (await configs.get(parts.store(call), CLIENT))?.value
      if (client === undefined) throw fail('not_found', 'aws.no_config', 'The method is not configured.')
      const { accessKey, endpoint, iamEndpoint, stsEndpoint, stsRegion, maxRetries } = client
      return { accessKey, endpoint, iamEndpoint, stsEndpoint, stsRegion, maxRetries, useStsRegionFromClient: client.useRegionOfRequest, iamServerIdHeaderValue: client.serverId, allowedStsHeaderValues: client.allowedHeaders.map(goHeader), roleArn: '' }
    },
    async writeClient(input, call) {
      const store = parts.store(call)
      const before = await configs.get(store, CLIENT)
      authorised(call, before === undefined ? 'create' : 'update', 'config/client')
      const client = checked(clientOf(input, before?.value ?? defaultClient))
      await store.change((view) => configs.put(view, CLIENT, client, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteClient(_input, call) {
      authorised(call, 'delete', 'config/client')
      await parts.store(call).change((view) => configs.delete(view, CLIENT))
      return {}
    },
    async readIdentity(_input, call) {
      authorised(call, 'read', 'config/identity')
      const { alias, metadata } = (await identities.get(parts.store(call), IDENTITY))?.value ?? defaultIdentity
      return { iamAlias: alias, iamMetadata: metadata, ec2Alias: 'role_id', ec2Metadata: ['account_id', 'auth_type'] }
    },
    async writeIdentity(input, call) {
      authorised(call, 'update', 'config/identity')
      const store = parts.store(call)
      const before = await identities.get(store, IDENTITY)
      const identity = identityOf(input, before?.value ?? defaultIdentity)
      await store.change((view) => identities.put(view, IDENTITY, identity, { cas: before?.version ?? 0 }))
      return {}
    },
  })
