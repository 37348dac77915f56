// Entities: principals as Vault's door makes, changes and ends them.

import type { Call, Grant } from '../../../kernel/call.ts'
import type { PrincipalRow } from '../../../kernel/identity.ts'
import type { EntitiesPort, EntityFacts, EntityWishes, IdentitySelector } from '../../../kernel/ports/identity.ts'
import type { Queryable } from '../../../kernel/storage.ts'
import { ALIAS_CHANGED } from '../aliases.ts'
import { bad, changing, checkMetadata, checkName, cleanIdentityPolicies, everyPage, makeName, mountIdOf, type Change, type DirectoryPorts } from '../change.ts'
import { findPrincipal, insertPrincipal } from '../grants-repository.ts'
import { newPrincipal } from '../grants.ts'
import { noteHolder, PRINCIPAL_CHANGED } from '../holders.ts'
import { membershipOf } from '../memberships.ts'
import type { VersionedKey } from '../rows.ts'
import { named, nobody, requireEnd, requireTurn, standingOf } from '../standing.ts'
import { merge } from './merge.ts'
import * as repository from './repository.ts'

interface Seeking {
  readonly ports: DirectoryPorts
  readonly call: Call
  readonly db: Queryable
  readonly keys: readonly VersionedKey[]
}

const find = async (seeking: Seeking, by: IdentitySelector): Promise<PrincipalRow | undefined> => {
  const { call: { orgId }, db, keys } = seeking
  if ('id' in by) return repository.findEntity(db, orgId, by.id, keys)
  if ('name' in by) return by.kind === undefined ? repository.findEntityByName(db, orgId, by.name, keys) : findPrincipal(db, orgId, by.kind, by.name, keys)
  const mountId = 'aliasId' in by ? undefined : await mountIdOf(seeking, by.accessor)
  const alias = 'aliasId' in by ? await repository.findAlias(db, orgId, by.aliasId, keys) : mountId === undefined ? undefined : await repository.findAliasByName(db, orgId, { mountId, name: by.aliasName }, keys)
  return alias === undefined ? undefined : repository.findEntity(db, orgId, alias.principalId, keys)
}

const factsOf = async ({ call: { orgId }, db, keys }: Seeking, entity: PrincipalRow): Promise<EntityFacts> => {
  const { direct, inherited } = await membershipOf(db, orgId, entity.principalId, keys)
  return { entity, aliases: await repository.aliasesOf(db, orgId, [entity.principalId], keys), directGroupIds: direct.map(({ groupId }) => groupId), inheritedGroupIds: inherited.map(({ groupId }) => groupId) }
}

/** The entity that the wishes are about; undefined: a new one. */
const target = async ({ call: { orgId }, tx, keys }: Change, { id = '', name = '' }: EntityWishes): Promise<PrincipalRow | undefined> => {
  const versions = keys.purposeVersions('rows')
  const byId = id === '' ? undefined : await repository.lockEntity(tx, orgId, id, versions)
  if (id !== '' && byId === undefined) throw bad('entity_id', 'entity not found from id', 'id')
  const byName = name === '' ? undefined : await repository.findEntityByName(tx, orgId, name, versions)
  // Whoever means `ann` must not be given the `Ann` of somebody else.
  if (byId === undefined && byName !== undefined && byName.name !== name) throw bad('entity_name', `entity name is already in use, spelt ${JSON.stringify(byName.name)}`, 'name')
  if (byId === undefined) return byName === undefined ? undefined : repository.lockEntity(tx, orgId, byName.principalId, versions)
  if (byName !== undefined && byName.principalId !== byId.principalId) throw bad('entity_name', 'entity name is already in use', 'name')
  return byId
}

const wished = (before: PrincipalRow, { name = '', policies, disabled, metadata }: EntityWishes, at: number): PrincipalRow => ({
  ...before,
  name: name === '' ? before.name : checkName(name, 'name'),
  displayName: name === '' || before.displayName !== before.name ? before.displayName : name,
  policies: policies === undefined ? before.policies : cleanIdentityPolicies(policies),
  disabled: disabled ?? before.disabled,
  metadata: metadata === undefined ? before.metadata : checkMetadata('entity', metadata),
  updatedAt: at,
})

