// Aliases of entities, as administrators set them. The order of the checks is Vault's, because which of two mistakes is named
// is part of what clients see.

import type { Call, Grant } from '../../../kernel/call.ts'
import type { AliasRow, PrincipalRow } from '../../../kernel/identity.ts'
import { makeUuidV7 } from '../../../crypto/random.ts'
import type { AliasAnswer, AliasesPort, AliasWishes } from '../../../kernel/ports/identity.ts'
import { ALIAS_CHANGED, sameLabels } from '../aliases.ts'
import { bad, changing, checkCustomMetadata, checkName, everyPage, makeName, requireMount, type Change, type DirectoryPorts } from '../change.ts'
import { insertPrincipal } from '../grants-repository.ts'
import { newPrincipal } from '../grants.ts'
import { noteHolder } from '../holders.ts'
import { newcomers, requireTurn, standingOf } from '../standing.ts'
import * as repository from './repository.ts'

const answerOf = ({ aliasId, principalId }: AliasRow): AliasAnswer => ({ id: aliasId, canonicalId: principalId })

type At = Pick<AliasRow, 'mountId' | 'name'>

/** Whoever logs in by an alias that nobody had acts as the entity from now on; or the other way round. */
const requireMayBecome = async (change: Change, at: At, entity: PrincipalRow): Promise<void> => {
  const standing = await standingOf(change, entity)
  for (const newcomer of await newcomers(change, at)) await requireTurn(change, newcomer, standing)
}

const hasAliasAt = async ({ call: { orgId }, tx, keys }: Change, entity: PrincipalRow, mountId: string): Promise<boolean> =>
  (await repository.aliasesOf(tx, orgId, [entity.principalId], keys.purposeVersions('rows'))).some((alias) => alias.mountId === mountId)

const newEntity = async (change: Change): Promise<PrincipalRow> => {
  const entity = newPrincipal('user', makeName('entity'), change.at)
  await insertPrincipal(change.tx, change.call.orgId, entity, change.keys.purpose('rows'))
  return entity
}

const create = async (change: Change, { canonicalId, name, mountId, customMetadata = {} }: Wanted): Promise<AliasAnswer> => {
  const { call, tx, keys, at } = change
  const existing = canonicalId === '' ? undefined : await repository.lockEntity(tx, call.orgId, canonicalId, keys.purposeVersions('rows'))
  if (canonicalId !== '' && existing === undefined) throw bad('canonical_id', 'invalid canonical ID', 'canonical_id')
  if (existing !== undefined && (await hasAliasAt(change, existing, mountId))) throw bad('alias_exists', 'Alias already exists for requested entity and mount accessor', 'mount_accessor')
  const entity = existing ?? (await newEntity(change))
  await requireMayBecome(change, { mountId, name }, entity)
  const alias: AliasRow = { aliasId: makeUuidV7(at), mountId, name: checkName(name, 'name'), principalId: entity.principalId, metadata: {}, customMetadata, mergedFrom: [], createdAt: at, updatedAt: at, rowVersion: 1 }
  await repository.insertAlias(tx, call.orgId, alias, keys.purpose('rows'))
  return done(change, alias, [])
}

const done = async ({ call, tx, note }: Change, alias: AliasRow, former: readonly string[]): Promise<AliasAnswer> => {
  call.says(true)
  call.audit.resourceId = alias.aliasId
  note(ALIAS_CHANGED, alias.aliasId)
  for (const principalId of new Set([alias.principalId, ...former])) await noteHolder(tx, call.orgId, principalId, note)
  return answerOf(alias)
}

interface Wanted {
  readonly canonicalId: string
  readonly name: string
  readonly mountId: string
  readonly customMetadata?: Readonly<Record<string, string>> | undefined
}

