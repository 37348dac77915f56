// Row MACs of tokens, principals, groups, members and role bindings, and how rows become models. uses_left is not
// under a MAC: it is counted by SQL, and taking it back is a replay, which MACs do not prevent (THREAT-MODEL.md).

import { equalTags } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { macRow } from '../../crypto/mac.ts'
import { fail } from '../../kernel/errors.ts'
import type { AliasRow, BindingRow, GroupAliasRow, GroupKind, GroupRow, PolicyRow, PrincipalKind, PrincipalRow, TokenRow } from '../../kernel/identity.ts'

export interface VersionedKey {
  readonly key: HmacKey
}

const time = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms))

/** Without a second step a row has the MAC that it had before there was such a column; with one, that of a layout that no other row has. */
export const macToken = (key: HmacKey, token: TokenRow, lookup: Buffer): Buffer => {
  const columns = [
    lookup, token.accessor, token.principalId ?? null, token.parentId ?? null, token.displayName, token.policies, token.root,
    token.lockMountId ?? null, token.lockEnvironment ?? null, token.boundCidrs, token.numUses, token.ttlSeconds, token.periodSeconds,
    token.explicitMaxTtlSeconds, token.renewable, new Date(token.issuedAt), time(token.expiresAt),
  ]
  return token.mfa ? macRow(key, 'tokens/2', token.tokenId, token.rowVersion, [...columns, token.mfa]) : macRow(key, 'tokens', token.tokenId, token.rowVersion, columns)
}

/** Policies may be about what metadata says, so it is a column that grants. */
const pairs = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(labels).sort().flatMap((name) => [name, labels[name] ?? ''])

export const macPrincipal = (key: HmacKey, row: PrincipalRow): Buffer =>
  macRow(key, 'principals', row.principalId, row.rowVersion, [row.kind, row.name, row.policies, row.disabled, pairs(row.metadata)])

export const macAlias = (key: HmacKey, row: AliasRow): Buffer =>
  macRow(key, 'principal_aliases', row.aliasId, row.rowVersion, [row.mountId, row.name, row.principalId, pairs(row.metadata), pairs(row.customMetadata)])

export const macGroup = (key: HmacKey, row: GroupRow): Buffer => macRow(key, 'groups', row.groupId, row.rowVersion, [row.kind, row.name, row.policies, pairs(row.metadata)])

export const macParent = (key: HmacKey, groupId: string, parentId: string, rowVersion: number): Buffer =>
  macRow(key, 'group_parents', [groupId, parentId], rowVersion, [])

export const macGroupAlias = (key: HmacKey, row: GroupAliasRow): Buffer =>
  macRow(key, 'group_aliases', row.aliasId, row.rowVersion, [row.mountId, row.name, row.groupId])

/** What a login said, for its token's renewals. */
export interface LoginRow {
  readonly tokenId: string
  readonly mountId: string
  readonly groups: readonly string[]
  readonly rowVersion: number
}

export const macLogin = (key: HmacKey, row: LoginRow): Buffer => macRow(key, 'token_logins', row.tokenId, row.rowVersion, [row.mountId, row.groups])

export const macMember = (key: HmacKey, groupId: string, principalId: string, rowVersion: number): Buffer =>
  macRow(key, 'group_members', [groupId, principalId], rowVersion, [])

export const macBinding = (key: HmacKey, row: BindingRow): Buffer =>
  macRow(key, 'role_bindings', row.bindingId, row.rowVersion, [row.principalId ?? null, row.groupId ?? null, row.role, row.mountId ?? null, row.environment ?? null])

export const macPolicy = (key: HmacKey, row: PolicyRow): Buffer => macRow(key, 'policies', row.policyId, row.rowVersion, [row.kind, row.name, row.body])

/** @throws internal `row.integrity` */
export const requireMac = (keys: readonly VersionedKey[], what: string, mac: Buffer, of: (key: HmacKey) => Buffer): void => {
  for (const { key } of keys) if (equalTags(of(key), mac)) return
  throw fail('internal', 'row.integrity', `The stored record of a ${what} failed its integrity check. It was changed outside the product; ask the operators to look at the audit log.`)
}

