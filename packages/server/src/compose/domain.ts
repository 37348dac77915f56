// The services over one keyring, one freshness and one journal, and the contracts that they fill.

import type { VaultBackend } from '../api/v1/door.ts'
import { Entries } from '../barrier/entries.ts'
import { deleteMounts } from '../barrier/repository.ts'
import { parseTokenShape } from '../crypto/token-format.ts'
import { engineOf, type Engine, type EngineParts } from '../kernel/engine.ts'
import type { Implemented } from '../kernel/operation.ts'
import type { Places } from '../kernel/places.ts'
import type { SecretsPort } from '../kernel/secrets.ts'
import type { Clock } from '../lib/clock.ts'
import { SharedRoom } from '../lib/bounded-queue.ts'
import type { Keyring } from '../keyring/keyring.ts'
import { flatOperations } from '../platform/flat/index.ts'
import { platformAccess } from '../platform/access/index.ts'
import { platformAudit } from '../platform/audit/index.ts'
import { platformGroups } from '../platform/groups/index.ts'
import { platformKeys } from '../platform/keys/index.ts'
import { platformLeases } from '../platform/leases/index.ts'
import { platformOrganizations } from '../platform/organizations/index.ts'
import { platformProjects } from '../platform/projects/index.ts'
import { platformSecrets } from '../platform/secrets/index.ts'
import { deliveryOperations } from '../platform/delivery/index.ts'
import { helpOperation, specificationOperations } from '../system/help.ts'
import { systemOperations, unknownPathOperation } from '../system/index.ts'
import { slotOperations } from '../system/operator/slots.ts'
import { loginsFor, writersFor } from '../request/admission.ts'
import type { OrganizationDirectory, TokenAuthority } from '../request/ports.ts'
import type { Freshness } from '../services/freshness/freshness.ts'
import { secretResource } from '../services/policy/actions.ts'
import { loadPolicies } from '../services/identity/grants.ts'
import { gatheredLookups } from '../services/identity/token-repository.ts'
import type { TokenPorts } from '../services/identity/tokens.ts'
import { makeLoginWriter } from '../services/identity/logins/writing.ts'
import { releaseEnvironment } from '../services/identity/grants.ts'
import { absorb } from '../services/secrets/absorb.ts'
import { makeSecrets } from '../services/secrets/service.ts'
import type { CachedSecret, SecretPorts } from '../services/secrets/ports.ts'
import { warmSecrets } from '../services/secrets/reading.ts'
import type { WarmSecrets } from '../kernel/warm.ts'
import { byId, byShortId, bySlugs, type OrganizationPorts } from '../services/tenancy/organizations.ts'
import { registryOf, type TenancyPorts } from '../services/tenancy/service.ts'
import * as mounts from '../services/tenancy/mounts.ts'
import * as tenancy from '../services/tenancy/service.ts'
import type { WorkerContext } from '../supervisor/run-worker.ts'
import { makeAccess } from './access.ts'
import { makeAudit } from './audit.ts'
import { composeAuth, sealedStore } from './auth.ts'
import { compileToken, fillMade, makeAuthority, parsePolicies, type AuthorityPorts } from './authority.ts'
import type { Caches } from './caches.ts'
import { makeOnceTokens, type OnceTokens } from './logins/once.ts'
import { runChecks } from './checks.ts'
import { makeIssuer } from '../services/leases/issue.ts'
import type { LeasePorts } from '../services/leases/ports.ts'
import { makeLeasePorts, makeLeases } from './vault/leases.ts'
import { makeQuotas, type Quotas } from './vault/quotas.ts'
import { makeRights } from './vault/rights.ts'
import { makeSpecifications } from './vault/specifications.ts'
import { makeMemory, type Memory } from './memory.ts'
import { mfaParts, mfaPorts } from './mfa.ts'
import { areas, rememberedState } from './vault/state.ts'
import { makeTokenMount } from './vault/token-mount.ts'
import { operatorPort } from './vault/operator.ts'
import { makeIdentity } from './vault/identity.ts'
import { makeVault, mountPorts, pathOfOrganization } from './vault/vault.ts'
import type { Flights } from '../api/http/flights.ts'
import type { LiveSettings } from './vault/settings.ts'
import type { Journal } from './journal.ts'
import { makeCursors, rotateKeys } from './keys.ts'
import { makeOidc } from '../services/identity/oidc/oidc.ts'
import type { OidcPorts } from '../services/identity/oidc/store.ts'
import { makeOidcPorts } from './vault/oidc.ts'
import type { Deliveries } from './deliveries.ts'
import { makeOrganizations } from './organizations.ts'
import type { Pools } from './pools.ts'

