// The one table that says what an action means: which family of KV v2 paths it addresses, which Vault
// capability it needs there, and which JSON action names contain it. Doors, engine and documentation read it.

import type { FineAction, PolicyAction, PolicyResource, ResourceKind, VaultCapability } from './types.ts'

type RequestCapability = Exclude<VaultCapability, 'deny'>

export interface ActionFacts {
  /** The path segment after the mount in KV v2. */
  readonly family: 'metadata' | 'data' | 'delete' | 'undelete' | 'destroy'
  /** What an ACL policy must grant on that path. `none`: no ACL policy can grant it, though a `deny` there still holds. */
  readonly capability: RequestCapability | 'none'
  /** Other verbs of Vault's that are the same action: family and capability. */
  readonly also?: readonly (readonly [family: string, capability: RequestCapability])[]
}

/**
 * Break-glass has no capability: a write-only ACL rule such as `update` on `secret/*` must not become a way to plaintext.
 */
export const actionFacts: Readonly<Record<FineAction, ActionFacts>> = Object.freeze({
  'list': { family: 'metadata', capability: 'list', also: [['metadata', 'scan']] },
  'read': { family: 'metadata', capability: 'read', also: [['subkeys', 'read'], ['config', 'read']] },
  'reveal': { family: 'data', capability: 'read' },
  'create': { family: 'data', capability: 'create', also: [['metadata', 'create']] },
  'update': { family: 'data', capability: 'update', also: [['data', 'patch'], ['metadata', 'update'], ['metadata', 'patch']] },
  'delete': { family: 'data', capability: 'delete', also: [['delete', 'update'], ['delete', 'create']] },
  'undelete': { family: 'undelete', capability: 'update', also: [['undelete', 'create']] },
  'destroy': { family: 'destroy', capability: 'update', also: [['destroy', 'create'], ['metadata', 'delete']] },
  'rotate': { family: 'data', capability: 'update' },
  'export': { family: 'data', capability: 'read' },
  'administer': { family: 'metadata', capability: 'update', also: [['config', 'update'], ['config', 'create']] },
  'audit-read': { family: 'metadata', capability: 'read' },
  'break-glass': { family: 'data', capability: 'none' },
})

export const fineActions: readonly FineAction[] = Object.freeze([
  'list', 'read', 'reveal', 'create', 'update', 'delete', 'undelete', 'destroy', 'rotate', 'export', 'administer', 'audit-read', 'break-glass',
])

/** What a capability that is not a fine action by name counts as for JSON policies and roles. */
const fineOfCapability: Readonly<Record<Exclude<PolicyAction, FineAction>, FineAction>> = Object.freeze({
  patch: 'update',
  scan: 'list',
  sudo: 'administer',
  subscribe: 'read',
  recover: 'update',
})

export const isFineAction = (action: string): action is FineAction => Object.hasOwn(actionFacts, action)

/** The fine action behind an action. */
export const fineAction = (action: PolicyAction): FineAction => (isFineAction(action) ? action : fineOfCapability[action])

/** What the ACL set must grant for this action on this resource; undefined where no ACL policy can. */
export const capabilityFor = (action: PolicyAction, resource: PolicyResource): RequestCapability | undefined => {
  if (!isFineAction(action)) return action
  const { capability } = actionFacts[action]
  if (capability === 'none') return undefined
  return resource.capability ?? capability
}

/** The canonical KV v2 path of an action on a secret. The environment `default` has no segment of its own. */
export const secretApiPath = (action: FineAction, project: string, environment: string, path: string, kvVersion?: 1): string => {
  const prefix = environment === 'default' ? '' : `${environment}/`
  // KV version 1 has one family of paths: the verb alone tells what is done.
  if (kvVersion === 1) return `${project}/${prefix}${path}`
  return `${project}/${actionFacts[action].family}/${prefix}${path}`
}

/** The resource that an action on a secret (or, for `list`, on a folder) addresses. */
export const secretResource = (
  action: FineAction,
  secret: { readonly project: string; readonly environment: string; readonly path: string; readonly protected: boolean; readonly kvVersion?: 1 | undefined },
): PolicyResource => {
  const path = action === 'list' && secret.path !== '' && !secret.path.endsWith('/') ? `${secret.path}/` : secret.path
  const { kvVersion, ...place } = secret
  const capability = kvVersion === 1 && action === 'destroy' ? { capability: 'delete' as const } : {}
  return { kind: 'secret', apiPath: secretApiPath(action, secret.project, secret.environment, path, kvVersion), ...place, path, ...capability }
}

/**
 * The fine action of a Vault verb on a KV v2 path, by the family segment after the mount: `read` on `data` is a reveal.
 * Undefined: not a combination that KV v2 has.
 */
export const actionOfVerb = (family: string, capability: RequestCapability): FineAction | undefined =>
  verbs.get(`${family} ${capability}`)

