// Whose members may log in.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { organizationId } from './api.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'github.config', message, { field })

const checkedUrl = (given: string): string => {
  if (given === '') return ''
  if (!/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(given) || !URL.canParse(given)) throw invalid('base_url', 'error parsing given base_url: it must be a URL without user or query')
  return given.endsWith('/') ? given : `${given}/`
}

const configOf = async (parts: AuthParts, input: Input, before: Config | undefined): Promise<Config> => {
  const organization = input.organization ?? before?.organization ?? ''
  if (organization === '') throw invalid('organization', 'organization is a required parameter')
  const baseUrl = input.baseUrl === undefined ? (before?.baseUrl ?? '') : checkedUrl(input.baseUrl)
  const token = applyTokenFields(before?.token ?? noTokenSettings, input, input)
  // The number of before is another organization's when name or server is another.
  const known = before?.organization === organization && before.baseUrl === baseUrl ? before.organizationId : 0
  return { v: 1, organization, baseUrl, token, organizationId: input.organizationId || known || (await organizationId(parts, { baseUrl, organization })) }
}

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const config = (await configs.get(parts.store(call), CONFIG))?.value
      if (config === undefined) throw fail('not_found', 'github.no_config', 'The method is not configured.')
      return { organization: config.organization, organizationId: config.organizationId, baseUrl: config.baseUrl, ...showTokenSettings(config.token) }
    },
    async writeConfig(input, call) {
      authorised(call, 'update', 'config')
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      const config = await configOf(parts, input, before?.value)
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
