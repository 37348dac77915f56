// The SQL of secrets. Reads and changes are one function call each (storage/migrations/0002), so one round trip.

import type { HmacKey } from '../../crypto/keys.ts'
import type { WrittenRecord } from '../../kernel/audited-write.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { Plan } from './change.ts'
import type { SecretAddress } from '../../kernel/secret-model.ts'
import { listedRows, lookupRow, type ListedFacts, type ListedRow, type LookupFacts } from './facts.ts'
import { macAlias, macSecret, macVersion, type KnownRow, type LookupRow, type VersionRecord } from './rows.ts'

/** A new version's encrypted material. */
export interface SealedVersion {
  readonly type: string
  readonly ciphertext: Buffer
  readonly wrapped: Buffer
  readonly kekId: string
  readonly kekVersion: number
  readonly fingerprint: string
}

export interface IdempotentWrite {
  readonly keyMac: Buffer
  readonly requestMac: Buffer
  readonly answer: Readonly<Record<string, unknown>>
}

export interface Change {
  readonly orgId: string
  readonly plan: Plan
  readonly sealed: SealedVersion | undefined
  readonly actor: string
  readonly audit: WrittenRecord
  readonly idempotent: IdempotentWrite | undefined
}

export type Applied =
  | { readonly status: 'ok'; readonly xid: string }
  | { readonly status: 'conflict' | 'exists' | 'mismatch' }
  | { readonly status: 'repeated'; readonly answer: Readonly<Record<string, unknown>> }

/** One statement: the secret, its aliases and the version that the selector names. */
export const lookup = async (db: Queryable, address: SecretAddress, selector: string): Promise<LookupRow | undefined> => {
  const found = await db.query<LookupFacts>('select * from coffer.secret_lookup($1, $2, $3, $4, $5)', [address.orgId, address.mountId, address.environment, address.path, selector], { name: 'secret_lookup' })
  const row = found.rows[0]
  return row === undefined ? undefined : lookupRow(row)
}

/** One statement: every live secret below a prefix with the version that the alias names. */
export const lookupAll = async (db: Queryable, address: SecretAddress, alias: string, limit: number): Promise<readonly LookupRow[]> => {
  const found = await db.query<LookupRow>('select * from coffer.secret_lookup_all($1, $2, $3, $4, $5, $6)', [address.orgId, address.mountId, address.environment, address.path, alias, limit], { name: 'secret_lookup_all' })
  return found.rows
}

/** Where a secret is, by id. This and the queries below run inside a transaction of the organization. */
export const locate = async (db: Queryable, orgId: string, secretId: string): Promise<{ readonly mountId: string; readonly environment: string; readonly path: string } | undefined> => {
  const found = await db.query<{ mount_id: string; environment: string; path: string }>(
    'select mount_id, environment, path from coffer.secrets where org_id = $1 and secret_id = $2',
    [orgId, secretId],
  )
  const row = found.rows[0]
  return row === undefined ? undefined : { mountId: row.mount_id, environment: row.environment, path: row.path }
}

const versionColumns = 'version, type, kek_id, kek_version, state, fingerprint, created_by, created_at, expires_at, deleted_at, row_version, mac'

/** Versions without their ciphertext, newest first, below `before`. */
export const listVersions = async (db: Queryable, orgId: string, secretId: string, before: number, limit: number): Promise<readonly VersionRecord[]> => {
  const found = await db.query<VersionRecord>(
    `select ${versionColumns} from coffer.secret_versions where org_id = $1 and secret_id = $2 and version < $3 order by version desc limit $4`,
    [orgId, secretId, before, limit],
  )
  return found.rows
}

/** Named versions without their ciphertext. */
export const getVersions = async (db: Queryable, orgId: string, secretId: string, versions: readonly number[]): Promise<readonly VersionRecord[]> => {
  const found = await db.query<VersionRecord>(
    `select ${versionColumns} from coffer.secret_versions where org_id = $1 and secret_id = $2 and version = any($3::bigint[]) order by version`,
    [orgId, secretId, versions],
  )
  return found.rows
}

/** A secret's versions above one number and up to another one. */
export interface VersionRange {
  readonly secretId: string
  readonly after: number
  readonly until: number
}

/** How many of a range are given at most. */
export const MOST_OF_RANGE = 1000

/** Those of each range that are not destroyed, without their ciphertext: one statement. */
export const versionsBetween = async (db: Queryable, orgId: string, ranges: readonly VersionRange[]): Promise<readonly (readonly VersionRecord[])[]> => {
  const found = await db.query<VersionRecord & { readonly n: number }>('select * from coffer.secret_versions_between($1, $2, $3, $4)', [
    orgId, ranges.map(({ secretId }) => secretId), ranges.map(({ after }) => after), ranges.map(({ until }) => until),
  ], { name: 'secret_versions_between' })
  const rows: VersionRecord[][] = ranges.map(() => [])
  for (const row of found.rows) rows[row.n - 1]?.push(row)
  return rows
}

