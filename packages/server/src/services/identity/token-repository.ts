// SQL of tokens and of what a token's principal is granted.

import { equalBytes } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { LoadedToken, PrincipalGrants, TokenRow } from '../../kernel/identity.ts'
import { Gathering } from '../../lib/gathering.ts'
import { allGroups, checkedMembership, type MembershipRows } from './memberships.ts'
import { checkedAlias, checkedBinding, checkedPrincipal, macToken, notAsked, readToken, requireMac, type JsonRow, type VersionedKey } from './rows.ts'

interface GrantColumns extends MembershipRows {
  readonly bindings: readonly JsonRow[]
  readonly aliases: readonly JsonRow[]
}

interface LookupRow extends GrantColumns {
  readonly token: JsonRow
  readonly lookup: Buffer
  readonly mac: Buffer
  readonly principal: JsonRow | null
}

/** Groups, bindings and aliases of a principal, their MACs checked. @throws internal for a row that was altered */
const checkedGrants = (row: GrantColumns, principalId: string | undefined, keys: readonly VersionedKey[]): Omit<PrincipalGrants, 'principal'> => {
  const groups = principalId === undefined ? [] : allGroups(checkedMembership(row, principalId, keys))
  const bindings = row.bindings.map((binding) => checkedBinding(binding, keys))
  const owners = new Set([principalId, ...groups.map(({ groupId }) => groupId)].filter((id) => id !== undefined))
  if (!bindings.every((binding) => owners.has(binding.principalId ?? binding.groupId ?? ''))) throw notAsked('role binding')
  const aliases = row.aliases.map((alias) => checkedAlias(alias, keys))
  if (!aliases.every((alias) => alias.principalId === principalId)) throw notAsked('principal alias')
  return { groups, bindings, aliases }
}

/** A principal with everything that it is granted, as the database has it. */
export interface GrantsRow extends GrantColumns {
  readonly principal: JsonRow
}

const requireGrants = (row: GrantsRow, principalId: string, keys: readonly VersionedKey[]): PrincipalGrants => {
  const principal = checkedPrincipal(row.principal, keys)
  if (principal.principalId !== principalId) throw notAsked('principal')
  return { principal, ...checkedGrants(row, principalId, keys) }
}

/** A principal with everything that it is granted: one statement. */
export const principalGrants = async (db: Queryable, orgId: string, principalId: string, keys: readonly VersionedKey[]): Promise<PrincipalGrants | undefined> => {
  const found = await db.query<GrantsRow>('select principal, groups, bindings, parents, aliases from coffer.principal_grants($1, $2)', [orgId, principalId], { name: 'principal_grants' })
  const row = found.rows[0]
  return row === undefined ? undefined : requireGrants(row, principalId, keys)
}

/** The same for whoever asks often: those who ask at once share a statement. */
export const gatheredGrants = (db: Queryable): ((orgId: string, principalId: string, keys: readonly VersionedKey[]) => Promise<PrincipalGrants | undefined>) => {
  const reads = new Gathering<string, GrantsRow | undefined>({
    most: MOST_TOGETHER,
    // What one row is found to be is judged by who asked for it; a statement fails for all.
    isOfOne: () => false,
    async send(orgId, ids) {
      const found = await db.query<GrantsRow & Asked>('select asked.number::int, g.principal, g.groups, g.bindings, g.parents, g.aliases from unnest($2::uuid[]) with ordinality as asked(id, number) cross join lateral coffer.principal_grants($1, asked.id) g', [orgId, ids], { name: 'principal_grants_of' })
      return inOrder(ids, found.rows)
    },
  })
  return async (orgId, principalId, keys) => {
    const row = await reads.add(orgId, principalId)
    return row === undefined ? undefined : requireGrants(row, principalId, keys)
  }
}

const MOST_TOGETHER = 100

/** Which of those asked for a row answers; what it is is judged by who asked. */
interface Asked {
  readonly number: number
}

