// What Vault's door has besides mounts: auth/token, sys and cubbyhole, each over the services.

import { Entries } from '../../barrier/entries.ts'
import { authMethods } from '../../catalog.ts'
import { tokenOperations } from '../../auth/token/index.ts'
import { identityOperations } from '../../engines/identity/index.ts'
import type { MfaParts } from '../../engines/identity/mfa/index.ts'
import { secret } from '../../crypto/secret.ts'
import type { OidcPort } from '../../kernel/ports/oidc.ts'
import type { SealedState } from '../../kernel/ports/tokens.ts'
import type { Implemented } from '../../kernel/operation.ts'
import { defaultPolicyText } from '../../services/policy/builtin.ts'
import { makePassword } from '../../services/policy/password/generate.ts'
import { parsePasswordPolicy } from '../../services/policy/password/parse.ts'
import { byId, hasChild, type OrganizationPorts } from '../../services/tenancy/organizations.ts'
import { move } from '../../services/tenancy/auth-mounts.ts'
import * as mounts from '../../services/tenancy/mounts.ts'
import { registryOf, type TenancyPorts } from '../../services/tenancy/service.ts'
import { auditDeviceOperations } from '../../system/audit/devices.ts'
import { rightsOperations } from '../../system/capabilities.ts'
import { cubbyholeOperations } from '../../system/cubbyhole.ts'
import { leaseOperations } from '../../system/leases/index.ts'
import type { LeasesPort } from '../../system/leases/port.ts'
import { quotaOperations } from '../../system/quotas/index.ts'
import type { QuotasPort } from '../../system/quotas/port.ts'
import { mountOperations } from '../../system/mounts.ts'
import { namespaceOperations } from '../../system/namespaces.ts'
import { operatorOperations } from '../../system/operator/index.ts'
import { policyOperations } from '../../system/policies/acl.ts'
import { passwordPolicyOperations } from '../../system/policies/passwords.ts'
import { pluginOperations } from '../../system/plugins.ts'
import type { MountsPort, NamespacesPort, PoliciesPort, ServerPort } from '../../system/ports.ts'
import { serverOperations } from '../../system/server.ts'
import { wrapAnswerOperation, wrappingOperations } from '../../system/wrapping.ts'
import type { Access } from '../access.ts'
import type { TokenRenewal } from '../auth.ts'
import type { AuthorityPorts } from '../authority.ts'
import type { DomainParts } from '../domain.ts'
import { makeOrganizations } from '../organizations.ts'
import { makeIdentity } from './identity.ts'
import { keysPort, operatorPort } from './operator.ts'
import { operatingOperations } from './operating.ts'
import { makeRights } from './rights.ts'
import { areas, sealedState } from './state.ts'
import type { TokenMount } from './token-mount.ts'
import { makeTokenStore } from './tokens.ts'
import { makeCubbyhole, makeWrapping } from './wrapping.ts'

export interface VaultSources {
  readonly parts: DomainParts
  readonly access: Access
  readonly authority: AuthorityPorts
  readonly tenancy: TenancyPorts
  readonly organizations: OrganizationPorts
  /** Token roles, and how auth/token is tuned. */
  readonly tokenState: SealedState
  readonly tokenMount: TokenMount
  readonly checkRenewal: TokenRenewal
  readonly mfa: MfaParts
  readonly leases: LeasesPort
  readonly quotas: QuotasPort
  readonly oidc: OidcPort
}

const MOST_NAMESPACES = 10_000

const typesOf = (names: readonly string[]): readonly string[] => [...new Set(names.map((name) => name.split(':')[0] ?? ''))]

export const mountPorts = ({ parts, tenancy, organizations }: Pick<VaultSources, 'parts' | 'tenancy' | 'organizations'>): mounts.MountPorts => ({
  ...tenancy,
  knows: (type) => typesOf(parts.engines.map((engine) => engine.type)).includes(type),
  hasChild: (orgId, slug) => hasChild(organizations, orgId, slug),
})

const mountsPort = (sources: VaultSources): MountsPort => {
  const { tenancy } = sources
  const ports = mountPorts(sources)
  return {
    registry: (orgId) => registryOf(tenancy, orgId),
    enable: (grant, call, command) => mounts.enable(ports, grant, call, command),
    disable: (grant, call, mount) => mounts.disable(ports, grant, call, mount),
    change: (grant, call, mount, wanted) => mounts.change(ports, grant, call, mount, wanted),
    moveMethod: (grant, call, mount, path) => move(tenancy, grant, call, mount, path),
  }
}