/** For a row whose MAC holds but which is not the one that was asked for. */
export const notAsked = (what: string): Error =>
  fail('internal', 'row.integrity', `The database answered with another ${what} than was asked for. It was changed outside the product; ask the operators to look at the audit log.`)

/** Rows as to_jsonb gives them: times are text, bytea is `\x` hex. */
export type JsonRow = Readonly<Record<string, unknown>>

const text = (row: JsonRow, name: string): string => {
  const value = row[name]
  if (typeof value !== 'string') throw new Error(`column ${name} is not text`)
  return value
}
const optionalText = (row: JsonRow, name: string): string | undefined => (row[name] === null || row[name] === undefined ? undefined : text(row, name))
const number = (row: JsonRow, name: string): number => {
  const value = row[name]
  if (typeof value !== 'number') throw new Error(`column ${name} is not a number`)
  return value
}
const bool = (row: JsonRow, name: string): boolean => row[name] === true
const list = (row: JsonRow, name: string): readonly string[] => {
  const value = row[name]
  return Array.isArray(value) ? value.map(String) : []
}
const labels = (row: JsonRow, name: string): Readonly<Record<string, string>> => {
  const value = row[name]
  return value !== null && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, String(v)])) : {}
}
const instant = (row: JsonRow, name: string): number => Date.parse(text(row, name))
const optionalInstant = (row: JsonRow, name: string): number | undefined => (row[name] === null || row[name] === undefined ? undefined : instant(row, name))
/** A MAC column of a row that came through to_jsonb. */
export const macOf = (row: JsonRow): Buffer => Buffer.from(text(row, 'mac').slice(2), 'hex')

export const readToken = (row: JsonRow): TokenRow => ({
  tokenId: text(row, 'token_id'),
  accessor: text(row, 'accessor'),
  principalId: optionalText(row, 'principal_id'),
  parentId: optionalText(row, 'parent_id'),
  displayName: text(row, 'display_name'),
  policies: list(row, 'policies'),
  root: bool(row, 'is_root'),
  lockMountId: optionalText(row, 'lock_mount_id'),
  lockEnvironment: optionalText(row, 'lock_environment'),
  issuePath: text(row, 'issue_path'),
  boundCidrs: list(row, 'bound_cidrs'),
  metadata: labels(row, 'metadata'),
  numUses: number(row, 'num_uses'),
  usesLeft: row['uses_left'] === null || row['uses_left'] === undefined ? undefined : number(row, 'uses_left'),
  ttlSeconds: number(row, 'ttl_seconds'),
  periodSeconds: number(row, 'period_seconds'),
  explicitMaxTtlSeconds: number(row, 'explicit_max_ttl_seconds'),
  renewable: bool(row, 'renewable'),
  issuedAt: instant(row, 'issued_at'),
  expiresAt: optionalInstant(row, 'expires_at'),
  lastRenewedAt: optionalInstant(row, 'last_renewed_at'),
  mfa: bool(row, 'mfa'),
  rowVersion: number(row, 'row_version'),
})

const kindOf = (name: string): PrincipalKind => {
  if (name === 'user' || name === 'service_account' || name === 'workload') return name
  throw new Error('a principal of unknown kind')
}

export const readPrincipal = (row: JsonRow): PrincipalRow => ({
  principalId: text(row, 'principal_id'),
  kind: kindOf(text(row, 'kind')),
  name: text(row, 'name'),
  displayName: text(row, 'display_name'),
  policies: list(row, 'policies'),
  disabled: bool(row, 'disabled'),
  metadata: labels(row, 'metadata'),
  mergedIds: list(row, 'merged_ids'),
  createdAt: instant(row, 'created_at'),
  updatedAt: instant(row, 'updated_at'),
  rowVersion: number(row, 'row_version'),
})

const readAlias = (row: JsonRow): AliasRow => ({
  aliasId: text(row, 'alias_id'),
  mountId: text(row, 'mount_id'),
  name: text(row, 'name'),
  principalId: text(row, 'principal_id'),
  metadata: labels(row, 'metadata'),
  customMetadata: labels(row, 'custom_metadata'),
  mergedFrom: list(row, 'merged_from'),
  createdAt: instant(row, 'created_at'),
  updatedAt: instant(row, 'updated_at'),
  rowVersion: number(row, 'row_version'),
})

