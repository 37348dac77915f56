// What a role says of the tokens that it gives: the fields that every auth method shares, under Vault's names
// (token_ttl, token_policies, ...). Contracts spread them; they are never written out again.

import { parseCidr, shownCidr } from '../../lib/cidr.ts'
import { fail } from '../errors.ts'
import { f, type Infer } from '../fields.ts'

export type TokenTypeSetting = 'default' | 'service' | 'batch'

/** Stored as part of a role. */
export interface TokenSettings {
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly periodSeconds: number
  readonly policies: readonly string[]
  readonly noDefaultPolicy: boolean
  readonly boundCidrs: readonly string[]
  readonly numUses: number
  readonly type: TokenTypeSetting
}

export const noTokenSettings: TokenSettings = Object.freeze({ ttlSeconds: 0, maxTtlSeconds: 0, explicitMaxTtlSeconds: 0, periodSeconds: 0, policies: [], noDefaultPolicy: false, boundCidrs: [], numUses: 0, type: 'default' })

const MAX_SECONDS = 10 * 365 * 86_400
const MAX_POLICIES = 500
const MAX_USES = 2 ** 31 - 1

export const seconds = (describe: string) => f.duration(describe, { maxSeconds: MAX_SECONDS })
export const cidrs = (describe: string) => f.list(describe, f.text('Address range', { max: 64 }), { max: 200 })
export const policyNames = (describe: string) => f.list(describe, f.text('Policy', { max: 256 }), { max: MAX_POLICIES })

/** Input: what is absent stays as it was. */
export const tokenFields = {
  tokenTtl: seconds('Life of a token; 0: the mount\'s default').optional(),
  tokenMaxTtl: seconds('Longest life by renewal; 0: the mount\'s maximum').optional(),
  tokenExplicitMaxTtl: seconds('Longest life whatever else is set; 0: none').optional(),
  tokenPeriod: seconds('Period of a token that may be renewed for ever; 0: none').optional(),
  tokenPolicies: policyNames('Policies of the token').optional(),
  tokenNoDefaultPolicy: f.bool('Leaves the policy default out').optional(),
  tokenBoundCidrs: cidrs('Addresses from which one may log in and use the token').optional(),
  tokenNumUses: f.int('Uses of a token; 0: unlimited', { min: 0, max: MAX_USES }).optional(),
  tokenType: f.text('service, batch or default', { max: 16 }).optional(),
}

/** Older names of the same settings, that clients still send. */
export const deprecatedTokenFields = {
  policies: policyNames('Former name of token_policies').optional(),
  ttl: seconds('Former name of token_ttl').optional(),
  maxTtl: seconds('Former name of token_max_ttl').optional(),
  period: seconds('Former name of token_period').optional(),
  numUses: f.int('Former name of token_num_uses', { min: 0, max: MAX_USES }).optional(),
  boundCidrs: cidrs('Former name of token_bound_cidrs').optional(),
}

export const tokenOutput = {
  tokenTtl: f.int('Seconds', { min: 0, max: MAX_SECONDS }),
  tokenMaxTtl: f.int('Seconds', { min: 0, max: MAX_SECONDS }),
  tokenExplicitMaxTtl: f.int('Seconds', { min: 0, max: MAX_SECONDS }),
  tokenPeriod: f.int('Seconds', { min: 0, max: MAX_SECONDS }),
  tokenPolicies: policyNames('Policies'),
  tokenNoDefaultPolicy: f.bool('Whether default is left out'),
  tokenBoundCidrs: cidrs('Address ranges'),
  tokenNumUses: f.int('Uses', { min: 0, max: MAX_USES }),
  tokenType: f.text('service, batch or default', { max: 16 }),
}

type TokenInput = Partial<Infer<typeof tokenFields>>
export type DeprecatedTokenInput = Partial<Infer<typeof deprecatedTokenFields>>

const invalid = (field: string, message: string): Error => fail('invalid_request', 'auth.token_settings', message, { field })

/** Lower case, each once, in order: what Vault makes of a list of policies. */
export const cleanPolicies = (names: readonly string[]): readonly string[] => [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort()

/** @throws invalid_request naming the first that is no address or range */
export const checkCidrs = (field: string, ranges: readonly string[]): readonly string[] => {
  for (const range of ranges) if (parseCidr(range) === undefined) throw invalid(field, `error parsing ${field}: ${JSON.stringify(range.slice(0, 64))} is no address range`)
  return ranges
}

const typeOf = (given: string): TokenTypeSetting => {
  if (given === '' || given === 'default') return 'default'
  if (given === 'service' || given === 'batch') return given
  throw invalid('token_type', `invalid 'token_type' value ${JSON.stringify(given)}`)
}

/** The settings with what an input changes. Former names count where the new one is absent. @throws invalid_request */
export const applyTokenFields = (before: TokenSettings, input: TokenInput, former: DeprecatedTokenInput = {}): TokenSettings => {
  const policies = input.tokenPolicies ?? former.policies
  const boundCidrs = input.tokenBoundCidrs ?? former.boundCidrs
  const after: TokenSettings = {
    ttlSeconds: input.tokenTtl ?? former.ttl ?? before.ttlSeconds,
    maxTtlSeconds: input.tokenMaxTtl ?? former.maxTtl ?? before.maxTtlSeconds,
    explicitMaxTtlSeconds: input.tokenExplicitMaxTtl ?? before.explicitMaxTtlSeconds,
    periodSeconds: input.tokenPeriod ?? former.period ?? before.periodSeconds,
    policies: policies === undefined ? before.policies : cleanPolicies(policies),
    noDefaultPolicy: input.tokenNoDefaultPolicy ?? before.noDefaultPolicy,
    boundCidrs: boundCidrs === undefined ? before.boundCidrs : checkCidrs('token_bound_cidrs', boundCidrs),
    numUses: input.tokenNumUses ?? former.numUses ?? before.numUses,
    type: input.tokenType === undefined ? before.type : typeOf(input.tokenType),
  }
  if (after.ttlSeconds > 0 && after.maxTtlSeconds > 0 && after.ttlSeconds > after.maxTtlSeconds) throw invalid('token_ttl', "'token_ttl' cannot be greater than 'token_max_ttl'")
  if (after.policies.includes('root')) throw invalid('token_policies', 'auth methods cannot create root tokens')
  if (after.type === 'batch' && after.numUses !== 0) throw invalid('token_type', "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")
  if (after.type === 'batch' && after.periodSeconds !== 0) throw invalid('token_type', "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")
  return after
}

/** As a role's read shows them. */
export const showTokenSettings = (settings: TokenSettings): Infer<typeof tokenOutput> => ({
  tokenTtl: settings.ttlSeconds,
  tokenMaxTtl: settings.maxTtlSeconds,
  tokenExplicitMaxTtl: settings.explicitMaxTtlSeconds,
  tokenPeriod: settings.periodSeconds,
  tokenPolicies: settings.policies,
  tokenNoDefaultPolicy: settings.noDefaultPolicy,
  tokenBoundCidrs: settings.boundCidrs.map(shownCidr),
  tokenNumUses: settings.numUses,
  tokenType: settings.type,
})
