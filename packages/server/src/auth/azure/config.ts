// Whose tokens count.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { deleteConfig, readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, environments, type Config } from './records.ts'

const operations = { readConfig, writeConfig, deleteConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'azure.config', message, { field })

const defaults: Config = { v: 1, tenantId: '', resource: '', environment: '', clientId: '', rootPasswordTtlSeconds: 4380 * 3600, maxRetries: 3, maxRetryDelaySeconds: 60, retryDelaySeconds: 4, jwksUrl: '', jwksCaPem: '', issuer: '' }

const configOf = (input: Input, before: Config): Config => {
  const config: Config = {
    v: 1,
    tenantId: input.tenantId ?? before.tenantId,
    resource: input.resource ?? before.resource,
    environment: input.environment ?? before.environment,
    clientId: input.clientId ?? before.clientId,
    rootPasswordTtlSeconds: input.rootPasswordTtl ?? before.rootPasswordTtlSeconds,
    maxRetries: input.maxRetries ?? before.maxRetries,
    maxRetryDelaySeconds: input.maxRetryDelay ?? before.maxRetryDelaySeconds,
    retryDelaySeconds: input.retryDelay ?? before.retryDelaySeconds,
    jwksUrl: input.jwksUrl ?? before.jwksUrl,
    jwksCaPem: input.jwksCaPem ?? before.jwksCaPem,
    issuer: input.issuer ?? before.issuer,
  }
  if (config.tenantId === '') throw invalid('tenant_id', 'tenant_id is required')
  if (config.resource === '') throw invalid('resource', 'resource is required')
  // It becomes part of an address.
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/.test(config.tenantId)) throw invalid('tenant_id', 'tenant_id is neither an id nor a domain')
  if (config.environment !== '' && !Object.hasOwn(environments, config.environment.toLowerCase())) throw invalid('environment', `There is no cloud environment matching the name ${JSON.stringify(config.environment.slice(0, 64))}`)
  if (config.jwksUrl !== '' && !URL.canParse(config.jwksUrl)) throw invalid('jwks_url', 'jwks_url is not a URL')
  return config
}

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const config = (await configs.get(parts.store(call), CONFIG))?.value
      if (config === undefined) throw fail('not_found', 'azure.no_config', 'The method is not configured.')
      const { tenantId, resource, environment, clientId, maxRetries, jwksUrl, jwksCaPem, issuer } = config
      return { tenantId, resource, environment, clientId, maxRetries, jwksUrl, jwksCaPem, issuer, rootPasswordTtl: config.rootPasswordTtlSeconds, maxRetryDelay: config.maxRetryDelaySeconds, retryDelay: config.retryDelaySeconds }
    },
    async writeConfig(input, call) {
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      authorised(call, before === undefined ? 'create' : 'update', 'config')
      const config = configOf(input, before?.value ?? defaults)
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteConfig(_input, call) {
      authorised(call, 'delete', 'config')
      await parts.store(call).change((view) => configs.delete(view, CONFIG))
      return {}
    },
  })