/** Metadata in path order after a cursor, below the address's path: one statement. */
export const list = async (db: Queryable, address: SecretAddress, options: { readonly after: string; readonly limit: number; readonly deleted: boolean }): Promise<readonly ListedRow[]> => {
  const found = await db.query<ListedFacts>('select * from coffer.secret_list($1, $2, $3, $4, $5, $6, $7)', [address.orgId, address.mountId, address.environment, address.path, options.after, options.limit, options.deleted], { name: 'secret_list' })
  const row = found.rows[0]
  return row === undefined ? [] : listedRows(row)
}

/** Removes a secret with all its versions for good. */
export const purge = async (db: Queryable, orgId: string, secretId: string, revision: number): Promise<boolean> => {
  const gone = await db.query('delete from coffer.secrets where org_id = $1 and secret_id = $2 and revision = $3', [orgId, secretId, revision])
  return gone.count === 1
}

export interface SeenIdempotent {
  readonly requestMac: Buffer
  readonly answer: Readonly<Record<string, unknown>>
}

/** What an earlier write with this idempotency key answered, while it is remembered. */
export const findIdempotent = async (db: Queryable, orgId: string, keyMac: Buffer): Promise<SeenIdempotent | undefined> => {
  const found = await db.query<{ request_mac: Buffer; answer: Record<string, unknown> }>('select request_mac, answer from coffer.idempotency where org_id = $1 and key_mac = $2 and expires_at > now()', [orgId, keyMac])
  const row = found.rows[0]
  return row === undefined ? undefined : { requestMac: row.request_mac, answer: row.answer }
}

/** A change with the MACs of the rows that it writes, in the order of its parts. */
export interface SignedChange {
  readonly change: Change
  readonly macs: {
    readonly secret: Buffer
    readonly version: Buffer | undefined
    readonly versions: readonly Buffer[]
    readonly aliases: readonly (Buffer | undefined)[]
  }
}

export const sign = (change: Change, key: HmacKey): SignedChange => {
  const { plan, sealed, audit } = change
  const { secret, newVersion } = plan
  return {
    change,
    macs: {
      secret: macSecret(key, secret),
      version: newVersion === undefined || sealed === undefined ? undefined
        : macVersion(key, secret.secretId, { version: newVersion.version, type: secret.type, state: newVersion.state, fingerprint: sealed.fingerprint, createdAt: audit.at, expiresAt: newVersion.expiresAt, deletedAt: undefined }, secret.revision),
      versions: plan.versions.map(({ version, state, expiresAt, deletedAt }) => macVersion(key, secret.secretId, { ...version, state, expiresAt, deletedAt }, secret.revision)),
      aliases: plan.aliases.map(({ alias, version }) => (version === undefined ? undefined : macAlias(key, secret.secretId, alias, version, secret.revision))),
    },
  }
}

/** Writes a plan, its audit record and its place in the change feed: one statement, one transaction. */
export const apply = (db: Queryable, change: Change, key: HmacKey): Promise<Applied> => applySigned(db, sign(change, key))

export const applySigned = async (db: Queryable, signed: SignedChange): Promise<Applied> => {
  const { change, macs } = signed
  const { plan, sealed } = change
  const { secret, newVersion } = plan
  const at = new Date(change.audit.at)
  const result = await db.query<{ status: Applied['status']; xid: string | null; answer: Record<string, unknown> | null }>(APPLY, [
    change.orgId, secret.secretId, plan.expectedRevision,
    rowJson(plan), macs.secret,
    newVersion?.version ?? null, secret.type, sealed?.ciphertext ?? null, sealed?.wrapped ?? null, sealed?.kekId ?? null, sealed?.kekVersion ?? null,
    newVersion?.state ?? null, sealed?.fingerprint ?? null, date(newVersion?.expiresAt), macs.version ?? null,
    JSON.stringify(versionChanges(signed)), JSON.stringify(aliasChanges(signed)),
    at, change.actor,
    change.audit.id, change.audit.record, change.audit.digest, change.audit.fields,
    change.idempotent?.keyMac ?? null, change.idempotent?.requestMac ?? null, change.idempotent?.answer ?? null,
  ], { name: 'secret_apply', commits: true })
  const row = result.rows[0]
  if (row === undefined) throw new Error('secret_apply returned nothing')
  if (row.status === 'ok') return { status: 'ok', xid: row.xid ?? '' }
  return row.status === 'repeated' ? { status: 'repeated', answer: row.answer ?? {} } : { status: row.status }
}

const APPLY = `select status, xid, answer from coffer.secret_apply(${Array.from({ length: 26 }, (_, i) => `$${i + 1}`).join(', ')})`