const groupKindOf = (name: string): GroupKind => {
  if (name === 'internal' || name === 'external') return name
  throw new Error('a group of unknown kind')
}

const readGroup = (row: JsonRow): GroupRow => ({
  groupId: text(row, 'group_id'),
  kind: groupKindOf(text(row, 'kind')),
  name: text(row, 'name'),
  policies: list(row, 'policies'),
  metadata: labels(row, 'metadata'),
  createdAt: instant(row, 'created_at'),
  updatedAt: instant(row, 'updated_at'),
  rowVersion: number(row, 'row_version'),
})

const readGroupAlias = (row: JsonRow): GroupAliasRow => ({
  aliasId: text(row, 'alias_id'),
  mountId: text(row, 'mount_id'),
  name: text(row, 'name'),
  groupId: text(row, 'group_id'),
  createdAt: instant(row, 'created_at'),
  updatedAt: instant(row, 'updated_at'),
  rowVersion: number(row, 'row_version'),
})

const readLogin = (row: JsonRow): LoginRow => ({ tokenId: text(row, 'token_id'), mountId: text(row, 'mount_id'), groups: list(row, 'groups'), rowVersion: number(row, 'row_version') })

export const readBinding = (row: JsonRow): BindingRow => ({
  bindingId: text(row, 'binding_id'),
  principalId: optionalText(row, 'principal_id'),
  groupId: optionalText(row, 'group_id'),
  role: text(row, 'role'),
  mountId: optionalText(row, 'mount_id'),
  environment: optionalText(row, 'environment'),
  rowVersion: number(row, 'row_version'),
})

/** The row version of a membership that came through to_jsonb. */
export const rowVersionOf = (row: JsonRow): number => number(row, 'row_version')

export const readPolicy = (row: JsonRow): PolicyRow => ({
  policyId: text(row, 'policy_id'),
  kind: text(row, 'kind') === 'acl' ? 'acl' : 'json',
  name: text(row, 'name'),
  body: text(row, 'body'),
  createdAt: instant(row, 'created_at'),
  updatedAt: instant(row, 'updated_at'),
  rowVersion: number(row, 'row_version'),
})

/** @throws internal `row.integrity` */
export const checkedPrincipal = (row: JsonRow, keys: readonly VersionedKey[]): PrincipalRow => {
  const principal = readPrincipal(row)
  requireMac(keys, 'principal', macOf(row), (k) => macPrincipal(k, principal))
  return principal
}

/** @throws internal `row.integrity` */
export const checkedBinding = (row: JsonRow, keys: readonly VersionedKey[]): BindingRow => {
  const binding = readBinding(row)
  requireMac(keys, 'role binding', macOf(row), (k) => macBinding(k, binding))
  return binding
}

/** @throws internal `row.integrity` */
export const checkedAlias = (row: JsonRow, keys: readonly VersionedKey[]): AliasRow => {
  const alias = readAlias(row)
  requireMac(keys, 'principal alias', macOf(row), (k) => macAlias(k, alias))
  return alias
}

/** @throws internal `row.integrity` */
export const checkedGroup = (row: JsonRow, keys: readonly VersionedKey[]): GroupRow => {
  const group = readGroup(row)
  requireMac(keys, 'group', macOf(row), (k) => macGroup(k, group))
  return group
}

/** @throws internal `row.integrity` */
export const checkedGroupAlias = (row: JsonRow, keys: readonly VersionedKey[]): GroupAliasRow => {
  const alias = readGroupAlias(row)
  requireMac(keys, 'group alias', macOf(row), (k) => macGroupAlias(k, alias))
  return alias
}

/** @throws internal `row.integrity` */
export const checkedLogin = (row: JsonRow, keys: readonly VersionedKey[]): LoginRow => {
  const login = readLogin(row)
  requireMac(keys, 'login', macOf(row), (k) => macLogin(k, login))
  return login
}

/** The ids of a member and its group, or of a group and the one that it is in. */
export const edgeOf = (row: JsonRow, from: string, to: string): { readonly from: string; readonly to: string } => ({ from: text(row, from), to: text(row, to) })