const inOrder = <Row extends Asked>(asked: readonly unknown[], rows: readonly Row[]): readonly (Row | undefined)[] => {
  const byNumber = new Map(rows.map((row) => [row.number, row]))
  return asked.map((_each, index) => byNumber.get(index + 1))
}

const requireToken = (row: LookupRow, key: Buffer, keys: readonly VersionedKey[]): LoadedToken => {
  const token = readToken(row.token)
  requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
  // A MAC binds what a row is, not what it answers: another token's row, and another principal's, are refused.
  if (!equalBytes(row.lookup, key)) throw notAsked('token')
  const principal = row.principal === null ? undefined : checkedPrincipal(row.principal, keys)
  if (principal?.principalId !== token.principalId) throw notAsked('principal')
  return { token, principal, ...checkedGrants(row, token.principalId, keys) }
}

/** A live token with its grants: one statement. Undefined: unknown, expired or used up. @throws internal for a row that was altered */
export const lookup = async (db: Queryable, orgId: string, key: Buffer, keys: readonly VersionedKey[]): Promise<LoadedToken | undefined> => {
  const found = await db.query<LookupRow>('select token, lookup, mac, principal, groups, bindings, parents, aliases from coffer.token_lookup($1, $2)', [orgId, key], { name: 'token_lookup' })
  const row = found.rows[0]
  return row === undefined ? undefined : requireToken(row, key, keys)
}

/** The same for whoever asks often: those who ask at once share a statement. */
export const gatheredLookups = (db: Queryable): ((orgId: string, key: Buffer, keys: readonly VersionedKey[]) => Promise<LoadedToken | undefined>) => {
  const reads = new Gathering<Buffer, LookupRow | undefined>({
    most: MOST_TOGETHER,
    isOfOne: () => false,
    async send(orgId, wanted) {
      const found = await db.query<LookupRow & Asked>('select asked.number::int, t.token, t.lookup, t.mac, t.principal, t.groups, t.bindings, t.parents, t.aliases from unnest($2::bytea[]) with ordinality as asked(lookup, number) cross join lateral coffer.token_lookup($1, asked.lookup) t', [orgId, wanted], { name: 'token_lookups' })
      return inOrder(wanted, found.rows)
    },
  })
  return async (orgId, key, keys) => {
    const row = await reads.add(orgId, key)
    return row === undefined ? undefined : requireToken(row, key, keys)
  }
}

export const insertToken = async (db: Queryable, orgId: string, token: TokenRow, lookupKey: Buffer, key: HmacKey): Promise<void> => {
  await db.query(
    `insert into coffer.tokens (org_id, token_id, lookup, accessor, principal_id, parent_id, display_name, policies, is_root, lock_mount_id, lock_environment,
       issue_path, bound_cidrs, metadata, num_uses, uses_left, ttl_seconds, period_seconds, explicit_max_ttl_seconds, renewable, issued_at, expires_at, mfa, row_version, mac)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`,
    [
      orgId, token.tokenId, lookupKey, token.accessor, token.principalId ?? null, token.parentId ?? null, token.displayName, token.policies, token.root,
      token.lockMountId ?? null, token.lockEnvironment ?? null, token.issuePath, token.boundCidrs, token.metadata, token.numUses, token.numUses === 0 ? null : token.numUses,
      token.ttlSeconds, token.periodSeconds, token.explicitMaxTtlSeconds, token.renewable, new Date(token.issuedAt), token.expiresAt === undefined ? null : new Date(token.expiresAt),
      token.mfa, token.rowVersion, macToken(key, token, lookupKey),
    ],
    { name: 'token_insert' },
  )
}

/** Takes one use; false: none was left. One statement of its own. */
export const takeUse = async (db: Queryable, orgId: string, tokenId: string): Promise<boolean> => {
  const taken = await db.query<{ left: number | null }>('select coffer.token_use($1, $2) as left', [orgId, tokenId], { name: 'token_use' })
  return taken.rows[0]?.left !== null && taken.rows[0]?.left !== undefined
}