const update = async (change: Change, alias: AliasRow, wanted: Wanted): Promise<AliasAnswer | undefined> => {
  const { call: { orgId }, tx, keys, at } = change
  const versions = keys.purposeVersions('rows')
  const customMetadata = wanted.customMetadata ?? alias.customMetadata
  const moves = wanted.canonicalId !== '' && wanted.canonicalId !== alias.principalId
  const renames = wanted.name !== alias.name || wanted.mountId !== alias.mountId
  if (!moves && !renames && sameLabels(customMetadata, alias.customMetadata)) return undefined
  const current = await repository.lockEntity(tx, orgId, alias.principalId, versions)
  if (current === undefined) throw bad('alias_entity', 'given alias is not associated with an entity')
  if (!moves && wanted.mountId !== alias.mountId && (await hasAliasAt(change, current, wanted.mountId))) throw bad('alias_exists', "Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' ", 'mount_accessor')
  const taken = await repository.findAliasByName(tx, orgId, wanted, versions)
  if (taken !== undefined && taken.aliasId !== alias.aliasId) throw bad('alias_taken', 'alias with combination of mount accessor and name already exists', 'name')
  const entity = moves ? await repository.lockEntity(tx, orgId, wanted.canonicalId, versions) : current
  if (entity === undefined) throw bad('canonical_id', "given 'canonical_id' is not associated with an entity", 'canonical_id')
  if (moves && (await hasAliasAt(change, entity, wanted.mountId))) throw bad('alias_exists', 'Alias cannot be updated as the given entity already has an alias for this mount ', 'canonical_id')
  if (moves && !renames) await requireTurn(change, await standingOf(change, current), await standingOf(change, entity))
  if (renames) for (const [at, holder] of [[alias, current], [wanted, entity]] as const) await requireMayBecome(change, at, holder)
  const changed: AliasRow = { ...alias, name: checkName(wanted.name, 'name'), mountId: wanted.mountId, principalId: entity.principalId, customMetadata, updatedAt: at, rowVersion: alias.rowVersion + 1 }
  if (!(await repository.updateAlias(tx, orgId, changed, keys.purpose('rows')))) throw bad('alias_changed', 'the alias was changed meanwhile; try again')
  return done(change, changed, [alias.principalId])
}

const write = (ports: DirectoryPorts, grant: Grant, call: Call, wishes: AliasWishes): Promise<AliasAnswer | undefined> => {
  if (wishes.customMetadata !== undefined) checkCustomMetadata(wishes.customMetadata)
  return changing(ports, grant, call, async (change) => {
    const { tx, keys } = change
    const versions = keys.purposeVersions('rows')
    if (wishes.id !== '') {
      const alias = await repository.findAlias(tx, call.orgId, wishes.id, versions)
      if (alias === undefined) throw bad('alias_id', 'invalid alias ID provided', 'id')
      const mountId = wishes.accessor === '' ? alias.mountId : await requireMount(change, wishes.accessor)
      return update(change, alias, { ...wishes, name: wishes.name === '' ? alias.name : wishes.name, mountId })
    }
    if (wishes.accessor === '' || wishes.name === '') throw bad('alias_factors', "'id' or 'mount_accessor' and 'name' must be provided")
    const wanted = { ...wishes, mountId: await requireMount(change, wishes.accessor) }
    const alias = await repository.findAliasByName(tx, call.orgId, wanted, versions)
    // Named by what it is, an alias keeps nothing that is not said again.
    return alias === undefined ? create(change, wanted) : update(change, alias, { ...wanted, customMetadata: wishes.customMetadata ?? {} })
  })
}

export const makeAliases = (ports: DirectoryPorts): AliasesPort => ({
  async find(_grant, call, id) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return ports.database.transaction(call.orgId, (db) => repository.findAlias(db, call.orgId, id, keys), { readOnly: true })
  },
  async list(_grant, call) {
    const keys = (await ports.keys(call.orgId)).purposeVersions('rows')
    return everyPage((at) => ports.database.transaction(call.orgId, (db) => repository.listAliases(db, call.orgId, at, keys), { readOnly: true }), ({ aliasId }) => aliasId)
  },
  write: (grant, call, wishes) => write(ports, grant, call, wishes),
  delete: (grant, call, id) =>
    changing(ports, grant, call, async (change) => {
      const { tx, keys, note } = change
      const versions = keys.purposeVersions('rows')
      const alias = await repository.findAlias(tx, call.orgId, id, versions)
      if (alias === undefined) return
      const holder = await repository.findEntity(tx, call.orgId, alias.principalId, versions)
      if (holder !== undefined) await requireMayBecome(change, alias, holder)
      call.audit.resourceId = alias.aliasId
      await repository.deleteAlias(tx, call.orgId, id)
      note(ALIAS_CHANGED, alias.aliasId)
      await noteHolder(tx, call.orgId, alias.principalId, note)
    }),
})