const verbs: ReadonlyMap<string, FineAction> = new Map(
  // Later entries win, so the primary meaning of a verb is written after the secondary ones.
  [...fineActions].filter((action) => !['rotate', 'export', 'audit-read', 'administer', 'break-glass'].includes(action))
    .flatMap((action) => {
      const { family, capability, also } = actionFacts[action]
      const pairs = [...(also ?? []), [family, capability] as const]
      return pairs.map(([each, verb]) => [`${each} ${verb}`, action] as const)
    })
    .concat([['config update', 'administer'], ['config create', 'administer']]),
)

// ── JSON action names ───────────────────────────────────────────────────────

/** Which kinds each namespace of JSON action names speaks of. */
const namespaces: Readonly<Record<string, ResourceKind>> = Object.freeze({
  secrets: 'secret',
  environments: 'environment',
  projects: 'project',
  organizations: 'organization',
  owners: 'owner',
  policies: 'policy',
  tokens: 'token',
  identity: 'identity',
  auth: 'auth',
  engines: 'engine',
  leases: 'lease',
  audit: 'audit',
  billing: 'billing',
  system: 'system',
  platform: 'platform',
})

export const resourceKinds: readonly ResourceKind[] = Object.freeze(Object.values(namespaces))

const everything: readonly FineAction[] = fineActions.filter((action) => action !== 'break-glass')

/** The verbs of `secrets:`. `*` never contains break-glass, which is always granted by its own name. */
const secretVerbs: Readonly<Record<string, readonly FineAction[]>> = Object.freeze({
  '*': everything,
  'list': ['list'],
  'metadata': ['read', 'list'],
  'reveal': ['reveal'],
  'read': ['read', 'reveal', 'list'],
  'create': ['create'],
  'update': ['update'],
  'write': ['create', 'update'],
  'delete': ['delete'],
  'undelete': ['undelete'],
  'destroy': ['destroy'],
  'rotate': ['rotate'],
  'export': ['export'],
  'administer': ['administer'],
  'read-break-glass': ['break-glass'],
})

/** The verbs of every other namespace. */
const otherVerbs: Readonly<Record<string, readonly FineAction[]>> = Object.freeze({
  '*': everything,
  'list': ['list'],
  'read': ['read', 'list'],
  'create': ['create'],
  'update': ['update'],
  'write': ['create', 'update'],
  'delete': ['delete'],
  'rotate': ['rotate'],
  'export': ['export'],
  'administer': ['administer'],
})

export interface NamedAction {
  readonly kinds: readonly ResourceKind[]
  readonly actions: readonly FineAction[]
}

/** What a JSON action name stands for: `secrets:read`, `policies:write`, `audit:read`, or `*` for everything but break-glass. */
export const namedAction = (name: string): NamedAction | undefined => {
  if (name === '*') return { kinds: resourceKinds, actions: everything }
  const colon = name.indexOf(':')
  const namespace = name.slice(0, colon)
  const verb = name.slice(colon + 1)
  if (colon < 0 || !Object.hasOwn(namespaces, namespace)) return undefined
  const kind = namespaces[namespace]
  const verbs = kind === 'secret' ? secretVerbs : otherVerbs
  const actions = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (kind === undefined || actions === undefined) return undefined
  // Reading the trail of a secret is a question to the audit log, whatever the kind it is asked about.
  if (name === 'audit:read') return { kinds: resourceKinds, actions: ['audit-read'] }
  return { kinds: [kind], actions }
}

/** Every JSON action name, for messages and documentation. */
export const actionNames: readonly string[] = Object.freeze([
  '*',
  ...Object.keys(namespaces).flatMap((namespace) =>
    Object.keys(namespace === 'secrets' ? secretVerbs : otherVerbs).map((verb) => `${namespace}:${verb}`)),
])

// ── Bits: a statement's actions are one small integer per kind ──────────────

const bits: ReadonlyMap<FineAction, number> = new Map(fineActions.map((action, index) => [action, 1 << index]))
const kindIndexes: ReadonlyMap<ResourceKind, number> = new Map(resourceKinds.map((kind, index) => [kind, index]))

export const actionBit = (action: FineAction): number => bits.get(action) ?? 0

export const kindIndex = (kind: ResourceKind): number => kindIndexes.get(kind) ?? -1

/** Per kind, the bits of the actions. */
export type ActionMasks = readonly number[]

export const masksOf = (named: readonly NamedAction[]): ActionMasks => {
  const masks = resourceKinds.map(() => 0)
  for (const { kinds, actions } of named) {
    const mask = actions.reduce((all, action) => all | actionBit(action), 0)
    for (const kind of kinds) masks[kindIndex(kind)] = (masks[kindIndex(kind)] ?? 0) | mask
  }
  return masks
}