export interface DomainParts {
  readonly context: WorkerContext
  readonly pools: Pools
  readonly keyring: Keyring
  readonly freshness: Freshness
  readonly caches: Caches
  readonly journal: Journal
  readonly settings: LiveSettings
  readonly flights: Flights
  readonly rootOrgId: string
  readonly clock: Clock
  readonly engines: readonly Engine[]
  readonly deliveries: Deliveries
}

export interface Domain {
  readonly tokens: TokenAuthority
  readonly directory: OrganizationDirectory
  readonly secrets: SecretsPort
  readonly warmSecrets: WarmSecrets<CachedSecret>
  readonly places: Places
  readonly leases: LeasePorts
  readonly oidc: OidcPorts
  readonly quotas: Quotas
  readonly operations: { readonly rest: readonly Implemented[]; readonly flat: readonly Implemented[]; readonly vault: readonly Implemented[]; readonly grpc: readonly Implemented[]; readonly vaultFixed: readonly Implemented[]; readonly unknownPath: readonly Implemented[]; readonly help: readonly Implemented[]; readonly wrapper: Implemented | undefined; readonly engines: ReadonlyMap<string, readonly Implemented[]> }
  readonly vaultDirectory: Pick<VaultBackend, 'engineOf' | 'namespaceOf' | 'rootOrgId' | 'registry' | 'organization' | 'organizationOfToken'>
}

const REGISTRY_BYTES = 16 * 1024

const tenancyPorts = ({ context, pools, keyring, caches }: DomainParts): TenancyPorts => ({
  database: pools.app,
  keys: (orgId) => keyring.organization(orgId),
  cached: (orgId, load) => caches.registries.getOrLoad(orgId, orgId, async () => ({ value: await load(), bytes: REGISTRY_BYTES })),
  release: (tx, orgId, environment) => releaseEnvironment(tx, orgId, environment),
  absorb: async (tx, orgId, mountId, slug) => absorb(await keyring.organization(orgId), tx, orgId, mountId, slug),
  flatSecrets: context.config.api.flatSecrets,
})

const organizationPorts = (parts: DomainParts, tenancyOf: TenancyPorts): OrganizationPorts => ({
  database: parts.pools.app,
  rootOrgId: parts.rootOrgId,
  keys: (orgId) => parts.keyring.organization(orgId),
  cached: (key, load) => parts.caches.organizations.getOrLoad('', key, async () => ({ value: await load(), bytes: 512 })),
  registry: (orgId) => registryOf(tenancyOf, orgId),
  furnish: makeOrganizations.furnish(parts),
  destroy: makeOrganizations.destroy(parts),
})

const authorityPorts = ({ pools, keyring, caches, rootOrgId }: DomainParts, organizations: OrganizationPorts, memory: Memory): AuthorityPorts & { readonly once: OnceTokens } => {
  const tokens: TokenPorts = {
    database: pools.app,
    keys: (orgId) => keyring.organization(orgId),
    dropState: (tx, orgId, tokenIds) => deleteMounts(tx, orgId, tokenIds),
    batch: memory,
    lookup: gatheredLookups(pools.app),
    async organizationOf(shortId) {
      if (shortId === undefined) return { orgId: rootOrgId, shortId: undefined }
      const found = await byShortId(organizations, shortId)
      // What belongs to root is not marked: that its row has a short id too must not give a text a second spelling.
      return found === undefined || found.orgId === rootOrgId ? undefined : { orgId: found.orgId, shortId: found.shortId }
    },
  }
  const judged = {
    registry: organizations.registry,
    policies: (orgId: string) => caches.policies.getOrLoad(orgId, orgId, async () => ({ value: parsePolicies(await loadPolicies(tokens, orgId)), bytes: REGISTRY_BYTES })),
    auditKey: async (orgId: string) => (await keyring.organization(orgId)).purpose('audit'),
  }
  return { ...tokens, ...judged, region: caches.tokens, made: caches.made, once: makeOnceTokens({ auditKey: judged.auditKey, compile: (orgId, loaded) => compileToken(judged, orgId, loaded) }, caches.logins) }
}

