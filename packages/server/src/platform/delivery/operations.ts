// The contracts behind the gRPC door (proto/codesprintpro/secrets/v1). Each rpc is one operation, by its gRPC path; the
// door gives the token to the pipeline, so that messages lose client_token before they get here.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'delivery'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'rate_limited', 'sealed', 'unavailable'] as const
const SERVICE = '/codesprintpro.secrets.v1.SecretDeliveryService'
const MAX_VALUE = 1024 * 1024

const secretPath = f.text('Environment and path; a path whose first segment is no environment is one of the default environment', { max: 1024, min: 1 })
const versionNumber = f.int('Version number; 0: none', { min: 0, max: Number.MAX_SAFE_INTEGER })

export const get = operation({
  id: 'delivery.get', method: 'POST', path: `${SERVICE}/GetSecret`, tag, access: 'policy', audit: 'secret.reveal', work: 'read',
  summary: 'Read a value by alias or version',
  input: { secretPath, versionOrAlias: f.text('current, another alias, v3 or 3. Empty: current', { max: 64 }).default('current') },
  output: {
    secretPath,
    versionNumber,
    plaintextValue: f.secret('The value', { max: MAX_VALUE }),
    expiresAtUnix: f.int('When the version stops being readable, in seconds since 1970; 0: never', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  },
  errors: common,
  example: { secretPath: 'prod/payments/stripe-api-key', versionOrAlias: 'current' },
})

export const watch = operation({
  id: 'delivery.watch', method: 'POST', path: `${SERVICE}/WatchSecretChanges`, tag, access: 'policy', audit: 'secret.watch', work: 'read',
  summary: 'Follow the aliases of up to 100 secrets',
  description: 'A stream is many looks: the first, without `look`, asks whether everything may be watched; then one with `look` reads the present aliases, and one more follows each change, authenticated and authorised anew. A token with a limited number of uses pays one for each.',
  input: {
    // More than 100 have an error of their own, RESOURCE_EXHAUSTED; the size of a message bounds the rest.
    secretPaths: f.list('Paths as in delivery.get, at most 100', secretPath, { max: 131_072 }),
    look: f.bool('Whether to read the aliases').default(false),
  },
  output: {
    organizationId: f.text('Organization', { max: 64 }),
    tokenId: f.text('Id of the token; not the token', { max: 64 }),
    expiresIn: f.int('Milliseconds until the token ends; absent: it does not', { min: 0, max: Number.MAX_SAFE_INTEGER }).optional(),
    items: f.list('One for each path, repetitions left out', f.object('A watched secret', {
      secretPath,
      change: f.text('Its key in the change feed', { max: 2048 }),
      aliases: f.map('Versions by alias; empty when there is no such secret', versionNumber, { max: 1000 }).optional(),
    }), { max: 100 }),
  },
  errors: common,
})