export interface ListedToken {
  readonly token: TokenRow
  readonly principalName: string | undefined
}

const jsonToken = "to_jsonb(t) - 'lookup' - 'mac' as token, t.lookup, t.mac"

/** One token by accessor or id, its MAC checked. */
export const findToken = async (db: Queryable, orgId: string, by: { readonly accessor: string } | { readonly tokenId: string }, keys: readonly VersionedKey[]): Promise<{ readonly token: TokenRow; readonly lookup: Buffer } | undefined> => {
  const [column, value] = 'accessor' in by ? ['accessor', by.accessor] : ['token_id', by.tokenId]
  const found = await db.query<{ token: JsonRow; lookup: Buffer; mac: Buffer }>(`select ${jsonToken} from coffer.tokens t where org_id = $1 and ${column} = $2 and (expires_at is null or expires_at > now())`, [orgId, value])
  const row = found.rows[0]
  if (row === undefined) return undefined
  const token = readToken(row.token)
  requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
  return { token, lookup: row.lookup }
}

/** Live tokens by id, after a cursor. */
export const listTokens = async (db: Queryable, orgId: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: readonly VersionedKey[]): Promise<readonly ListedToken[]> => {
  const found = await db.query<{ token: JsonRow; lookup: Buffer; mac: Buffer; name: string | null }>(
    `select ${jsonToken}, p.name from coffer.tokens t left join coffer.principals p on p.org_id = t.org_id and p.principal_id = t.principal_id
     where t.org_id = $1 and t.token_id > $2 and (t.expires_at is null or t.expires_at > now()) order by t.token_id limit $3`,
    [orgId, after, limit],
  )
  return found.rows.map((row) => {
    const token = readToken(row.token)
    requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
    return { token, principalName: row.name ?? undefined }
  })
}

/** Deletes a token and every token made from it, however deep. Returns their ids. */
export const revokeTree = (db: Queryable, orgId: string, tokenId: string): Promise<readonly string[]> => revokeTrees(db, orgId, [tokenId])

/** The same for several at once. Who is making a child of one of them is waited for. */
export const revokeTrees = async (db: Queryable, orgId: string, tokenIds: readonly string[]): Promise<readonly string[]> => {
  const gone = await db.query<{ token_id: string }>('select token_revoke as token_id from coffer.token_revoke($1, $2)', [orgId, tokenIds], { name: 'token_revoke' })
  return gone.rows.map((row) => row.token_id)
}

/** Deletes one token alone. */
export const deleteToken = async (db: Queryable, orgId: string, tokenId: string): Promise<void> => {
  await db.query('delete from coffer.tokens where org_id = $1 and token_id = $2', [orgId, tokenId])
}

/** Tokens made from one, to be changed: locked, with their look-up keys, because their MACs are made anew. */
export const childrenOf = async (db: Queryable, orgId: string, parentId: string, limit: number, keys: readonly VersionedKey[]): Promise<readonly { readonly token: TokenRow; readonly lookup: Buffer }[]> => {
  const found = await db.query<{ token: JsonRow; lookup: Buffer; mac: Buffer }>(`select ${jsonToken} from coffer.tokens t where org_id = $1 and parent_id = $2 order by token_id limit $3 for update`, [orgId, parentId, limit])
  return found.rows.map((row) => {
    const token = readToken(row.token)
    requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
    return { token, lookup: row.lookup }
  })
}

export const setParent = async (db: Queryable, orgId: string, token: TokenRow, lookupKey: Buffer, key: HmacKey): Promise<void> => {
  await db.query('update coffer.tokens set parent_id = $3, row_version = $4, mac = $5 where org_id = $1 and token_id = $2', [orgId, token.tokenId, token.parentId ?? null, token.rowVersion, macToken(key, token, lookupKey)])
}

