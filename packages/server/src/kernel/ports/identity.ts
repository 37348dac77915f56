// The ports over entities, groups and their aliases, as engines/identity and the native door use them; services/identity
// fills them. Ids of another organization, and texts that are no ids, are found nowhere.

import type { Call, Grant } from '../call.ts'
import type { AliasRow, GroupAliasRow, GroupRow, PrincipalKind, PrincipalRow } from '../identity.ts'
import type { OrgRegistry } from '../tenancy.ts'

type Labels = Readonly<Record<string, string>>

/** An entity with what belongs to it. */
export interface EntityFacts {
  readonly entity: PrincipalRow
  readonly aliases: readonly AliasRow[]
  readonly directGroupIds: readonly string[]
  /** Through groups that are members of others. */
  readonly inheritedGroupIds: readonly string[]
}

export interface GroupFacts {
  readonly group: GroupRow
  readonly memberEntityIds: readonly string[]
  readonly memberGroupIds: readonly string[]
  readonly parentGroupIds: readonly string[]
  readonly alias: GroupAliasRow | undefined
}

/** By the name at a mount, which its accessor names. */
export interface ByAlias {
  readonly aliasName: string
  readonly accessor: string
}
/** A name is an entity's in any case of its letters, or, with a kind, one principal's exactly. */
export type IdentitySelector = { readonly id: string } | { readonly name: string; readonly kind?: PrincipalKind } | { readonly aliasId: string } | ByAlias

/** What is absent stays as it is. */
export interface EntityWishes {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly policies?: readonly string[] | undefined
  readonly disabled?: boolean | undefined
  readonly metadata?: Labels | undefined
}

export interface MergeCommand {
  readonly to: string
  readonly from: readonly string[]
  /** Of two aliases at one mount, the one that stays. */
  readonly keep: readonly string[]
}

export interface EntitiesPort {
  find(grant: Grant, call: Call, by: IdentitySelector): Promise<EntityFacts | undefined>
  list(grant: Grant, call: Call): Promise<readonly Pick<EntityFacts, 'entity' | 'aliases'>[]>
  /** @throws invalid_request in Vault's words */
  write(grant: Grant, call: Call, wishes: EntityWishes): Promise<{ readonly entity: PrincipalRow; readonly made: boolean }>
  /** With its tokens; what is not there is deleted. When this returns no worker takes any of them. */
  delete(grant: Grant, call: Call, by: readonly IdentitySelector[]): Promise<void>
  /** @throws invalid_request in Vault's words, with the aliases that clash as its data */
  merge(grant: Grant, call: Call, command: MergeCommand): Promise<void>
}

export interface AliasWishes {
  readonly id: string
  readonly canonicalId: string
  readonly accessor: string
  readonly name: string
  readonly customMetadata?: Labels | undefined
}

/** What an alias names now. */
export interface AliasAnswer {
  readonly id: string
  readonly canonicalId: string
}

export interface AliasesPort {
  find(grant: Grant, call: Call, id: string): Promise<AliasRow | undefined>
  list(grant: Grant, call: Call): Promise<readonly AliasRow[]>
  /** Undefined: it was so already. @throws invalid_request in Vault's words */
  write(grant: Grant, call: Call, wishes: AliasWishes): Promise<AliasAnswer | undefined>
  delete(grant: Grant, call: Call, id: string): Promise<void>
}

export interface GroupWishes {
  /** The group that is changed, by id or by name; undefined: a new one. */
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly kind?: string | undefined
  readonly policies?: readonly string[] | undefined
  readonly metadata?: Labels | undefined
  readonly memberEntityIds?: readonly string[] | undefined
  readonly memberGroupIds?: readonly string[] | undefined
  /** A group of this name is a conflict, not what is changed. */
  readonly isNew?: boolean
}

export interface GroupsPort {
  find(grant: Grant, call: Call, by: IdentitySelector): Promise<GroupFacts | undefined>
  list(grant: Grant, call: Call): Promise<readonly Omit<GroupFacts, 'memberGroupIds'>[]>
  /** @throws invalid_request in Vault's words */
  write(grant: Grant, call: Call, wishes: GroupWishes): Promise<{ readonly group: GroupRow; readonly made: boolean }>
  delete(grant: Grant, call: Call, by: IdentitySelector): Promise<boolean>
  /** One member more or less. @throws not_found, conflict for a group that an issuer fills */
  changeMember(grant: Grant, call: Call, command: { readonly groupId: string; readonly principalId: string; readonly isMember: boolean }): Promise<boolean>
}

export interface GroupAliasesPort {
  find(grant: Grant, call: Call, id: string): Promise<GroupAliasRow | undefined>
  list(grant: Grant, call: Call): Promise<readonly GroupAliasRow[]>
  /** Undefined: it was so already. An empty id makes one. @throws invalid_request in Vault's words */
  write(grant: Grant, call: Call, wishes: Omit<AliasWishes, 'customMetadata' | 'id'> & { readonly id: string | undefined }): Promise<AliasAnswer | undefined>
  delete(grant: Grant, call: Call, id: string): Promise<void>
}

export interface IdentityPorts {
  readonly entities: EntitiesPort
  readonly aliases: AliasesPort
  readonly groups: GroupsPort
  readonly groupAliases: GroupAliasesPort
  registry(orgId: string): Promise<OrgRegistry>
  readonly rootOrgId: string
  /** The short id of an organization below root. */
  shortIdOf(orgId: string): Promise<string | undefined>
}