const secretPortsOf = ({ pools, keyring, caches, freshness, context: { config, logger, metrics } }: DomainParts): SecretPorts => {
  const integrity = metrics.counter('coffer_integrity_failures_total', 'Stored rows or ciphertexts that failed their integrity check.').with()
  return {
    database: pools.app,
    keys: (orgId) => keyring.organization(orgId),
    cache: caches.secrets,
    folders: caches.folders,
    now: () => freshness.databaseNow(),
    integrityFailure: (orgId, what) => {
      integrity.inc()
      logger.error('integrity check failed', { orgId, what })
    },
    limits: { valueBytes: config.limits.valueBytes, batch: config.limits.batchItems, writers: writersFor(config.database.poolSize) },
  }
}

const projectsOf = (ports: TenancyPorts): EngineParts['projects'] => ({
  registry: (orgId) => registryOf(ports, orgId),
  createProject: tenancy.createProject.bind(undefined, ports),
  createEnvironment: tenancy.createEnvironment.bind(undefined, ports),
  updateEnvironment: tenancy.updateEnvironment.bind(undefined, ports),
  removeEnvironment: tenancy.removeEnvironment.bind(undefined, ports),
})

const vaultDirectoryOf = (rootOrgId: string, { tenancy: ports, organizations, authority }: { readonly tenancy: TenancyPorts; readonly organizations: OrganizationPorts; readonly authority: AuthorityPorts }): Domain['vaultDirectory'] => ({
  namespaceOf: (orgId) => pathOfOrganization(organizations, orgId),
  engineOf,
  rootOrgId,
  registry: (orgId) => registryOf(ports, orgId),
  organization: async (slugs) => (slugs === 'root' ? rootOrgId : (await bySlugs(organizations, slugs))?.orgId),
  organizationOfToken: async (token) => (token === undefined ? undefined : await authority.organizationOf(parseTokenShape(token)?.orgShortId))?.orgId ?? rootOrgId,
})

