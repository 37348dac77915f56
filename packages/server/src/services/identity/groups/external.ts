// External groups follow what logins say: at each login, and at each renewal of its token, a principal is in those groups of
// the mount that the issuer named, and in no others of it.

import type { Queryable } from '../../../kernel/storage.ts'
import { noteHolder, type Note } from '../holders.ts'
import { membershipOf } from '../memberships.ts'
import type { TokenKeys } from '../tokens.ts'
import * as repository from './repository.ts'

export interface Said {
  readonly principalId: string
  readonly mountId: string
  /** As the issuer names them. */
  readonly groups: readonly string[]
}

/** Groups beyond that are not looked for: an issuer that names so many is not asked to be exact. */
const MOST_GROUPS = 5000

/** Part of the caller's transaction; tells the feed when anything changed. True: the principal is in fewer groups than before. */
export const followGroups = async (keys: TokenKeys, tx: Queryable, orgId: string, said: Said, note: Note): Promise<boolean> => {
  const versions = keys.purposeVersions('rows')
  const named = said.groups.length === 0 ? [] : await repository.groupAliasesNamed(tx, orgId, said.mountId, said.groups.slice(0, MOST_GROUPS), versions)
  const wanted = new Set(named.map(({ groupId }) => groupId))
  const external = (await membershipOf(tx, orgId, said.principalId, versions)).direct.filter(({ kind }) => kind === 'external')
  const aliases = new Map((await repository.groupAliasesOf(tx, orgId, external.map(({ groupId }) => groupId), versions)).map((alias) => [alias.groupId, alias]))
  // A group without an alias any more is filled by nobody; one of another mount is that mount's.
  const left = external.filter(({ groupId }) => !wanted.has(groupId) && (aliases.get(groupId)?.mountId ?? said.mountId) === said.mountId)
  const entered = [...wanted].filter((groupId) => !external.some((group) => group.groupId === groupId))
  if (left.length === 0 && entered.length === 0) return false
  await noteHolder(tx, orgId, said.principalId, note)
  for (const { groupId } of left) await repository.deleteMember(tx, orgId, { groupId, principalId: said.principalId })
  for (const groupId of entered) {
    const group = await repository.holdGroup(tx, orgId, groupId, versions)
    if (group?.kind === 'external') await repository.insertMember(tx, orgId, { groupId, principalId: said.principalId }, keys.purpose('rows'))
  }
  return left.length > 0
}

/** Keeps what a login said for the renewals of its token. */
export const keepGroups = (keys: TokenKeys, tx: Queryable, orgId: string, tokenId: string, { mountId, groups }: Said): Promise<void> =>
  repository.insertLogin(tx, orgId, { tokenId, mountId, groups: groups.slice(0, MOST_GROUPS), rowVersion: 1 }, keys.purpose('rows'))

/** The same as at the login, when a token of one is renewed. */
export const followAgain = async (keys: TokenKeys, tx: Queryable, orgId: string, token: { readonly tokenId: string; readonly principalId: string | undefined }, note: Note): Promise<boolean> => {
  if (token.principalId === undefined) return false
  const said = await repository.findLogin(tx, orgId, token.tokenId, keys.purposeVersions('rows'))
  return said !== undefined && followGroups(keys, tx, orgId, { principalId: token.principalId, mountId: said.mountId, groups: said.groups }, note)
}
