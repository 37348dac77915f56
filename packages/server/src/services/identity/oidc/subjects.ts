// Who a token is about, as it is now: read for every token, so that who was disabled or left a group is so at once.

import { accessorOf, tokenAccessorOf } from '../../../kernel/tenancy.ts'
import * as repository from '../entities/repository.ts'
import { allGroups, membershipOf } from '../memberships.ts'
import type { OidcPorts } from './store.ts'
import type { Subject } from './templates.ts'

/** Undefined: nobody of the organization has this id. */
export const findSubject = async ({ directory }: OidcPorts, orgId: string, principalId: string): Promise<Subject | undefined> => {
  const keys = (await directory.keys(orgId)).purposeVersions('rows')
  const registry = await directory.registry(orgId)
  return directory.database.transaction(orgId, async (db) => {
    const entity = await repository.findEntity(db, orgId, principalId, keys)
    if (entity === undefined) return undefined
    const aliases = await repository.aliasesOf(db, orgId, [entity.principalId], keys)
    const groups = allGroups(await membershipOf(db, orgId, entity.principalId, keys))
    const accessor = (mountId: string): string => {
      if (mountId === orgId) return tokenAccessorOf(orgId)
      const mount = registry.mountById(mountId)
      return mount === undefined ? '' : accessorOf(mount)
    }
    return { entity, groups, aliases: aliases.map((alias) => ({ id: alias.aliasId, accessor: accessor(alias.mountId), name: alias.name, metadata: alias.metadata, customMetadata: alias.customMetadata })) }
  }, { readOnly: true })
}
