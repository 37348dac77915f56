// Every cache of a worker, with what in the change feed drops which of its entries.

import type { SealedEntry } from '../kernel/ports/sealed-store.ts'
import type { LoadedToken, PrincipalGrants } from '../kernel/identity.ts'
import { ALIAS_CHANGED, type KnownAlias } from '../services/identity/aliases.ts'
import type { KnownLogin } from '../services/identity/logins/known.ts'
import type { Change } from '../services/freshness/changes.ts'
import { STATE_CHANGED } from './memory.ts'
import type { Freshness } from '../services/freshness/freshness.ts'
import type { CacheRegion } from '../services/freshness/cache.ts'
import { environmentTag, type CachedSecret, type FolderCache, type FolderItem, type SecretCache } from '../services/secrets/ports.ts'
import { GRANTS_CHANGED } from '../services/identity/grants.ts'
import { PRINCIPAL_CHANGED } from '../services/identity/holders.ts'
import type { Organization, OrgRegistry } from '../kernel/tenancy.ts'
import type { Compiled, OrgPolicies } from './authority.ts'

const MINUTE = 60_000

export interface Caches {
  readonly secrets: SecretCache
  readonly folders: FolderCache
  readonly tokens: CacheRegion<Compiled | null>
  /** Tokens as this worker made them, until they are first used. */
  readonly made: CacheRegion<MadeToken>
  readonly registries: CacheRegion<OrgRegistry>
  readonly policies: CacheRegion<OrgPolicies>
  readonly organizations: CacheRegion<Organization | null>
  readonly entries: CacheRegion<SealedEntry | null>
  readonly principals: CacheRegion<PrincipalGrants | null>
  readonly aliases: CacheRegion<KnownAlias | null>
  readonly filling: CacheRegion<ReadonlySet<string>>
  readonly logins: CacheRegion<KnownLogin | null>
  readonly all: readonly Pick<CacheRegion<never>, 'name' | 'counters' | 'bytes' | 'count'>[]
}

export interface MadeToken {
  readonly orgId: string
  readonly loaded: LoadedToken
}

/** What ends or changes a token. */
const ofTokens = {
  token: ({ key }: Change) => ({ tag: `token:${key}` }),
  // Of the role that gave a batch token.
  [STATE_CHANGED]: ({ key }: Change) => ({ tag: `state:${key}` }),
  [GRANTS_CHANGED]: ({ orgId }: Change) => ({ tag: `grants:${orgId}` }),
  [PRINCIPAL_CHANGED]: ({ key }: Change) => ({ tag: `principal:${key}` }),
  tenancy: ({ orgId }: Change) => ({ tag: `grants:${orgId}` }),
  keys: ({ orgId }: Change) => ({ tag: `grants:${orgId}` }),
  organization: ({ key }: Change) => ({ tag: `grants:${key}` }),
  resumed: () => 'everything' as const,
}

const secretCache = (region: CacheRegion<CachedSecret | null>): SecretCache => ({ peek: (key) => region.peek(key), getOrLoad: (orgId, key, load) => region.getOrLoad(orgId, key, load) })

/** What ends or moves a whole organization. */
const ofOrganization = {
  tenancy: ({ orgId }: Change) => ({ tag: `org:${orgId}` }),
  keys: ({ orgId }: Change) => ({ tag: `org:${orgId}` }),
  organization: ({ key }: Change) => ({ tag: `org:${key}` }),
}

export const makeCaches = (freshness: Freshness, limits: { readonly bytes: number; readonly dekSeconds: number }): Caches => {
  const secrets = freshness.region<CachedSecret | null>({
    name: 'secrets',
    maxBytes: limits.bytes,
    // An entry holds an unwrapped data key, which lives for five minutes at most.
    maxAgeMs: limits.dekSeconds * 1000,
    affects: { secret: ({ orgId, key }) => ({ tag: `${orgId}/${key}` }), keys: () => 'organization' },
  })
  const folders = freshness.region<readonly FolderItem[]>({
    name: 'folders',
    maxBytes: Math.max(8 * 1024 * 1024, Math.floor(limits.bytes / 4)),
    maxAgeMs: limits.dekSeconds * 1000,
    // A new environment may take secrets out of another one.
    affects: { secret: ({ orgId, key }) => ({ tag: environmentTag(orgId, key) }), keys: () => 'organization', tenancy: () => 'organization' },
  })
  const share = Math.max(1024 * 1024, Math.floor(limits.bytes / 4))
  const regions = {
    secrets: secretCache(secrets),
    folders,
    tokens: freshness.region<Compiled | null>({ name: 'tokens', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: ofTokens }),
    made: freshness.region<MadeToken>({ name: 'made', maxBytes: Math.floor(share / 4), maxAgeMs: MINUTE, affects: ofTokens }),
    registries: freshness.region<OrgRegistry>({ name: 'registries', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { tenancy: ({ orgId }) => ({ key: orgId }), keys: ({ orgId }) => ({ key: orgId }) } }),
    policies: freshness.region<OrgPolicies>({ name: 'policies', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { [GRANTS_CHANGED]: ({ orgId }) => ({ key: orgId }) } }),
    organizations: freshness.region<Organization | null>({ name: 'organizations', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { organization: () => 'everything' } }),
    // Holds what was sealed: roles and secret ids as they are, no longer than an unwrapped data key lives.
    entries: freshness.region<SealedEntry | null>({ name: 'entries', maxBytes: share, maxAgeMs: limits.dekSeconds * 1000, affects: { ...ofOrganization, [STATE_CHANGED]: ({ orgId, key }) => ({ key: `${orgId}/${key}` }) } }),
    principals: freshness.region<PrincipalGrants | null>({ name: 'principals', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { ...ofOrganization, [GRANTS_CHANGED]: ({ orgId }) => ({ tag: `org:${orgId}` }), [PRINCIPAL_CHANGED]: ({ key }) => ({ key }) } }),
    // The mounts whose logins fill groups.
    filling: freshness.region<ReadonlySet<string>>({ name: 'filling', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { ...ofOrganization, [GRANTS_CHANGED]: ({ orgId }) => ({ tag: `org:${orgId}` }) } }),
    aliases: freshness.region<KnownAlias | null>({ name: 'aliases', maxBytes: share, maxAgeMs: 5 * MINUTE, affects: { ...ofOrganization, [GRANTS_CHANGED]: ({ orgId }) => ({ tag: `org:${orgId}` }), [ALIAS_CHANGED]: ({ key }) => ({ tag: `alias:${key}` }) } }),
    // Everything that a login is judged by, and that makes its token.
    logins: freshness.region<KnownLogin | null>({
      name: 'logins', maxBytes: share, maxAgeMs: limits.dekSeconds * 1000,
      affects: {
        ...ofOrganization,
        [STATE_CHANGED]: ({ orgId, key }) => ({ tag: `state:${orgId}/${key}` }),
        [GRANTS_CHANGED]: ({ orgId }) => ({ tag: `org:${orgId}` }),
        [PRINCIPAL_CHANGED]: ({ key }) => ({ tag: `principal:${key}` }),
        [ALIAS_CHANGED]: ({ key }) => ({ tag: `alias:${key}` }),
        resumed: () => 'everything',
      },
    }),
  }
  return { ...regions, all: [secrets, folders, regions.tokens, regions.made, regions.registries, regions.policies, regions.organizations, regions.entries, regions.principals, regions.aliases, regions.filling, regions.logins] }
}
