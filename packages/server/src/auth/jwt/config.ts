// Where the keys are, and whose tokens count.

import { authorised, type AuthParts, type KeySource } from '../../kernel/auth/method.ts'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { isJwsAlgorithm } from '../../crypto/jws.ts'
import { readConfig, writeConfig } from './operations.ts'
import { roleKey } from '../../kernel/auth/roles.ts'
import { CONFIG, configs, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'jwt.config', message, { field, cause })
const optional = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

/** @throws invalid_request unless exactly one source is named */
const sourceOf = (input: Input): KeySource => {
  const { jwtValidationPubkeys: keys = [], jwksUrl = '', oidcDiscoveryUrl = '' } = input
  const sources: readonly KeySource[] = [
    ...(keys.length === 0 ? [] : [{ kind: 'pem', keys } as const]),
    ...(jwksUrl === '' ? [] : [{ kind: 'jwks', url: jwksUrl, caPem: optional(input.jwksCaPem) } as const]),
    ...(oidcDiscoveryUrl === '' ? [] : [{ kind: 'discovery', url: oidcDiscoveryUrl, caPem: optional(input.oidcDiscoveryCaPem) } as const]),
  ]
  const [only] = sources
  if (only === undefined || sources.length > 1) throw invalid('jwks_url', "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set")
  return only
}

/** The client of the redirect flow. @throws invalid_request for flows that are not offered */
const oidcOf = (input: Input, source: KeySource): Pick<Config, 'oidcClientId' | 'oidcClientSecret'> => {
  const [oidcClientId, oidcClientSecret] = [input.oidcClientId ?? '', input.oidcClientSecret === undefined ? '' : reveal(input.oidcClientSecret, 'to be stored sealed')]
  if ((input.oidcResponseTypes ?? []).some((type) => type !== 'code')) throw invalid('oidc_response_types', 'only the authorization code flow is offered: oidc_response_types must be "code"')
  if (Object.keys(input.providerConfig ?? {}).length > 0) throw invalid('provider_config', 'provider_config is not supported; groups come from the ID token or from userinfo')
  if (oidcClientId === '' && oidcClientSecret === '') return {}
  if (source.kind !== 'discovery') throw invalid('oidc_discovery_url', "'oidc_client_id' and 'oidc_client_secret' need 'oidc_discovery_url'")
  if (oidcClientId === '') throw invalid('oidc_client_id', "'oidc_client_secret' needs 'oidc_client_id'")
  return { oidcClientId, oidcClientSecret }
}

const checkSource = async (parts: AuthParts, source: KeySource): Promise<void> => {
  const failure = await parts.signedTokens.check(source).then(() => undefined, (error: unknown) => error)
  if (failure === undefined) return
  const what = { pem: 'error parsing public key', jwks: 'error checking jwks URL', discovery: 'error checking oidc discovery URL' }[source.kind]
  const why = failure instanceof Error && 'code' in failure ? failure.message : asCofferError(failure).message
  // A wrong address is the administrator's to correct, not a fault of ours that a client would try again.
  throw invalid(source.kind === 'pem' ? 'jwt_validation_pubkeys' : source.kind === 'jwks' ? 'jwks_url' : 'oidc_discovery_url', `${what}: ${why}`, failure)
}

const shown = ({ source, algorithms, boundIssuer, defaultRole, oidcClientId }: Config) => ({
  oidcDiscoveryUrl: source.kind === 'discovery' ? source.url : '',
  oidcDiscoveryCaPem: source.kind === 'discovery' ? (source.caPem ?? '') : '',
  jwksUrl: source.kind === 'jwks' ? source.url : '',
  jwksCaPem: source.kind === 'jwks' ? (source.caPem ?? '') : '',
  jwtValidationPubkeys: source.kind === 'pem' ? source.keys : [],
  jwtSupportedAlgs: algorithms,
  boundIssuer,
  defaultRole,
  oidcClientId: oidcClientId ?? '',
  oidcResponseMode: '' as const,
  oidcResponseTypes: [],
  namespaceInState: true,
  providerConfig: {},
})

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const found = await configs.get(parts.store(call), CONFIG)
      if (found === undefined) throw fail('not_found', 'jwt.no_config', 'The method is not configured.')
      return shown(found.value)
    },
    async writeConfig(input, call) {
      authorised(call, 'update', 'config')
      const source = sourceOf(input)
      const algorithms = input.jwtSupportedAlgs ?? []
      const unknown = algorithms.find((each) => !isJwsAlgorithm(each))
      if (unknown !== undefined) throw invalid('jwt_supported_algs', `Invalid supported algorithm: ${unknown.slice(0, 32)}`)
      const oidc = oidcOf(input, source)
      await checkSource(parts, source)
      const config: Config = { v: 1, source, algorithms, boundIssuer: input.boundIssuer ?? '', defaultRole: roleKey(input.defaultRole ?? ''), ...oidc }
      await parts.store(call).change((view) => configs.put(view, CONFIG, config))
      return {}
    },
  })
