// A token locked to a project or to one of its environments. The lock is looked at before every rule, root
// included: it can only take away.

import { fineAction } from './actions.ts'
import type { Decision, PolicyAction, PolicyResource, PrincipalView } from './types.ts'

type Lock = NonNullable<PrincipalView['lock']>

const outside: Decision = Object.freeze({ allow: false, rule: 'token-lock', reason: 'The token is locked to another project or environment.' })

// What a token needs to live with: itself and tokens whose text it has, children (which are locked as it is), leases by their ids, what it may ask
// about itself, its own cubbyhole. Lists, accessors, prefixes and settings are about everybody's.
const alwaysReachable: readonly string[] = ['auth/token/create/', 'cubbyhole/', 'sys/internal/ui/', 'sys/leases/renew/', 'sys/leases/revoke/', 'sys/wrapping/']
const reachableItself: ReadonlySet<string> = new Set([
  ...['create', 'create-orphan', 'lookup', 'lookup-self', 'renew', 'renew-self', 'revoke', 'revoke-self'].map((name) => `auth/token/${name}`),
  ...['lookup', 'renew', 'revoke'].map((name) => `sys/leases/${name}`),
  'sys/capabilities', 'sys/capabilities-self',
])
const isReachable = ({ apiPath }: PolicyResource): boolean => reachableItself.has(apiPath) || alwaysReachable.some((prefix) => apiPath.startsWith(prefix))

/** The refusal when the resource lies outside the lock, else undefined. */
export const lockRefusal = (lock: Lock, action: PolicyAction, resource: PolicyResource): Decision | undefined => {
  if (resource.project === undefined) return isReachable(resource) ? undefined : outside
  if (resource.project !== lock.project) return outside
  if (lock.environment === undefined || lock.environment === resource.environment) return undefined
  // Seeing that the project and its environments exist is needed to find one's own; nothing else of it is.
  const looking = fineAction(action) === 'list' || fineAction(action) === 'read'
  return looking && resource.environment === undefined && resource.kind === 'project' ? undefined : outside
}
