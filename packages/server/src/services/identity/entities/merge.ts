// Several entities become one: aliases, policies, memberships, roles and tokens of those that are merged go over to it. Where
// both have an alias at the same mount, the caller says which one stays.

import type { Call, Grant } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { AliasRow, PrincipalRow } from '../../../kernel/identity.ts'
import type { MergeCommand } from '../../../kernel/ports/identity.ts'
import { accessorOf, tokenAccessorOf, type OrgRegistry } from '../../../kernel/tenancy.ts'
import { bad, changing, type Change, type DirectoryPorts } from '../change.ts'
import { bindingsOf, deleteBinding, insertBinding } from '../grants-repository.ts'
import { GRANTS_CHANGED } from '../grants.ts'
import { insertMember } from '../groups/repository.ts'
import { membershipOf } from '../memberships.ts'
import { named, nobody, requireTurn, standingOf } from '../standing.ts'
import { tokensOf, updateHolder } from '../token-repository.ts'
import * as repository from './repository.ts'

interface Merged {
  readonly entity: PrincipalRow
  readonly aliases: readonly AliasRow[]
}

const load = async ({ call: { orgId }, tx, keys }: Change, id: string): Promise<Merged | undefined> => {
  const versions = keys.purposeVersions('rows')
  const entity = await repository.lockEntity(tx, orgId, id, versions)
  return entity === undefined ? undefined : { entity, aliases: await repository.aliasesOf(tx, orgId, [entity.principalId], versions) }
}

const mountNames = (registry: OrgRegistry, orgId: string, mountId: string): { readonly accessor: string; readonly type: string; readonly path: string } => {
  if (mountId === orgId) return { accessor: tokenAccessorOf(orgId), type: 'token', path: 'auth/token/' }
  const mount = registry.mountById(mountId)
  return mount === undefined ? { accessor: '', type: '', path: '' } : { accessor: accessorOf(mount), type: mount.type, path: `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/` }
}

interface Clash {
  readonly mine: AliasRow
  readonly theirs: AliasRow
  readonly from: PrincipalRow
}

/** Vault lists what clashes, in its words and as data, so that a caller can ask again with the ids to keep. */
const clashError = async ({ ports, call: { orgId } }: Change, to: PrincipalRow, clashes: readonly Clash[]): Promise<Error> => {
  const registry = await ports.registry(orgId)
  const lines = clashes.map(({ mine, theirs, from }) =>
    `mountAccessor: ${mountNames(registry, orgId, mine.mountId).accessor}, toEntity ID: ${to.principalId}, fromEntity ID: ${from.principalId}, conflicting toEntity alias ID: ${mine.aliasId}, conflicting fromEntity alias ID: ${theirs.aliasId}`)
  const all = ['toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request specifying exactly one fromEntity, clashes: ', ...lines]
  const view = (entity: PrincipalRow, alias: AliasRow): Readonly<Record<string, string>> => {
    const { type, path } = mountNames(registry, orgId, alias.mountId)
    return { alias: alias.name, entity: entity.name, entity_id: entity.principalId, mount: type, mount_path: path }
  }
  const error = `${all.length} errors occurred:\n${all.map((line) => `\t* ${line}\n`).join('')}\n`
  return fail('invalid_request', 'identity.alias_clash', error, { data: clashes.flatMap(({ mine, theirs, from }) => [view(to, mine), view(from, theirs)]) })
}

const checkClashes = async (change: Change, to: Merged, froms: readonly Merged[]): Promise<void> => {
  const owners = new Map<string, string>()
  const clashes: Clash[] = []
  for (const mine of to.aliases) {
    for (const { entity, aliases } of froms) {
      for (const theirs of aliases) {
        const owner = owners.get(theirs.mountId)
        if (owner !== undefined && owner !== entity.principalId) throw bad('merge_one', `mount accessor ${mountNames(await change.ports.registry(change.call.orgId), change.call.orgId, theirs.mountId).accessor} found in multiple fromEntities, merge should be done with one fromEntity at a time`)
        owners.set(theirs.mountId, entity.principalId)
        if (mine.mountId === theirs.mountId) clashes.push({ mine, theirs, from: entity })
      }
    }
  }
  if (clashes.length > 0) throw await clashError(change, to.entity, clashes)
}

/** Moves what is kept of the aliases of one entity; `kept` are those that the other has by then. */
const moveAliases = async ({ call: { orgId }, tx, keys, at }: Change, { to, from, keep }: { readonly to: PrincipalRow; readonly from: Merged; readonly keep: readonly string[] }, kept: Map<string, AliasRow>): Promise<void> => {
  for (const theirs of from.aliases) {
    const mine = kept.get(theirs.mountId)
    if (mine !== undefined && keep.includes(mine.aliasId)) {
      await repository.deleteAlias(tx, orgId, theirs.aliasId)
      continue
    }
    if (mine !== undefined && !keep.includes(theirs.aliasId)) throw bad('merge_keep', `conflicting mount accessors in following alias IDs and neither were present in conflicting_alias_ids_to_keep: ${theirs.aliasId}, ${mine.aliasId}`, 'conflicting_alias_ids_to_keep')
    if (mine !== undefined) await repository.deleteAlias(tx, orgId, mine.aliasId)
    const moved: AliasRow = { ...theirs, principalId: to.principalId, mergedFrom: [...theirs.mergedFrom, from.entity.principalId], updatedAt: at, rowVersion: theirs.rowVersion + 1 }
    if (!(await repository.updateAlias(tx, orgId, moved, keys.purpose('rows')))) throw bad('alias_changed', 'an alias was changed meanwhile; try again')
    kept.set(moved.mountId, moved)
  }
}

