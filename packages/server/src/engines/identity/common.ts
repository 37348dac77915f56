// What the nouns of identity share: fields, who may, and how mounts and times are shown.

import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import type { AliasRow, GroupAliasRow } from '../../kernel/identity.ts'
import type { IdentityPorts } from '../../kernel/ports/identity.ts'
import { accessorOf, tokenAccessorOf, type OrgRegistry } from '../../kernel/tenancy.ts'

export const tag = 'identity'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
export const reading = { ...common, work: 'read' } as const
export const listing = { ...common, work: 'list' } as const
export const writing = { ...common, work: 'write', orNothing: true } as const
export const deleting = { ...common, work: 'write', status: 204 } as const

export const text = (describe: string, max = 512) => f.text(describe, { max })
export const id = (describe: string) => text(describe, 128)
export const ids = (describe: string) => f.list(describe, id('Id'), { max: 10_000 })
export const policies = (describe: string) => f.list(describe, text('Policy', 256), { max: 1000 })
// Vault's own limits are narrower and speak for themselves; these only bound what is read.
export const metadata = (describe: string) => f.pairs(describe, { maxKeys: 1000, maxKey: 1024, maxValue: 4096 })
const MOST = 1_000_000

/** Names of what Vault's answers hold are the wire's own, so they are documents. */
export const document = f.json('The answer', { maxBytes: 64 * 1024 * 1024 })
export const listed = { keys: f.list('Ids or names', text('Id or name'), { max: MOST }), keyInfo: f.json('More of each, by id', { maxBytes: 256 * 1024 * 1024 }).optional() }
/** An id, and what it belongs to; nothing when it was so already. */
export const aliasAnswer = { id: id('Id of the alias').optional(), canonicalId: id('What it is an alias of').optional() }

/**
 * Whoever writes here decides who is who, so it takes more than a right to write for a role or a JSON policy; an ACL policy says `update`, as
 * for Vault.
 */
export const mayWrite = (call: Call, path: string): Grant => call.authorise('administer', { kind: 'identity', apiPath: `identity/${path}`, capability: 'update' })
export const mayDelete = (call: Call, path: string): Grant => call.authorise('delete', { kind: 'identity', apiPath: `identity/${path}` })
export const mayRead = (call: Call, path: string): Grant => call.authorise('read', { kind: 'identity', apiPath: `identity/${path}` })
/** What hands out a credential: roles that only look do not reach it; an ACL policy says `read`, as for Vault. */
export const mayReveal = (call: Call, path: string): Grant => call.authorise('reveal', { kind: 'identity', apiPath: `identity/${path}`, capability: 'read' })
export const mayList = (call: Call, path: string): Grant => call.authorise('list', { kind: 'identity', apiPath: `identity/${path}/` })
/** A look-up is asked by writing; to roles it is a read. */
export const mayLookUp = (call: Call, path: string): Grant => call.authorise('read', { kind: 'identity', apiPath: `identity/${path}`, capability: 'update' })

export const notThere = (): Error => fail('not_found', 'identity.not_found', 'There is nothing by this id or name.')

export const iso = (at: number): string => new Date(at).toISOString()
export const labels = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null => (Object.keys(given).length === 0 ? null : given)
export const orNull = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list)

/** Everything of an organization that views need. */
export interface Shown {
  readonly orgId: string
  readonly namespaceId: string
  readonly registry: OrgRegistry
}

export const shownFor = async (ports: IdentityPorts, call: Call): Promise<Shown> => ({
  orgId: call.orgId,
  namespaceId: call.orgId === ports.rootOrgId ? 'root' : ((await ports.shortIdOf(call.orgId)) ?? ''),
  registry: await ports.registry(call.orgId),
})

/** A mount as aliases show it; one that is gone has no type and no path. */
export const mountOfAlias = ({ orgId, registry }: Shown, mountId: string): { readonly mount_accessor: string; readonly mount_type?: string; readonly mount_path?: string } => {
  if (mountId === orgId) return { mount_accessor: tokenAccessorOf(orgId), mount_type: 'token', mount_path: 'auth/token/' }
  const mount = registry.mountById(mountId)
  return mount === undefined ? { mount_accessor: '' } : { mount_accessor: accessorOf(mount), mount_type: mount.type, mount_path: `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/` }
}

/** An alias in the list of what has it. */
export const aliasInfo = (shown: Shown, alias: AliasRow | GroupAliasRow): Readonly<Record<string, unknown>> => ({ id: alias.aliasId, name: alias.name, ...mountOfAlias(shown, alias.mountId) })

/** An alias of an entity, whole. */
export const aliasView = (shown: Shown, alias: AliasRow): Readonly<Record<string, unknown>> => ({
  id: alias.aliasId,
  canonical_id: alias.principalId,
  name: alias.name,
  metadata: labels(alias.metadata),
  custom_metadata: labels(alias.customMetadata),
  merged_from_canonical_ids: orNull(alias.mergedFrom),
  creation_time: iso(alias.createdAt),
  last_update_time: iso(alias.updatedAt),
  local: false,
  ...mountOfAlias(shown, alias.mountId),
})

export const groupAliasView = (shown: Shown, alias: GroupAliasRow): Readonly<Record<string, unknown>> => ({
  id: alias.aliasId,
  canonical_id: alias.groupId,
  name: alias.name,
  metadata: null,
  merged_from_canonical_ids: null,
  creation_time: iso(alias.createdAt),
  last_update_time: iso(alias.updatedAt),
  ...mountOfAlias(shown, alias.mountId),
})

/** Vault's answer to a list of nothing. */
export const orNotThere = <T>(list: readonly T[]): readonly T[] => {
  if (list.length === 0) throw notThere()
  return list
}