/** Several at once, each a change of its own (storage/migrations/0018). Gives the ids of the secrets that were written. */
export const applyMany = async (db: Queryable, orgId: string, { text, bytes }: { readonly text: string; readonly bytes: Buffer }): Promise<ReadonlySet<string>> => {
  const written = await db.query<{ secret_id: string }>('select secret_apply_many as secret_id from coffer.secret_apply_many($1, $2, $3)', [orgId, text, bytes], { name: 'secret_apply_many', commits: true })
  return new Set(written.rows.map(({ secret_id }) => secret_id))
}

/** What is known of several secrets: one statement. In the order of the addresses; undefined where there is none. */
export const lookupMany = async (db: Queryable, orgId: string, addresses: readonly SecretAddress[]): Promise<readonly (KnownRow | undefined)[]> => {
  const found = await db.query<KnownRow & { readonly n: number }>('select * from coffer.secret_lookup_many($1, $2, $3, $4)', [
    orgId, addresses.map(({ mountId }) => mountId), addresses.map(({ environment }) => environment), addresses.map(({ path }) => path),
  ], { name: 'secret_lookup_many' })
  const rows: (KnownRow | undefined)[] = addresses.map(() => undefined)
  for (const row of found.rows) rows[row.n - 1] = row
  return rows
}

const date = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms))
const iso = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

const rowJson = ({ secret }: Plan): Record<string, unknown> => ({
  mount_id: secret.mountId,
  environment: secret.environment,
  path: secret.path,
  type: secret.type,
  owner_team: secret.ownerTeam,
  description: secret.description,
  rotation_strategy: secret.rotationStrategy,
  custom_metadata: secret.customMetadata,
  settings: { ...secret.settings, sortOrder: secret.sortOrder },
  sort_order: secret.sortOrder,
  last_version: secret.lastVersion,
  deleted_at: iso(secret.deletedAt),
})

const versionChanges = ({ change: { plan }, macs }: SignedChange): readonly Record<string, unknown>[] =>
  plan.versions.map((change, index) => ({
    version: change.version.version,
    state: change.state,
    expires_at: iso(change.expiresAt),
    deleted_at: iso(change.deletedAt),
    mac: macs.versions[index]?.toString('hex'),
  }))

const aliasChanges = ({ change: { plan }, macs }: SignedChange): readonly Record<string, unknown>[] =>
  plan.aliases.map(({ alias, version }, index) => ({ alias, version: version ?? null, mac: macs.aliases[index]?.toString('hex') ?? null }))

export interface MovableRow {
  readonly secret_id: string
  readonly mount_id: string
  readonly environment: string
  readonly path: string
  readonly type: string
  readonly last_version: number
  readonly revision: number
  readonly deleted_at: Date | null
  readonly mac: Buffer
}

/** Rows below a path of the default environment, locked, for being taken into an environment of their own. */
export const lockBelow = async (tx: Queryable, orgId: string, mountId: string, slug: string): Promise<readonly MovableRow[]> => {
  const found = await tx.query<MovableRow>(
    "select secret_id, mount_id, environment, path, type, last_version, revision, deleted_at, mac from coffer.secrets where org_id = $1 and mount_id = $2 and environment = 'default' and path >= $3 || '/' and path < $3 || '0' for update",
    [orgId, mountId, slug],
  )
  return found.rows
}

export const relocate = async (tx: Queryable, orgId: string, secretId: string, to: { readonly environment: string; readonly path: string; readonly revision: number; readonly mac: Buffer }): Promise<void> => {
  await tx.query('update coffer.secrets set environment = $3, path = $4, revision = $5, mac = $6 where org_id = $1 and secret_id = $2', [orgId, secretId, to.environment, to.path, to.revision, to.mac])
}

/** Names directly below a folder, in bytewise order after a name: one statement. */
export const children = async (db: Queryable, address: SecretAddress, page: { readonly after: string; readonly limit: number }): Promise<readonly string[]> => {
  const found = await db.query<{ names: string }>('select * from coffer.secret_children($1, $2, $3, $4, $5, $6)', [address.orgId, address.mountId, address.environment, address.path, page.after, page.limit], { name: 'secret_children' })
  const row = found.rows[0]
  return row === undefined ? [] : (JSON.parse(row.names) as readonly string[]) // as the function makes it
}

/** Environments that hold a live secret, skipping from one to the next through the unique index. */
export const environmentsInUse = async (tx: Queryable, orgId: string, mountId: string): Promise<readonly string[]> => {
  const found = await tx.query<{ environment: string }>(
    `with recursive walk (environment) as (
       select min(environment) from coffer.secrets where org_id = $1 and mount_id = $2 and deleted_at is null
       union all
       select (select min(s.environment) from coffer.secrets s where s.org_id = $1 and s.mount_id = $2 and s.deleted_at is null and s.environment > walk.environment) from walk where walk.environment is not null)
     select environment from walk where environment is not null`,
    [orgId, mountId],
  )
  return found.rows.map(({ environment }) => environment)
}