const moveGrants = async ({ call: { orgId }, tx, keys }: Change, to: PrincipalRow, from: PrincipalRow): Promise<void> => {
  const versions = keys.purposeVersions('rows')
  const key = keys.purpose('rows')
  for (const { groupId } of (await membershipOf(tx, orgId, from.principalId, versions)).direct) await insertMember(tx, orgId, { groupId, principalId: to.principalId }, key)
  const held = await bindingsOf(tx, orgId, { principalId: to.principalId, groupIds: [] }, versions)
  for (const binding of await bindingsOf(tx, orgId, { principalId: from.principalId, groupIds: [] }, versions)) {
    const isHeld = held.some((each) => each.role === binding.role && each.mountId === binding.mountId && each.environment === binding.environment)
    await deleteBinding(tx, orgId, binding.bindingId)
    if (!isHeld) await insertBinding(tx, orgId, { ...binding, principalId: to.principalId, rowVersion: binding.rowVersion + 1 }, key)
  }
}

/** Whoever was logged in stays so, as the entity that they are now. */
const moveTokens = async ({ call: { orgId }, tx, keys }: Change, to: PrincipalRow, from: PrincipalRow): Promise<void> => {
  for (const { token, lookup } of await tokensOf(tx, orgId, from.principalId, keys.purposeVersions('rows'))) {
    await updateHolder(tx, orgId, { ...token, principalId: to.principalId, rowVersion: token.rowVersion + 1 }, lookup, keys.purpose('rows'))
  }
}

const apply = async (change: Change, to: Merged, froms: readonly Merged[], keep: readonly string[]): Promise<void> => {
  const { call: { orgId }, tx, keys, at, note } = change
  const kept = new Map(to.aliases.map((alias) => [alias.mountId, alias]))
  for (const from of froms) {
    await moveAliases(change, { to: to.entity, from, keep }, kept)
    await moveGrants(change, to.entity, from.entity)
    await moveTokens(change, to.entity, from.entity)
    await repository.deletePrincipal(tx, orgId, from.entity.principalId)
  }
  const policies = [...new Set([...to.entity.policies, ...froms.flatMap(({ entity }) => entity.policies)])].sort()
  const mergedIds = [...to.entity.mergedIds, ...froms.flatMap(({ entity }) => [...entity.mergedIds, entity.principalId])]
  await repository.updatePrincipal(tx, orgId, { ...to.entity, policies, mergedIds, updatedAt: at, rowVersion: to.entity.rowVersion + 1 }, keys.purpose('rows'))
  note(GRANTS_CHANGED, to.entity.principalId)
}

/** Each side gets at what the other has, and those that are merged go by another name. Whose alias is dropped is a newcomer at the next login. */
const requireMayMerge = async (change: Change, to: PrincipalRow, froms: readonly PrincipalRow[], dropsAliases: boolean): Promise<void> => {
  const target = await standingOf(change, to)
  const sources = await Promise.all(froms.map(async (from) => ({ from, standing: await standingOf(change, from) })))
  const taken = sources.map(({ from, standing: { names, bindings } }) => ({ names: names.slice(named(from).names.length), bindings }))
  const merged = { names: [target, ...taken].flatMap(({ names }) => names), bindings: [target, ...taken].flatMap(({ bindings }) => bindings) }
  for (const standing of [target, ...sources.map((each) => each.standing)]) await requireTurn(change, dropsAliases ? nobody : standing, merged)
  if (dropsAliases) for (const { from } of sources) await requireTurn(change, named(from), nobody)
}

export const merge = (ports: DirectoryPorts, grant: Grant, call: Call, { to: toId, from: fromIds, keep }: MergeCommand): Promise<void> =>
  changing(ports, grant, call, async (change) => {
    const to = await load(change, toId)
    if (to === undefined) throw bad('merge_to', 'entity id to merge to is invalid', 'to_entity_id')
    if (fromIds.length > 1 && keep.length > 1) throw bad('merge_one', 'aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time')
    const froms: Merged[] = []
    for (const id of new Set(fromIds)) {
      if (id === to.entity.principalId) throw bad('merge_self', 'to_entity_id should not be present in from_entity_ids', 'from_entity_ids')
      const from = await load(change, id)
      if (from === undefined) throw bad('merge_from', 'entity id to merge from is invalid', 'from_entity_ids')
      froms.push(from)
    }
    if (keep.length === 0) await checkClashes(change, to, froms)
    await requireMayMerge(change, to.entity, froms.map(({ entity }) => entity), keep.length > 0)
    call.audit.resourceId = to.entity.principalId
    call.audit.metadata = { ...call.audit.metadata, merged: froms.map(({ entity }) => entity.principalId).join(' ').slice(0, 512) }
    await apply(change, to, froms, keep)
  })
