// What logins write, and what they ask about aliases: gathered, so that logins that come together are one call and one commit. A batch is of one
// organization, and each login in it is refused or written by itself.

import type { HmacKey } from '../../../crypto/keys.ts'
import type { WrittenRecord } from '../../../kernel/audited-write.ts'
import type { AliasRow, PrincipalRow, TokenRow } from '../../../kernel/identity.ts'
import { sqlstateOf, type Database, type Queryable } from '../../../kernel/storage.ts'
import type { Mount } from '../../../kernel/tenancy.ts'
import { Gathering, Portions } from '../../../lib/gathering.ts'
import type { SharedRoom } from '../../../lib/bounded-queue.ts'
import type { AliasCommand, KnownAlias } from '../aliases.ts'
import { checkedAlias, macAlias, macPrincipal, macToken, notAsked, type JsonRow } from '../rows.ts'
import type { TokenKeys } from '../tokens.ts'

export type LoginMount = Pick<Mount, 'mountId' | 'path'>

/** One login that is to be written. */
export interface LoginWrite {
  /** Where it logs in. Nothing is written once that is disabled or moved. */
  readonly mount: LoginMount
  /** Whoever logs in for the first time. */
  readonly holder?: { readonly principal: PrincipalRow; readonly alias: AliasRow } | undefined
  /** Undefined for a token without a row. */
  readonly token?: { readonly row: TokenRow; readonly lookup: Buffer } | undefined
  readonly record: WrittenRecord
}

type AliasName = Pick<AliasCommand, 'mountId' | 'name'>

export interface LoginWriter {
  /** @throws a unique violation when somebody or something of it is there already */
  write(orgId: string, login: LoginWrite, key: HmacKey): Promise<void>
  alias(orgId: string, keys: TokenKeys, name: AliasName): Promise<KnownAlias | undefined>
  /** Whatever else of a login may take a connection. It must not write or ask by this writer. */
  alone<T>(task: () => Promise<T>): Promise<T>
}

/** Rows as JSON texts, made by whoever logs in and put together by whoever sends. */
interface Rows {
  readonly mount: LoginMount
  readonly principal: string | undefined
  readonly alias: string | undefined
  readonly token: string | undefined
  readonly record: string
}

const MOST_TOGETHER = 200
/** Logins that go on in one turn of the event loop. Each does so for some 300 µs after each of its journeys, and reads want their turn. */
const PORTION = 8

