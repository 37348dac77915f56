// What Vault's door has besides mounts: auth/token, sys and cubbyhole, each over the services.

import { Entries } from '../barrier/entries.ts'
import { tokenOperations } from '../auth/token/index.ts'
import type { Implemented } from '../kernel/operation.ts'
import type { Access } from './access.ts'
import type { AuthorityPorts } from './authority.ts'
import type { DomainParts } from './domain.ts'
import { areas, sealedState } from './state.ts'
import { makeTokenStore, ttlBounds } from './tokens.ts'

export const vaultFixed = (parts: DomainParts, access: Access, authority: AuthorityPorts): readonly Implemented[] => {
  const { pools, keyring, rootOrgId } = parts
  const entries = new Entries({ database: pools.app, keys: keyring })
  const policyExists = async (orgId: string, name: string): Promise<boolean> => name === 'root' || (await authority.policies(orgId)).acl.has(name)
  return [...tokenOperations({ store: makeTokenStore(access.ports, policyExists), state: sealedState(pools.app, entries, areas.tokenRoles), bounds: ttlBounds, rootOrgId })]
}
