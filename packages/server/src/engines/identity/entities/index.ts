// Entities: who there is, whatever it logs in by.

import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../../kernel/operation.ts'
import type { EntityFacts, EntityWishes, IdentityPorts } from '../../../kernel/ports/identity.ts'
import { aliasInfo, aliasView, iso, labels, mayDelete, mayList, mayRead, mayWrite, notThere, orNotThere, orNull, shownFor, type Shown } from '../common.ts'
import * as operations from './operations.ts'

type Handled = Handlers<typeof operations>

export const entityView = (shown: Shown, { entity, aliases, directGroupIds, inheritedGroupIds }: EntityFacts): Readonly<Record<string, unknown>> => ({
  id: entity.principalId,
  name: entity.name,
  metadata: labels(entity.metadata),
  policies: entity.policies,
  disabled: entity.disabled,
  aliases: aliases.map((alias) => aliasView(shown, alias)),
  direct_group_ids: directGroupIds,
  inherited_group_ids: inheritedGroupIds,
  group_ids: [...directGroupIds, ...inheritedGroupIds],
  merged_entity_ids: orNull(entity.mergedIds),
  namespace_id: shown.namespaceId,
  creation_time: iso(entity.createdAt),
  last_update_time: iso(entity.updatedAt),
})

const list = async (ports: IdentityPorts, call: Call, by: 'id' | 'name') => {
  const found = orNotThere(await ports.entities.list(mayList(call, `entity/${by}`), call))
  const shown = await shownFor(ports, call)
  const info = (aliases: EntityFacts['aliases']) => (aliases.length === 0 ? {} : { aliases: aliases.map((alias) => aliasInfo(shown, alias)) })
  // What there is to say is by id, so a list of names has none of it.
  if (by === 'name') return { keys: found.map(({ entity }) => entity.name) }
  return { keys: found.map(({ entity }) => entity.principalId), keyInfo: Object.fromEntries(found.map(({ entity, aliases }) => [entity.principalId, { name: entity.name, ...info(aliases) }])) }
}

const read = async (ports: IdentityPorts, call: Call, path: string, by: { readonly id: string } | { readonly name: string }) => {
  const found = await ports.entities.find(mayRead(call, path), call, by)
  if (found === undefined) throw notThere()
  if ('name' in by && found.entity.name !== by.name) mayRead(call, `entity/name/${found.entity.name}`)
  return { document: entityView(await shownFor(ports, call), found) }
}

const write = async (ports: IdentityPorts, call: Call, path: string, wishes: EntityWishes) => {
  const { entity, made } = await ports.entities.write(mayWrite(call, path), call, wishes)
  return made ? { id: entity.principalId, name: entity.name, aliases: null } : {}
}

const missing = (message: string, field: string): Error => fail('invalid_request', 'identity.missing', message, { field })

const merging = (ports: IdentityPorts): Pick<Handled, 'mergeEntities' | 'deleteEntities'> => ({
  async mergeEntities(input, call) {
    const grant = mayWrite(call, 'entity/merge')
    if (input.toEntityId === '') throw missing('missing entity id to merge to', 'to_entity_id')
    if ((input.fromEntityIds ?? []).length === 0) throw missing('missing entity ids to merge from', 'from_entity_ids')
    await ports.entities.merge(grant, call, { to: input.toEntityId, from: input.fromEntityIds ?? [], keep: input.conflictingAliasIdsToKeep ?? [] })
    return {}
  },
  async deleteEntities(input, call) {
    const grant = mayWrite(call, 'entity/batch-delete')
    if ((input.entityIds ?? []).length === 0) throw missing('missing entity ids to delete', 'entity_ids')
    await ports.entities.delete(grant, call, (input.entityIds ?? []).map((id) => ({ id })))
    return {}
  },
})

export const entityOperations = (ports: IdentityPorts): readonly Implemented[] =>
  implement(operations, {
    writeEntity: (input, call) => write(ports, call, 'entity', input),
    writeEntityById: (input, call) => write(ports, call, `entity/id/${input.id}`, input),
    async writeEntityByName(input, call) {
      const path = `entity/name/${input.name}`
      // An id in the body names it, too, and then the path has its new name.
      const found = (input.id ?? '') === '' ? undefined : await ports.entities.find(mayWrite(call, path), call, { id: input.id ?? '' })
      if (found !== undefined && found.entity.name !== input.name) mayWrite(call, `entity/name/${found.entity.name}`)
      return write(ports, call, path, input)
    },
    readEntityById: (input, call) => read(ports, call, `entity/id/${input.id}`, input),
    readEntityByName: (input, call) => read(ports, call, `entity/name/${input.name}`, input),
    async deleteEntityById(input, call) {
      await ports.entities.delete(mayDelete(call, `entity/id/${input.id}`), call, [input])
      return {}
    },
    async deleteEntityByName(input, call) {
      const grant = mayDelete(call, `entity/name/${input.name}`)
      // Found in any case: what a policy says of the name as it is spelt counts.
      const found = await ports.entities.find(grant, call, input)
      if (found !== undefined) await ports.entities.delete(found.entity.name === input.name ? grant : mayDelete(call, `entity/name/${found.entity.name}`), call, [{ id: found.entity.principalId }])
      return {}
    },
    listEntitiesById: (_input, call) => list(ports, call, 'id'),
    listEntitiesByName: (_input, call) => list(ports, call, 'name'),
    writePersona: (input, call) => write(ports, call, 'persona', input),
    writePersonaById: (input, call) => write(ports, call, `persona/id/${input.id}`, input),
    ...merging(ports),
  })
