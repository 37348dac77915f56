// What sys asks of the services, filled by compose.

import type { Call, Grant } from '../kernel/call.ts'
import type { PolicyRow } from '../kernel/identity.ts'
import type { SealedState } from '../kernel/ports/tokens.ts'
import type { Mount, Organization, OrgRegistry } from '../kernel/tenancy.ts'
import type { MountChange, MountCommand } from '../services/tenancy/mounts.ts'
import type { ResultantAcl } from '../services/policy/reach.ts'

export interface MountsPort {
  registry(orgId: string): Promise<OrgRegistry>
  enable(grant: Grant, call: Call, command: MountCommand): Promise<Mount>
  disable(grant: Grant, call: Call, mount: Mount): Promise<void>
  change(grant: Grant, call: Call, mount: Mount, wanted: MountChange): Promise<Mount>
  /** Takes an auth method to another path, and ends the tokens that it gave. */
  moveMethod(grant: Grant, call: Call, mount: Mount, path: string): Promise<void>
}

export interface PoliciesPort {
  list(grant: Grant, call: Call): Promise<readonly PolicyRow[]>
  /** @throws invalid_request for a body that is no policy */
  put(grant: Grant, call: Call, name: string, body: string): Promise<void>
  delete(grant: Grant, call: Call, name: string): Promise<void>
  readonly defaultText: string
}

/** Whose rights are asked for. */
export type Holder = 'caller' | { readonly token: string } | { readonly accessor: string }

export interface RightsPort {
  /** By path, as sys/capabilities says it; undefined: no such token. */
  capabilities(call: Call, holder: Holder, paths: readonly string[]): Promise<Readonly<Record<string, readonly string[]>> | undefined>
  /** The mounts below which the caller has any right. */
  visible(call: Call, mounts: readonly Mount[]): Promise<readonly Mount[]>
  resultant(call: Call): Promise<ResultantAcl>
}

export interface ServerPort {
  readonly version: string
  readonly clusterName: string
  readonly engines: readonly string[]
  readonly authMethods: readonly string[]
}

export interface NamespacesPort {
  list(grant: Grant, call: Call): Promise<readonly Organization[]>
  create(grant: Grant, call: Call, slug: string): Promise<Organization>
  /** With all that it holds, for good. @throws not_found, conflict */
  remove(grant: Grant, call: Call, slug: string): Promise<void>
  /** What people noted about namespaces below the caller's, by id. */
  readonly labels: SealedState
  /** How clients name an organization: its slugs from root, with a slash behind each. */
  pathOf(orgId: string): Promise<string>
}
