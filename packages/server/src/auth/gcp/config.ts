// How holders are named, and where Google's keys are.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { isObject, JsonError, parseJson, type JsonObject } from '../../lib/json.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, defaultConfig, metadataNames, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'gcp.config', message, { field })

const oneOf = <const T extends readonly string[]>(field: string, given: string, allowed: T): T[number] => {
  const found = allowed.find((each) => each === given)
  if (found === undefined) throw invalid(field, `invalid ${field}: it is one of ${allowed.join(', ')}`)
  return found
}

const checkedMetadata = (field: string, given: readonly string[], allowed: readonly string[]): readonly string[] => {
  if (given.length === 1 && given[0] === 'default') return allowed
  const unknown = given.find((each) => !allowed.includes(each))
  if (unknown !== undefined) throw invalid(field, `${JSON.stringify(unknown.slice(0, 64))} is not an available field, please select from: ${allowed.join(', ')}`)
  return given
}

const checkedEndpoints = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  for (const [name, url] of Object.entries(given)) {
    if (!['api', 'iam', 'crm', 'compute'].includes(name)) throw invalid('custom_endpoint', `invalid custom endpoint type ${JSON.stringify(name.slice(0, 16))}. Available types are: 'api', 'iam', 'crm', 'compute'`)
    if (url !== '' && (!/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(url) || !URL.canParse(url))) throw invalid('custom_endpoint', 'a custom endpoint must be a URL without user or query')
  }
  return given
}

/** The names of a key file. Its key is dropped here. */
const credentialsOf = (text: string): Config['credentials'] => {
  if (text === '') return defaultConfig.credentials
  let parsed: JsonObject
  try {
    const value = parseJson(text, { maxDepth: 4, maxBytes: 32_768 })
    if (!isObject(value)) throw invalid('credentials', 'failed to read credentials: they are not a JSON object')
    parsed = value
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw invalid('credentials', 'failed to read credentials: they are no JSON')
  }
  const of = (name: string): string => {
    const value = parsed[name]
    return typeof value === 'string' && value.length <= 320 ? value : ''
  }
  return { email: of('client_email'), id: of('client_id'), keyId: of('private_key_id'), project: of('project_id') }
}

const configOf = (input: Input, before: Config): Config => ({
  v: 1,
  iamAlias: oneOf('iam_alias', input.iamAlias ?? before.iamAlias, ['role_id', 'unique_id']),
  gceAlias: oneOf('gce_alias', input.gceAlias ?? before.gceAlias, ['role_id', 'instance_id']),
  iamMetadata: checkedMetadata('iam_metadata', input.iamMetadata ?? before.iamMetadata, metadataNames.iam),
  gceMetadata: checkedMetadata('gce_metadata', input.gceMetadata ?? before.gceMetadata, metadataNames.gce),
  endpoints: checkedEndpoints(input.customEndpoint ?? before.endpoints),
  credentials: input.credentials === undefined ? before.credentials : credentialsOf(reveal(input.credentials, 'to read the names in it')),
})

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const { iamAlias, gceAlias, iamMetadata, gceMetadata, endpoints, credentials } = (await configs.get(parts.store(call), CONFIG))?.value ?? defaultConfig
      return { iamAlias, gceAlias, iamMetadata, gceMetadata, customEndpoint: endpoints, clientEmail: credentials.email, clientId: credentials.id, privateKeyId: credentials.keyId, projectId: credentials.project }
    },
    async writeConfig(input, call) {
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      authorised(call, before === undefined ? 'create' : 'update', 'config')
      const config = configOf(input, before?.value ?? defaultConfig)
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