export const makeDomain = (parts: DomainParts): Domain => {
  const { context, context: { config }, pools, keyring, rootOrgId } = parts
  const ports = tenancyPorts(parts)
  const organizations = organizationPorts(parts, ports)
  const entries = new Entries({ database: pools.app, keys: keyring })
  const writer = makeLoginWriter(pools.app, new SharedRoom(loginsFor(config.database.poolSize)))
  const memory = makeMemory({ database: pools.app, entries, writer, caches: parts.caches, keys: (orgId) => keyring.organization(orgId), now: () => parts.freshness.databaseNow() })
  const tokenState = rememberedState(pools.app, entries, areas.tokenRoles)
  const tokenMount = makeTokenMount(tokenState, memory)
  const authority = authorityPorts(parts, organizations, memory)
  const access = makeAccess({ checkRenewal: (call, row) => auth.checkRenewal(call, row), database: pools.app, authority, organizations, registry: (orgId) => registryOf(ports, orgId), rootOrgId, now: () => parts.freshness.databaseNow() })
  const secretPorts = secretPortsOf(parts)
  const secrets = makeSecrets(secretPorts)
  const places: Places = { pathBytes: config.limits.pathBytes, registry: (orgId) => registryOf(ports, orgId), secretResource: (action, place) => resourceOf(secretResource(action, place)), locate: (orgId, secretId) => secrets.locate(orgId, secretId) }
  const projects = projectsOf(ports)
  const configureMount: EngineParts['configureMount'] = async (grant, call, mount, config_) => {
    await mounts.change(mountPorts({ parts, tenancy: ports, organizations }), grant, call, mount, { config: config_ })
  }
  const logins = { ...authority, writer, fill: () => fillMade(authority), alias: memory.alias, fillsGroups: memory.fillsGroups, shortIdOf: async (orgId: string) => (orgId === rootOrgId ? undefined : (await byId(organizations, orgId))?.shortId) }
  const mfa = mfaPorts({ database: pools.app, entries, memory, logins, registry: (orgId) => registryOf(ports, orgId) })
  const auth = composeAuth({ workers: context.workers, known: parts.caches.logins, once: authority.once, database: pools.app, keyring, entries, memory, tokenMount, mfa, namespaceOf: (orgId) => pathOfOrganization(organizations, orgId), registry: (orgId) => registryOf(ports, orgId), logins }, ports)
  const leasePorts = makeLeasePorts({ parts, entries, tenancy: ports, engines: parts.engines, shortIdOf: access.ports.shortIdOf })
  const leases = makeLeases(leasePorts, access.ports)
  const quotas = makeQuotas({ parts, entries, registry: (orgId) => registryOf(ports, orgId), namespaceOf: (orgId) => pathOfOrganization(organizations, orgId) })
  const oidc = makeOidcPorts({ config, database: pools.app, entries, directory: { ...access.ports, registry: authority.registry }, rootOrgId, namespaceOf: (orgId) => pathOfOrganization(organizations, orgId), now: () => parts.freshness.databaseNow() })
  const vault = makeVault({ parts, checkRenewal: auth.checkRenewal, tokenState, tokenMount, access, authority, tenancy: ports, organizations, leases, quotas: quotas.port, mfa: mfaParts(mfa), oidc: makeOidc(oidc) })
  const engineOperations = new Map([...parts.engines.map((engine) => [engine.type, engine.implement({ secrets, places, projects, configureMount, store: (call) => sealedStore(entries, pools.app, call), leases: makeIssuer(leasePorts) })] as const), ...auth.methods])
  const specifications = specificationOperations(makeSpecifications({ version: context.version, rights: makeRights(authority, access.ports), registry: (orgId) => registryOf(ports, orgId), fixed: () => vaultFixed, engines: () => engineOperations }))
  const vaultFixed: readonly Implemented[] = [...auth.system, ...vault.fixed, ...specifications]
  const system = [...systemOperations({ checks: () => runChecks(parts) }), ...slotOperations(operatorPort(parts))]
  const native = [
    ...platformSecrets(secrets, places, { batch: config.limits.batchItems, cursors: makeCursors(keyring) }),
    ...platformProjects(projects),
    ...platformAccess(access, places),
    ...platformGroups(makeIdentity({ ...access.ports, registry: authority.registry }, rootOrgId)),
    ...platformAudit(makeAudit(parts)),
    ...platformOrganizations(makeOrganizations.port(organizations)),
    ...platformLeases(leases),
    ...platformKeys({ rotate: (grant, call, options) => rotateKeys(parts, grant, call, options) }),
  ]
  return {
    tokens: makeAuthority(authority),
    directory: { rootOrgId, resolve: async (slugs) => (slugs === 'root' ? rootOrgId : (await bySlugs(organizations, slugs))?.orgId) },
    secrets,
    // What fails here is tried again the general way, which reports it.
    warmSecrets: warmSecrets({ ...secretPorts, integrityFailure: () => undefined }),
    places,
    leases: leasePorts, oidc, quotas,
    vaultDirectory: vaultDirectoryOf(rootOrgId, { tenancy: ports, organizations, authority }),
    operations: {
      rest: [...native, ...system.filter(({ operation }) => operation.path.startsWith('/api/v1/'))],
      flat: flatOperations(secrets, places),
      vault: system.filter(({ operation }) => operation.path.startsWith('/v1/')),
      grpc: deliveryOperations(secrets, places),
      vaultFixed,
      help: helpOperation,
      unknownPath: unknownPathOperation,
      wrapper: vault.wrapper,
      engines: engineOperations,
    },
  }
}

/** The policy engine's resource is the kernel's, but for the kinds that only engines have. */
const resourceOf = (resource: ReturnType<typeof secretResource>): ReturnType<Places['secretResource']> => ({
  kind: 'secret', apiPath: resource.apiPath, project: resource.project, environment: resource.environment, path: resource.path, protected: resource.protected, ...(resource.capability === 'delete' ? { capability: resource.capability } : {}),
})
