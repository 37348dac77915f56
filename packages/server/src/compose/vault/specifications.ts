// The OpenAPI document of what is mounted where, for what the asking token can reach.

import { vaultDocument, type DocumentedMount } from '../../api/v1/openapi.ts'
import { engineOf } from '../../kernel/engine.ts'
import type { Implemented } from '../../kernel/operation.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import type { SpecificationsPort } from '../../system/help.ts'
import type { RightsPort } from '../../system/ports.ts'

export interface SpecificationSources {
  readonly version: string
  readonly rights: Pick<RightsPort, 'visible'>
  registry(orgId: string): Promise<OrgRegistry>
  fixed(): readonly Implemented[]
  /** Operations by engine, and of auth methods by `auth:<type>`. */
  engines(): ReadonlyMap<string, readonly Implemented[]>
}

const parameterOf = (mount: Mount): string => `${mount.path.replaceAll(/[^a-z0-9]+/gi, '_')}_mount_path`

export const makeSpecifications = ({ version, rights, registry, fixed, engines }: SpecificationSources): SpecificationsPort => ({
  async document(call, { genericMountPaths }) {
    const mounts = await rights.visible(call, (await registry(call.orgId)).mounts)
    const mounted = mounts.map((mount): DocumentedMount => ({
      prefix: `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/`,
      tag: mount.class === 'auth' ? 'auth' : 'secrets',
      parameter: genericMountPaths ? parameterOf(mount) : undefined,
      operations: (engines().get(mount.class === 'auth' ? `auth:${mount.type}` : engineOf(mount)) ?? []).map(({ operation }) => operation),
    }))
    const builtIn = Map.groupBy(fixed().map(({ operation }) => operation), ({ path }) => path.split('/')[2] ?? 'sys')
    const tags: Readonly<Record<string, string>> = { sys: 'system', auth: 'auth', identity: 'identity', cubbyhole: 'secrets' }
    return vaultDocument([...[...builtIn].map(([first, operations]): DocumentedMount => ({ prefix: '', tag: tags[first] ?? 'system', parameter: undefined, operations })), ...mounted], version)
  },
})