const hex = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`
const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())
const times = (row: { readonly createdAt: number; readonly updatedAt: number; readonly rowVersion: number }) => ({ created_at: time(row.createdAt), updated_at: time(row.updatedAt), row_version: row.rowVersion })

const principalText = (row: PrincipalRow, key: HmacKey): string =>
  JSON.stringify({ principal_id: row.principalId, kind: row.kind, name: row.name, display_name: row.displayName, policies: row.policies, disabled: row.disabled, metadata: row.metadata, merged_ids: row.mergedIds, ...times(row), mac: hex(macPrincipal(key, row)) })

const aliasText = (row: AliasRow, key: HmacKey): string =>
  JSON.stringify({ alias_id: row.aliasId, mount_id: row.mountId, name: row.name, principal_id: row.principalId, metadata: row.metadata, custom_metadata: row.customMetadata, merged_from: row.mergedFrom, ...times(row), mac: hex(macAlias(key, row)) })

/** Of a token that a login makes: it has no parent and no lock. */
const tokenText = ({ row, lookup }: NonNullable<LoginWrite['token']>, key: HmacKey): string =>
  JSON.stringify({
    token_id: row.tokenId, lookup: hex(lookup), accessor: row.accessor, principal_id: row.principalId, display_name: row.displayName, policies: row.policies, issue_path: row.issuePath, bound_cidrs: row.boundCidrs, metadata: row.metadata,
    num_uses: row.numUses, uses_left: row.numUses === 0 ? null : row.numUses, ttl_seconds: row.ttlSeconds, period_seconds: row.periodSeconds, explicit_max_ttl_seconds: row.explicitMaxTtlSeconds,
    renewable: row.renewable, issued_at: time(row.issuedAt), expires_at: time(row.expiresAt), mfa: row.mfa, row_version: row.rowVersion, mac: hex(macToken(key, row, lookup)),
  })

const recordText = ({ id, at, record, digest, fields }: WrittenRecord): string => JSON.stringify({ id, at: time(at), record, digest: hex(digest), ...fields })

const rowsOf = ({ mount, holder, token, record }: LoginWrite, key: HmacKey): Rows => ({
  mount,
  principal: holder === undefined ? undefined : principalText(holder.principal, key),
  alias: holder === undefined ? undefined : aliasText(holder.alias, key),
  token: token === undefined ? undefined : tokenText(token, key),
  record: recordText(record),
})

/** Null: there is none. */
const listOf = (texts: readonly (string | undefined)[]): string | null => {
  const there = texts.filter((text) => text !== undefined)
  return there.length === 0 ? null : `[${there.join(',')}]`
}

// Data, constraints, lost races and our own limits. What says that the server is going down, or nothing at all, does not say that nothing was written.
const OF_ONE = /^(2[123]|40|P0|CF)/

const isOfOne = (error: unknown): boolean => OF_ONE.test(sqlstateOf(error) ?? '')

const nameOf = ({ mountId, name }: AliasName): string => `${mountId}/${name}`

const findAliases = async (database: Database, orgId: string, wanted: readonly AliasName[]): Promise<readonly (JsonRow | undefined)[]> => {
  const found = await database.query<{ alias: JsonRow }>('select login_aliases as alias from coffer.login_aliases($1, $2, $3)', [orgId, wanted.map(({ mountId }) => mountId), wanted.map(({ name }) => name)], { name: 'login_aliases' })
  const byName = new Map(found.rows.map(({ alias }) => [`${String(alias['mount_id'])}/${String(alias['name'])}`, alias]))
  return wanted.map((each) => byName.get(nameOf(each)))
}

/** For a login that is written in a transaction of its own: its mount is there until that is over. @throws not_found */
export const requireMount = async (tx: Queryable, orgId: string, { mountId, path }: LoginMount): Promise<void> => {
  await tx.query('select coffer.auth_mounts_stay($1, $2, $3)', [orgId, [mountId], [path]], { name: 'auth_mounts_stay' })
}

/** @param room connections that logins share */
export const makeLoginWriter = (database: Database, room: SharedRoom): LoginWriter => {
  const portions = new Portions(PORTION)
  const place = <T>(journey: () => Promise<T>): Promise<T> => room.journey(journey)
  const writes = new Gathering<Rows, undefined>({
    most: MOST_TOGETHER,
    isOfOne,
    // More than one, because commits under way together share a flush, and a call that waits for a lock on somebody's row does not hold up everybody's logins.
    journeys: 4, worthwhile: 16, portions, place,
    async send(orgId, rows) {
      const mounts = [...new Map(rows.map(({ mount }) => [nameOf({ mountId: mount.mountId, name: mount.path }), mount])).values()]
      await database.query('select coffer.login_write($1, $2, $3, $4, $5, $6, $7)', [orgId, mounts.map(({ mountId }) => mountId), mounts.map(({ path }) => path), listOf(rows.map((each) => each.principal)), listOf(rows.map((each) => each.alias)), listOf(rows.map((each) => each.token)), listOf(rows.map((each) => each.record))], { name: 'login_write', commits: true })
      return []
    },
  })
  const aliases = new Gathering<AliasName, JsonRow | undefined>({ most: MOST_TOGETHER, isOfOne, portions, place, send: (orgId, wanted) => findAliases(database, orgId, wanted) })
  return {
    alone: (task) => room.alone(task),
    write: (orgId, login, key) => writes.add(orgId, rowsOf(login, key)),
    async alias(orgId, keys, name) {
      const row = await aliases.add(orgId, name)
      if (row === undefined) return undefined
      const alias = checkedAlias(row, keys.purposeVersions('rows'))
      // A MAC binds what a row is, not what it answers.
      if (nameOf(alias) !== nameOf(name)) throw notAsked('principal alias')
      return alias
    },
  }
}
