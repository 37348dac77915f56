// The ports over entities and groups, filled by services/identity.

import type { IdentityPorts } from '../../kernel/ports/identity.ts'
import type { DirectoryPorts } from '../../services/identity/change.ts'
import { makeAliases } from '../../services/identity/entities/aliases.ts'
import { makeEntities } from '../../services/identity/entities/entities.ts'
import { makeGroupAliases } from '../../services/identity/groups/aliases.ts'
import { makeGroups } from '../../services/identity/groups/groups.ts'

export const makeIdentity = (ports: DirectoryPorts, rootOrgId: string): IdentityPorts => ({
  entities: makeEntities(ports),
  aliases: makeAliases(ports),
  groups: makeGroups(ports),
  groupAliases: makeGroupAliases(ports),
  registry: ports.registry,
  rootOrgId,
  shortIdOf: ports.shortIdOf,
})