const policiesPort = ({ access }: VaultSources): PoliciesPort => ({
  list: (grant, call) => access.listPolicies(grant, call),
  async put(grant, call, name, body) {
    await access.putPolicy(grant, call, { kind: 'acl', name, body })
  },
  delete: (grant, call, name) => access.deletePolicy(grant, call, 'acl', name),
  defaultText: defaultPolicyText,
})

const serverPort = ({ parts }: VaultSources): ServerPort => ({
  version: parts.context.version,
  clusterName: parts.context.config.clusterName,
  engines: typesOf(parts.engines.map((engine) => engine.type)),
  authMethods: ['token', ...authMethods.map((method) => method.type)],
})

/** How clients name an organization: its slugs from root, a slash behind each; nothing for root. */
export const pathOfOrganization = async (organizations: OrganizationPorts, orgId: string): Promise<string> => {
  if (orgId === organizations.rootOrgId) return ''
  const organization = await byId(organizations, orgId)
  if (organization === undefined) return ''
  return `${organization.parentId === undefined ? '' : await pathOfOrganization(organizations, organization.parentId)}${organization.slug}/`
}

const namespacesPort = ({ organizations }: VaultSources, labels: NamespacesPort['labels']): NamespacesPort => {
  const port = makeOrganizations.port(organizations)
  return {
    list: (grant, call) => port.list(grant, call, { after: '', limit: MOST_NAMESPACES }),
    // Its owner's token is nobody's: whoever made it reaches it from above, as in Vault.
    create: async (grant, call, slug) => (await port.create(grant, call, { slug, name: slug })).organization,
    async remove(grant, call, slug) {
      await port.shred(grant, call, slug)
    },
    labels,
    pathOf: (orgId) => pathOfOrganization(organizations, orgId),
  }
}

export interface VaultParts {
  readonly fixed: readonly Implemented[]
  /** Not a path: keeps an answer under a token of one use. */
  readonly wrapper: Implemented | undefined
}

export const makeVault = (sources: VaultSources): VaultParts => {
  const { parts, access, authority } = sources
  const { pools, keyring, rootOrgId } = parts
  const entries = new Entries({ database: pools.app, keys: keyring })
  const policyExists = async (orgId: string, name: string): Promise<boolean> => name === 'root' || (await authority.policies(orgId)).acl.has(name)
  const port = mountsPort(sources)
  const namespaces = namespacesPort(sources, sealedState(pools.app, entries, areas.namespaces))
  const server = serverPort(sources)
  const wrapping = makeWrapping(access.ports, entries)
  const fixed = [
    ...tokenOperations({ store: makeTokenStore(access.ports, { policyExists, namespaceOf: (orgId) => pathOfOrganization(sources.organizations, orgId) }), state: sources.tokenState, bounds: (orgId) => sources.tokenMount.bounds(orgId), checkRenewal: sources.checkRenewal, rootOrgId }),
    ...identityOperations(makeIdentity({ ...access.ports, registry: authority.registry }, rootOrgId), sources.mfa, sources.oidc),
    ...mountOperations(port),
    ...policyOperations(policiesPort(sources)),
    ...passwordPolicyOperations({ state: sealedState(pools.app, entries, areas.passwordPolicies), check: parsePasswordPolicy, generate: (text) => secret(makePassword(parsePasswordPolicy(text))) }),
    ...rightsOperations(makeRights(authority, access.ports), port),
    ...serverOperations(server),
    ...operatorOperations(operatorPort(parts), keysPort(parts)),
    ...pluginOperations(server, { names: async (grant, call) => (await namespaces.list(grant, call)).map(({ slug }) => `${slug}/`) }),
    ...operatingOperations(parts),
    ...auditDeviceOperations(parts.journal.devicesPort),
    ...namespaceOperations(namespaces),
    ...cubbyholeOperations(makeCubbyhole(pools.app, entries)),
    ...wrappingOperations(wrapping),
    ...leaseOperations(sources.leases),
    ...quotaOperations(sources.quotas),
  ]
  return { fixed, wrapper: wrapAnswerOperation(wrapping) }
}
