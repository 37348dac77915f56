// Who an alias of an auth mount is. The first login of an alias makes its principal; names of principals made so hold a
// slash and a mount's path, so that they can never be those of one that an administrator made.

import { makeBase62, makeUuidV7 } from '../../crypto/random.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { macRow } from '../../crypto/mac.ts'
import type { PrincipalKind, PrincipalRow } from '../../kernel/identity.ts'
import type { Queryable } from '../../kernel/storage.ts'
import { findPrincipal, insertPrincipal } from './grants-repository.ts'
import { macOf, macPrincipal, readPrincipal, requireMac, type JsonRow } from './rows.ts'
import type { TokenKeys } from './tokens.ts'

export interface AliasRow {
  readonly aliasId: string
  readonly mountId: string
  readonly name: string
  readonly principalId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly rowVersion: number
}

export interface AliasCommand {
  readonly mountId: string
  readonly mountPath: string
  readonly name: string
  readonly kind: PrincipalKind
  readonly metadata: Readonly<Record<string, string>>
  readonly at: number
}

const macAlias = (key: HmacKey, row: AliasRow): Buffer => macRow(key, 'principal_aliases', row.aliasId, row.rowVersion, [row.mountId, row.name, row.principalId])

interface Found {
  readonly alias_id: string
  readonly row_version: number
  readonly mac: Buffer
  readonly metadata: Readonly<Record<string, string>>
  readonly principal: JsonRow
}

export const sameLabels = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean => {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}

/** An alias that is known, and whose it is. */
export type KnownAlias = Pick<AliasRow, 'aliasId' | 'principalId' | 'metadata'>

/** What the feed calls a change of an alias's metadata; the key is its id. */
export const ALIAS_CHANGED = 'alias'

/** The alias of a name at a mount. */
export const findAlias = async (keys: TokenKeys, tx: Queryable, orgId: string, { mountId, name }: Pick<AliasCommand, 'mountId' | 'name'>): Promise<KnownAlias | undefined> => {
  const { rows } = await tx.query<Omit<Found, 'principal'> & { readonly principal_id: string }>(
    'select alias_id, row_version, mac, metadata, principal_id from coffer.principal_aliases where org_id = $1 and mount_id = $2 and name = $3', [orgId, mountId, name], { name: 'alias_read' })
  const row = rows[0]
  if (row === undefined) return undefined
  const alias: AliasRow = { aliasId: row.alias_id, mountId, name, principalId: row.principal_id, metadata: row.metadata, rowVersion: row.row_version }
  requireMac(keys.purposeVersions('rows'), 'principal alias', row.mac, (key) => macAlias(key, alias))
  return alias
}

const find = async (keys: TokenKeys, tx: Queryable, orgId: string, command: AliasCommand, note: (kind: string, key: string) => void): Promise<PrincipalRow | undefined> => {
  const { rows } = await tx.query<Found>(
    `select a.alias_id, a.row_version, a.mac, a.metadata, to_jsonb(p) as principal
     from coffer.principal_aliases a join coffer.principals p on p.org_id = a.org_id and p.principal_id = a.principal_id
     where a.org_id = $1 and a.mount_id = $2 and a.name = $3`,
    [orgId, command.mountId, command.name], { name: 'alias_find' })
  const row = rows[0]
  if (row === undefined) return undefined
  const versions = keys.purposeVersions('rows')
  const principal = readPrincipal(row.principal)
  requireMac(versions, 'principal', macOf(row.principal), (key) => macPrincipal(key, principal))
  const alias: AliasRow = { aliasId: row.alias_id, mountId: command.mountId, name: command.name, principalId: principal.principalId, metadata: row.metadata, rowVersion: row.row_version }
  requireMac(versions, 'principal alias', row.mac, (key) => macAlias(key, alias))
  // Metadata is not under the MAC and takes no new row version: it grants nothing by itself.
  if (!sameLabels(row.metadata, command.metadata)) {
    await tx.query('update coffer.principal_aliases set metadata = $3, updated_at = now() where org_id = $1 and alias_id = $2', [orgId, row.alias_id, command.metadata])
    note(ALIAS_CHANGED, row.alias_id)
  }
  return principal
}

/** The principal of an alias, made when it logs in for the first time. Part of the caller's transaction, which a unique violation ends: then somebody else made it meanwhile. */
export const ensureAlias = async (keys: TokenKeys, tx: Queryable, { orgId, note }: { readonly orgId: string; readonly note: (kind: string, key: string) => void }, command: AliasCommand): Promise<PrincipalRow> => {
  const found = await find(keys, tx, orgId, command, note)
  if (found !== undefined) return found
  const wanted = `${command.mountPath}/${command.name}`
  // A mount that was disabled and enabled again leaves principals of that name behind; they are not this one.
  const isTaken = (await findPrincipal(tx, orgId, command.kind, wanted, keys.purposeVersions('rows'))) !== undefined
  const principal: PrincipalRow = {
    principalId: makeUuidV7(command.at),
    kind: command.kind,
    name: isTaken ? `${wanted}/${makeBase62(8)}` : wanted,
    displayName: command.name,
    policies: [],
    disabled: false,
    metadata: {},
    createdAt: command.at,
    rowVersion: 1,
  }
  const alias: AliasRow = { aliasId: makeUuidV7(command.at), mountId: command.mountId, name: command.name, principalId: principal.principalId, metadata: command.metadata, rowVersion: 1 }
  const key = keys.purpose('rows')
  await insertPrincipal(tx, orgId, principal, key)
  await tx.query('insert into coffer.principal_aliases (org_id, alias_id, mount_id, name, principal_id, metadata, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8)', [
    orgId, alias.aliasId, alias.mountId, alias.name, alias.principalId, alias.metadata, alias.rowVersion, macAlias(key, alias),
  ])
  return principal
}
