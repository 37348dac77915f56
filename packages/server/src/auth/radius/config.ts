// Which server is asked.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, cleanPolicies, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'radius.config', message, { field })

const defaults: Config = { v: 1, host: '', port: 1812, secret: '', unregisteredUserPolicies: [], dialTimeoutSeconds: 10, readTimeoutSeconds: 10, nasPort: 10, nasIdentifier: '', token: noTokenSettings }

const configOf = (input: Input, before: Config): Config => {
  const host = (input.host ?? before.host).toLowerCase()
  const port = input.port ?? before.port
  // A secret is shared with one server: another must be given its own.
  const kept = host === before.host && port === before.port ? before.secret : ''
  const config: Config = {
    v: 1, host, port,
    secret: input.secret === undefined ? kept : reveal(input.secret, 'to be sealed'),
    unregisteredUserPolicies: input.unregisteredUserPolicies === undefined ? before.unregisteredUserPolicies : cleanPolicies(input.unregisteredUserPolicies),
    dialTimeoutSeconds: input.dialTimeout ?? before.dialTimeoutSeconds,
    readTimeoutSeconds: input.readTimeout ?? before.readTimeoutSeconds,
    nasPort: input.nasPort ?? before.nasPort,
    nasIdentifier: input.nasIdentifier ?? before.nasIdentifier,
    token: applyTokenFields(before.token, input),
  }
  if (config.host === '') throw invalid('host', 'config parameter `host` cannot be empty')
  if (!/^[a-z0-9._:-]+$/.test(config.host)) throw invalid('host', 'host is neither a name nor an address')
  if (config.secret === '') throw invalid('secret', 'config parameter `secret` cannot be empty')
  if (Buffer.byteLength(config.nasIdentifier) > 253) throw invalid('nas_identifier', 'nas_identifier holds at most 253 bytes')
  if (config.unregisteredUserPolicies.includes('root')) throw invalid('unregistered_user_policies', 'root policy cannot be granted by an auth method')
  return config
}

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const config = (await configs.get(parts.store(call), CONFIG))?.value
      if (config === undefined) throw fail('not_found', 'radius.no_config', 'The method is not configured.')
      const { host, port, unregisteredUserPolicies, nasPort, nasIdentifier } = config
      return { host, port, unregisteredUserPolicies, nasPort, nasIdentifier, dialTimeout: config.dialTimeoutSeconds, readTimeout: config.readTimeoutSeconds, ...showTokenSettings(config.token) }
    },
    async writeConfig(input, call) {
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      authorised(call, before === undefined ? 'create' : 'update', 'config')
      const config = configOf(input, before?.value ?? defaults)
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
