// Policies that every organization has without writing them. `default` may be changed, and then is a row like any other;
// `root` is a property of tokens; `response-wrapping` belongs to the tokens that stand for a wrapped answer.

import { parseAclPolicy } from './acl/parse.ts'
import type { AclPolicy } from './types.ts'

/** The policy of tokens that stand for a wrapped answer. */
export const WRAPPING_POLICY = 'response-wrapping'

const blocks = (paths: readonly (readonly [string, ...string[]])[]): string =>
  paths.map(([path, ...capabilities]) => `path "${path}" {\n    capabilities = [${capabilities.map((name) => `"${name}"`).join(', ')}]\n}\n`).join('\n')

/** What a token needs to live with: itself, its leases, its cubbyhole. The paths are those of Vault's policy of this name. */
export const defaultPolicyText = blocks([
  ['auth/token/lookup-self', 'read'],
  ['auth/token/renew-self', 'update'],
  ['auth/token/revoke-self', 'update'],
  ['sys/capabilities-self', 'update'],
  ['identity/entity/id/{{identity.entity.id}}', 'read'],
  ['identity/entity/name/{{identity.entity.name}}', 'read'],
  ['sys/internal/ui/resultant-acl', 'read'],
  ['sys/renew', 'update'],
  ['sys/leases/renew', 'update'],
  ['sys/leases/lookup', 'update'],
  ['cubbyhole/*', 'create', 'read', 'update', 'delete', 'list'],
  ['sys/wrapping/wrap', 'update'],
  ['sys/wrapping/lookup', 'update'],
  ['sys/wrapping/unwrap', 'update'],
  ['sys/tools/hash', 'update'],
  ['sys/tools/hash/*', 'update'],
  ['identity/oidc/provider/+/authorize', 'read', 'update'],
])

const wrappingPolicyText = blocks([
  ['cubbyhole/response', 'create', 'read'],
  ['sys/wrapping/unwrap', 'update'],
])

/** By name; a row of the same name comes first for `default` only. */
export const builtinPolicies: ReadonlyMap<string, AclPolicy> = new Map([
  ['default', parseAclPolicy(defaultPolicyText, 'default')],
  [WRAPPING_POLICY, parseAclPolicy(wrappingPolicyText, WRAPPING_POLICY)],
])