const write = (ports: DirectoryPorts, grant: Grant, call: Call, wishes: EntityWishes): ReturnType<EntitiesPort['write']> =>
  changing(ports, grant, call, async (change) => {
    const { tx, keys, at, note } = change
    const existing = await target(change, wishes)
    const after = wished(existing ?? newPrincipal('user', makeName('entity'), at), wishes, at)
    call.audit.resourceId = after.principalId
    if (after.name !== existing?.name) await requireTurn(change, existing === undefined ? nobody : named(existing), named(after))
    const key = keys.purpose('rows')
    if (existing === undefined) {
      change.call.says(true)
      if (!(await insertPrincipal(tx, call.orgId, after, key))) throw bad('entity_name', 'entity name is already in use', 'name')
      return { entity: after, made: true }
    }
    if (after.disabled && !existing.disabled) await requireEnd(change, await standingOf(change, existing))
    if (existing.disabled && !after.disabled) await requireTurn(change, nobody, await standingOf(change, existing))
    const entity = { ...after, rowVersion: existing.rowVersion + 1 }
    await repository.updatePrincipal(tx, call.orgId, entity, key)
    await noteHolder(tx, call.orgId, entity.principalId, note)
    return { entity, made: false }
  })

const end = async (change: Change, entity: PrincipalRow): Promise<void> => {
  const { ports, call: { orgId }, tx, keys, note } = change
  const locked = await repository.lockEntity(tx, orgId, entity.principalId, keys.purposeVersions('rows'))
  if (locked === undefined) return
  await requireEnd(change, await standingOf(change, locked))
  const gone = await repository.revokeTokensOf(tx, orgId, entity.principalId)
  await ports.dropState(tx, orgId, gone)
  for (const { aliasId } of await repository.aliasesOf(tx, orgId, [entity.principalId], keys.purposeVersions('rows'))) note(ALIAS_CHANGED, aliasId)
  await repository.deletePrincipal(tx, orgId, entity.principalId)
  note(PRINCIPAL_CHANGED, entity.principalId)
  for (const tokenId of gone) note('token', tokenId)
}

const remove = (ports: DirectoryPorts, grant: Grant, call: Call, by: readonly IdentitySelector[]): Promise<void> =>
  changing(ports, grant, call, async (change) => {
    const seeking = { ports, call, db: change.tx, keys: change.keys.purposeVersions('rows') }
    for (const each of by) {
      const entity = await find(seeking, each)
      if (entity === undefined) continue
      call.audit.resourceId = entity.principalId
      await end(change, entity)
    }
    call.audit.metadata = { ...call.audit.metadata, entities: by.length }
  })

export const makeEntities = (ports: DirectoryPorts): EntitiesPort => ({
  async find(_grant, call, by) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return ports.database.transaction(call.orgId, async (db) => {
      const seeking = { ports, call, db, keys }
      const entity = await find(seeking, by)
      return entity === undefined ? undefined : factsOf(seeking, entity)
    }, { readOnly: true })
  },
  async list(_grant, call) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return everyPage((at) => ports.database.transaction(call.orgId, async (db) => {
      const entities = await repository.listEntities(db, call.orgId, at, keys)
      const aliases = Map.groupBy(await repository.aliasesOf(db, call.orgId, entities.map(({ principalId }) => principalId), keys), ({ principalId }) => principalId)
      return entities.map((entity) => ({ entity, aliases: aliases.get(entity.principalId) ?? [] }))
    }, { readOnly: true }), ({ entity }) => entity.principalId)
  },
  write: (grant, call, wishes) => write(ports, grant, call, wishes),
  delete: (grant, call, by) => remove(ports, grant, call, by),
  merge: (grant, call, command) => merge(ports, grant, call, command),
})
