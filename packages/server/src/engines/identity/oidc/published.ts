// What anybody may read: where things are, and under which keys tokens can be verified (OpenID Connect Discovery; RFC 7517).

import type { Call } from '../../../kernel/call.ts'
import { f } from '../../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../../kernel/operation.ts'
import type { OidcPort, PublishedKeys } from '../../../kernel/ports/oidc.ts'
import { document, notThere, text } from '../common.ts'
import { nameOf } from './fields.ts'

const open = { tag: 'identity', access: 'public', work: 'read', bare: true, method: 'GET', errors: ['invalid_request', 'not_found', 'sealed', 'unavailable'] } as const
const keySet = { keys: f.list('Public keys', f.json('JSON Web Key', { maxBytes: 16 * 1024 }), { max: 100_000 }) }
const listOf = (describe: string) => f.list(describe, text('Value'), { max: 10_000 })
const name = nameOf('provider')

export const discoverTokens = operation({
  ...open, id: 'identity.discoverTokens', path: '/v1/identity/oidc/.well-known/openid-configuration', audit: 'identity.oidc-discovery', summary: 'Discover how identity tokens are verified', input: {},
  output: { issuer: text('What tokens say'), jwksUri: text('Where the keys are', 1024), responseTypesSupported: listOf('Kinds of answers'), subjectTypesSupported: listOf('Kinds of subjects'), idTokenSigningAlgValuesSupported: listOf('Algorithms') },
})
export const readPublicKeys = operation({ ...open, id: 'identity.readPublicKeys', path: '/v1/identity/oidc/.well-known/keys', audit: 'identity.oidc-keys-read', summary: 'Read the public keys of identity tokens', input: {}, output: keySet })
export const discoverProvider = operation({ ...open, id: 'identity.discoverProvider', path: '/v1/identity/oidc/provider/:name/.well-known/openid-configuration', audit: 'identity.oidc-discovery', summary: 'Discover where the endpoints of a provider are', input: { name }, output: { document } })
export const readProviderKeys = operation({ ...open, id: 'identity.readProviderKeys', path: '/v1/identity/oidc/provider/:name/.well-known/keys', audit: 'identity.oidc-keys-read', summary: 'Read the public keys of a provider', input: { name }, output: keySet })

const ALGORITHMS = Object.freeze(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])
const KEEP_DISCOVERY = ['cache-control', 'max-age=3600'] as const

const shown = (call: Call, { keys, maxAgeSeconds }: PublishedKeys) => {
  if (maxAgeSeconds !== undefined) call.tell?.(['cache-control', `max-age=${maxAgeSeconds}`])
  return { keys }
}

export const publishedOperations = (oidc: OidcPort): readonly Implemented[] =>
  implement({ discoverTokens, readPublicKeys, discoverProvider, readProviderKeys }, {
    async discoverTokens(_input, call) {
      const issuer = await oidc.effectiveIssuer(call.orgId)
      call.tell?.(KEEP_DISCOVERY)
      return { issuer, jwksUri: `${issuer}/.well-known/keys`, responseTypesSupported: ['id_token'], subjectTypesSupported: ['public'], idTokenSigningAlgValuesSupported: ALGORITHMS }
    },
    readPublicKeys: async (_input, call) => shown(call, await oidc.publicKeys(call.orgId)),
    async discoverProvider(input, call) {
      const provider = await oidc.providers.find(call.orgId, input.name)
      if (provider === undefined) throw notThere()
      const { effectiveIssuer: issuer, scopesSupported } = provider
      call.tell?.(KEEP_DISCOVERY)
      return {
        document: {
          issuer, jwks_uri: `${issuer}/.well-known/keys`, authorization_endpoint: `${issuer.replace('/v1/', '/ui/vault/')}/authorize`, token_endpoint: `${issuer}/token`, userinfo_endpoint: `${issuer}/userinfo`,
          request_parameter_supported: false, request_uri_parameter_supported: false, id_token_signing_alg_values_supported: ALGORITHMS, response_types_supported: ['code'], scopes_supported: [...scopesSupported, 'openid'], claims_supported: [],
          subject_types_supported: ['public'], grant_types_supported: ['authorization_code'], token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'], code_challenge_methods_supported: ['plain', 'S256'],
        },
      }
    },
    async readProviderKeys(input, call) {
      const found = await oidc.providerKeys(call.orgId, input.name)
      if (found === undefined) throw notThere()
      return shown(call, found)
    },
  })
