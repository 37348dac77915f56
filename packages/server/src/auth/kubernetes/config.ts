// How tokens are checked.

import { authorised, type AuthParts, type KeySource } from '../../kernel/auth/method.ts'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'kubernetes.config', message, { field, cause })
const optional = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

const sourceOf = (input: Input): KeySource | null => {
  const { pemKeys = [], jwksUrl = '', oidcDiscoveryUrl = '' } = input
  const sources: readonly KeySource[] = [
    ...(pemKeys.length === 0 ? [] : [{ kind: 'pem', keys: pemKeys } as const]),
    ...(jwksUrl === '' ? [] : [{ kind: 'jwks', url: jwksUrl, caPem: optional(input.jwksCaPem) } as const]),
    ...(oidcDiscoveryUrl === '' ? [] : [{ kind: 'discovery', url: oidcDiscoveryUrl, caPem: optional(input.jwksCaPem) } as const]),
  ]
  if (sources.length > 1) throw invalid('pem_keys', 'at most one of pem_keys, jwks_url and oidc_discovery_url can be set')
  return sources[0] ?? null
}

const hostOf = (text: string): string => {
  if (text === '' || /^https?:\/\/[^/?#@\s]+\/?$/.test(text)) return text.replace(/\/$/, '')
  throw invalid('kubernetes_host', 'kubernetes_host must be a URL without path, user or query')
}

const configOf = (input: Input, before: Config | undefined): Config => {
  const host = hostOf(input.kubernetesHost ?? '')
  const source = sourceOf(input)
  if (host === '' && source === null) throw invalid('kubernetes_host', 'no host provided')
  const issuer = input.issuer ?? ''
  // A reviewer's token stays where nothing is said of it only while the server that it is sent to stays the same.
  const kept = before?.host === host ? before.reviewerToken : ''
  return {
    v: 1, host, caPem: input.kubernetesCaCert ?? '', source, issuer, checkIssuer: issuer !== '' && input.disableIssValidation !== true,
    reviewerToken: input.tokenReviewerJwt === undefined ? kept : reveal(input.tokenReviewerJwt, 'to be sealed'),
    disableLocalCaJwt: input.disableLocalCaJwt ?? false, useAnnotations: input.useAnnotationsAsAliasMetadata ?? false,
  }
}

const shown = ({ host, caPem, source, issuer, checkIssuer, reviewerToken, disableLocalCaJwt, useAnnotations }: Config) => ({
  kubernetesHost: host, kubernetesCaCert: caPem,
  pemKeys: source?.kind === 'pem' ? source.keys : [],
  jwksUrl: source?.kind === 'jwks' ? source.url : '',
  oidcDiscoveryUrl: source?.kind === 'discovery' ? source.url : '',
  jwksCaPem: source === null || source.kind === 'pem' ? '' : (source.caPem ?? ''),
  issuer, disableIssValidation: !checkIssuer, disableLocalCaJwt, useAnnotationsAsAliasMetadata: useAnnotations, tokenReviewerJwtSet: reviewerToken !== '',
})

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const found = await configs.get(parts.store(call), CONFIG)
      if (found === undefined) throw fail('not_found', 'kubernetes.no_config', 'The method is not configured.')
      return shown(found.value)
    },
    async writeConfig(input, call) {
      authorised(call, 'update', 'config')
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      const config = configOf(input, before?.value)
      if (config.source !== null) {
        const failure = await parts.signedTokens.check(config.source).then(() => undefined, (error: unknown) => error)
        if (failure !== undefined) throw invalid('pem_keys', `the keys cannot be used: ${failure instanceof Error && 'code' in failure ? failure.message : asCofferError(failure).message}`, failure)
      }
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
