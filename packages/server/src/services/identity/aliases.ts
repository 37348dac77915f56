// Who an alias of an auth mount is. The first login of an alias makes its principal; names of principals made so hold a
// slash and a mount's path, so that they can never be those of one that an administrator made.

import { makeBase62, makeUuidV7 } from '../../crypto/random.ts'
import type { AliasRow, PrincipalKind, PrincipalRow } from '../../kernel/identity.ts'
import { isUniqueViolation, sqlstateOf, type Queryable } from '../../kernel/storage.ts'
import { insertAlias, findAliasByName, updateAlias } from './entities/repository.ts'
import { findPrincipal, findPrincipalById, insertPrincipal } from './grants-repository.ts'
import { newPrincipal } from './grants.ts'
import { noteHolder, type Note } from './holders.ts'
import type { TokenKeys } from './tokens.ts'

export interface AliasCommand {
  readonly mountId: string
  readonly mountPath: string
  readonly name: string
  readonly kind: PrincipalKind
  /** Undefined: whoever asks knows nothing of it. */
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly at: number
}

/** What the feed calls a change of an alias: of whom it is, or what is said of it. The key is its id. */
export const ALIAS_CHANGED = 'alias'

/** An alias that is known, and whose it is. */
export type KnownAlias = Pick<AliasRow, 'aliasId' | 'principalId' | 'metadata'>

export const sameLabels = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean => {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}

/** Policies may be about what the method says of an alias, so what it says now counts for all tokens of the principal. */
const refresh = async (keys: TokenKeys, tx: Queryable, orgId: string, { alias, command, note }: { readonly alias: AliasRow; readonly command: AliasCommand; readonly note: Note }): Promise<void> => {
  const { metadata } = command
  if (metadata === undefined || sameLabels(alias.metadata, metadata)) return
  const changed: AliasRow = { ...alias, metadata, updatedAt: command.at, rowVersion: alias.rowVersion + 1 }
  // When somebody else changed the row meanwhile, theirs stands: the next login says it again.
  if (!(await updateAlias(tx, orgId, changed, keys.purpose('rows')))) return
  note(ALIAS_CHANGED, alias.aliasId)
  await noteHolder(tx, orgId, alias.principalId, note)
}

const find = async (keys: TokenKeys, tx: Queryable, orgId: string, command: AliasCommand, note: Note): Promise<PrincipalRow | undefined> => {
  const versions = keys.purposeVersions('rows')
  const alias = await findAliasByName(tx, orgId, command, versions)
  if (alias === undefined) return undefined
  await refresh(keys, tx, orgId, { alias, command, note })
  return findPrincipalById(tx, orgId, alias.principalId, versions)
}

/** What a principal that a login makes is called, unless somebody is called so. */
export const holderName = ({ mountPath, name }: Pick<AliasCommand, 'mountPath' | 'name'>): string => `${mountPath}/${name}`

/** A principal and its first alias, not yet written. */
export const newHolder = (command: AliasCommand, name: string): { readonly principal: PrincipalRow; readonly alias: AliasRow } => {
  const principal: PrincipalRow = { ...newPrincipal(command.kind, name, command.at), displayName: command.name }
  return { principal, alias: { aliasId: makeUuidV7(command.at), mountId: command.mountId, name: command.name, principalId: principal.principalId, metadata: command.metadata ?? {}, customMetadata: {}, mergedFrom: [], createdAt: command.at, updatedAt: command.at, rowVersion: 1 } }
}

/** The principal of an alias, made when it logs in for the first time. Part of the caller's transaction, which a unique violation ends: then somebody else made it meanwhile. */
export const ensureAlias = async (keys: TokenKeys, tx: Queryable, { orgId, note }: { readonly orgId: string; readonly note: Note }, command: AliasCommand): Promise<PrincipalRow> => {
  const found = await find(keys, tx, orgId, command, note)
  if (found !== undefined) return found
  const wanted = holderName(command)
  // A mount that was disabled and enabled again leaves principals of that name behind; they are not this one.
  const isTaken = (await findPrincipal(tx, orgId, command.kind, wanted, keys.purposeVersions('rows'))) !== undefined
  const { principal, alias } = newHolder(command, isTaken ? `${wanted}/${makeBase62(8)}` : wanted)
  const key = keys.purpose('rows')
  await insertPrincipal(tx, orgId, principal, key)
  await insertAlias(tx, orgId, alias, key)
  return principal
}

const ATTEMPTS = 3

const FOREIGN_KEY = '23503'

/** Whether a write failed because whom it is for was deleted meanwhile. */
export const isGone = (error: unknown): boolean => sqlstateOf(error) === FOREIGN_KEY

/** Two first logins of one alias: the second finds what the first made. A principal that is deleted meanwhile is made anew, as one that comes a moment later would be. */
export const retried = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= ATTEMPTS || !(isUniqueViolation(error) || isGone(error))) throw error
    }
  }
}