/** Tokens of an organization that have ended. */
export const expiredTokens = async (db: Queryable, orgId: string, limit: number): Promise<readonly string[]> =>
  (await db.query<{ token_id: string }>('select token_id from coffer.tokens where org_id = $1 and expires_at <= now() order by expires_at limit $2', [orgId, limit])).rows.map((row) => row.token_id)

export const updateExpiry = async (db: Queryable, orgId: string, token: TokenRow, lookupKey: Buffer, key: HmacKey): Promise<void> => {
  await db.query('update coffer.tokens set expires_at = $3, last_renewed_at = $4, row_version = $5, mac = $6 where org_id = $1 and token_id = $2', [
    orgId, token.tokenId, token.expiresAt === undefined ? null : new Date(token.expiresAt), token.lastRenewedAt === undefined ? null : new Date(token.lastRenewedAt), token.rowVersion, macToken(key, token, lookupKey),
  ])
}

// As the index tokens_lease has it.
const leaseName = "(t.issue_path || '/h' || encode(t.lookup, 'hex')) collate \"C\""

/** Live, expiring tokens below a prefix (empty, or ending with a slash), by the names of their leases. */
export const listLeased = async (db: Queryable, orgId: string, prefix: string, { after, limit }: { readonly after: string; readonly limit: number }, keys: readonly VersionedKey[]): Promise<readonly { readonly name: string; readonly token: TokenRow }[]> => {
  const found = await db.query<{ token: JsonRow; lookup: Buffer; mac: Buffer; name: string }>(
    `select ${jsonToken}, ${leaseName} as name from coffer.tokens t where t.org_id = $1 and t.expires_at is not null and t.expires_at > now() and ${leaseName} >= $2 and ${leaseName} > $3
     and ($2 = '' or ${leaseName} < left($2, -1) || '0') order by ${leaseName} limit $4`,
    [orgId, prefix, after, limit],
  )
  return found.rows.map((row) => {
    const token = readToken(row.token)
    requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
    return { name: row.name, token }
  })
}

/** Deletes some of the expiring tokens below a prefix and everything made from them. `roots`: how many of them were below the prefix. */
export const revokeLeased = async (db: Queryable, orgId: string, prefix: string, limit: number): Promise<{ readonly ended: readonly string[]; readonly roots: number }> => {
  const roots = await db.query<{ token_id: string }>(
    `select t.token_id from coffer.tokens t where t.org_id = $1 and t.expires_at is not null and ${leaseName} >= $2 and ($2 = '' or ${leaseName} < left($2, -1) || '0') order by ${leaseName} limit $3 for update`,
    [orgId, prefix, limit],
  )
  const ids = roots.rows.map(({ token_id }) => token_id)
  if (ids.length === 0) return { ended: [], roots: 0 }
  return { ended: await revokeTrees(db, orgId, ids), roots: ids.length }
}

/** Every token of a principal, locked, to be changed. */
export const tokensOf = async (db: Queryable, orgId: string, principalId: string, keys: readonly VersionedKey[]): Promise<readonly { readonly token: TokenRow; readonly lookup: Buffer }[]> => {
  const found = await db.query<{ token: JsonRow; lookup: Buffer; mac: Buffer }>(`select ${jsonToken} from coffer.tokens t where org_id = $1 and principal_id = $2 order by token_id for update`, [orgId, principalId])
  return found.rows.map((row) => {
    const token = readToken(row.token)
    requireMac(keys, 'token', row.mac, (k) => macToken(k, token, row.lookup))
    return { token, lookup: row.lookup }
  })
}

export const updateHolder = async (db: Queryable, orgId: string, token: TokenRow, lookupKey: Buffer, key: HmacKey): Promise<void> => {
  await db.query('update coffer.tokens set principal_id = $3, row_version = $4, mac = $5 where org_id = $1 and token_id = $2', [orgId, token.tokenId, token.principalId ?? null, token.rowVersion, macToken(key, token, lookupKey)])
}
