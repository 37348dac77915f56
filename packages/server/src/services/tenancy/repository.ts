// SQL of organizations, mounts and environments.

import type { HmacKey } from '../../crypto/keys.ts'
import { fail } from '../../kernel/errors.ts'
import type { Queryable } from '../../kernel/storage.ts'
import type { Environment, Mount, Organization, OrgState } from '../../kernel/tenancy.ts'
import { macEnvironment, macMount, macOrganization, requireMac, type VersionedKey } from './rows.ts'

interface OrganizationRecord {
  readonly org_id: string
  readonly parent_id: string | null
  readonly slug: string
  readonly short_id: string
  readonly name: string
  readonly state: OrgState
  readonly home_region: string | null
  readonly epoch: number
  readonly created_at: Date
  readonly row_version: number
  readonly mac: Buffer
}

const organizationColumns = 'org_id, parent_id, slug, short_id, name, state, home_region, epoch, created_at, row_version, mac'

const readOrganization = (row: OrganizationRecord, keys: readonly VersionedKey[]): Organization => {
  const org: Organization = {
    orgId: row.org_id,
    parentId: row.parent_id ?? undefined,
    slug: row.slug,
    shortId: row.short_id,
    name: row.name,
    state: row.state,
    homeRegion: row.home_region ?? undefined,
    epoch: row.epoch,
    createdAt: row.created_at.getTime(),
  }
  requireMac(keys, `organization ${org.slug}`, row.mac, (key) => macOrganization(key, org, row.row_version))
  return org
}

export const findOrganization = async (db: Queryable, by: { readonly shortId: string } | { readonly orgId: string } | { readonly parentId: string; readonly slug: string }, keys: readonly VersionedKey[]): Promise<Organization | undefined> => {
  const [where, values] =
    'shortId' in by ? ['short_id = $1', [by.shortId]] : 'orgId' in by ? ['org_id = $1', [by.orgId]] : ['parent_id = $1 and slug = $2', [by.parentId, by.slug]]
  const found = await db.query<OrganizationRecord>(`select ${organizationColumns} from coffer.organizations where ${String(where)}`, values as string[])
  const row = found.rows[0]
  if (row === undefined) return undefined
  const org = readOrganization(row, keys)
  const isAsked = 'shortId' in by ? org.shortId === by.shortId : 'orgId' in by ? org.orgId === by.orgId : org.parentId === by.parentId && org.slug === by.slug
  // A MAC binds what a row is, not what it answers.
  if (!isAsked) throw fail('internal', 'row.integrity', 'The database answered with another organization than was asked for. It was changed outside the product; ask the operators to look at the audit log.')
  return org
}

export const listChildren = async (db: Queryable, parentId: string, after: string, limit: number, keys: readonly VersionedKey[]): Promise<readonly Organization[]> => {
  const found = await db.query<OrganizationRecord>(`select ${organizationColumns} from coffer.organizations where parent_id = $1 and slug > $2 and state <> 'shredded' order by slug limit $3`, [parentId, after, limit])
  return found.rows.map((row) => readOrganization(row, keys))
}

export const insertOrganization = async (db: Queryable, org: Organization, key: HmacKey): Promise<void> => {
  await db.query(
    'insert into coffer.organizations (org_id, parent_id, slug, short_id, name, state, home_region, epoch, created_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)',
    [org.orgId, org.parentId ?? null, org.slug, org.shortId, org.name, org.state, org.homeRegion ?? null, org.epoch, new Date(org.createdAt), macOrganization(key, org, 1)],
  )
}

/** Names have eight parts at most. */
const DEEPEST = 64

interface Held {
  readonly parent_id: string | null
  readonly state: OrgState
}

/**
 * Whether it and all that it is below are active, and stay so until the transaction is over: whoever moves one of them waits, and then finds what was made.
 * One that is being moved is waited for.
 */
export const holdActive = async (db: Queryable, orgId: string): Promise<boolean> => {
  let next: string | null = orgId
  for (let depth = 0; next !== null && depth < DEEPEST; depth += 1) {
    const held: { readonly rows: readonly Held[] } = await db.query<Held>('select parent_id, state from coffer.organizations where org_id = $1 for key share', [next])
    const row = held.rows[0]
    if (row?.state !== 'active') return false
    next = row.parent_id
  }
  return next === null
}

/** The ids of whatever is below it, however deep. */
export const idsBelow = async (db: Queryable, orgId: string): Promise<readonly string[]> => {
  const found = await db.query<{ readonly org_id: string }>(
    `with recursive below as (
       select org_id from coffer.organizations where parent_id = $1 and state <> 'shredded'
       union
       select o.org_id from coffer.organizations o join below b on o.parent_id = b.org_id where o.state <> 'shredded'
     ) select org_id from below`,
    [orgId],
  )
  return found.rows.map((row) => row.org_id)
}

/** From one state to another; that of a shredded one is a tombstone, whose id, slug and short id are never used again. False: it is in another state than that by now. */
export const moveOrganization = async (db: Queryable, org: Organization, state: OrgState, key: HmacKey): Promise<boolean> => {
  const { rows } = await db.query<{ row_version: number }>('select row_version from coffer.organizations where org_id = $1 and state = $2 for update', [org.orgId, org.state])
  const rowVersion = (rows[0]?.row_version ?? 0) + 1
  if (rows.length === 0) return false
  const moved: Organization = { ...org, state, epoch: org.epoch + 1 }
  await db.query('update coffer.organizations set state = $2, epoch = $3, row_version = $4, mac = $5 where org_id = $1', [org.orgId, state, moved.epoch, rowVersion, macOrganization(key, moved, rowVersion)])
  return true
}

/** Whether an organization of this slug is below one, whatever its state: slugs are never used again. */
export const childExists = async (db: Queryable, parentId: string, slug: string): Promise<boolean> => {
  const found = await db.query<{ present: boolean }>('select exists(select 1 from coffer.organizations where parent_id = $1 and slug = $2) as present', [parentId, slug])
  return found.rows[0]?.present === true
}

interface RegistryRow {
  readonly kind: 'mount' | 'environment'
  readonly id: string
  readonly mount_id: string
  readonly class: Mount['class']
  readonly path: string
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, unknown>>
  readonly protected: boolean
  readonly position: number
  readonly created_at: Date
  readonly row_version: number
  readonly mac: Buffer
}

/** Every live mount and environment of the transaction's organization: one statement. */
export const loadRegistry = async (db: Queryable, orgId: string, keys: readonly VersionedKey[]): Promise<{ readonly mounts: readonly Mount[]; readonly environments: readonly Environment[] }> => {
  const found = await db.query<RegistryRow>(
    `select 'mount' as kind, mount_id as id, mount_id, class, path, type, description, options, config, false as protected, 0 as position, created_at, row_version, mac
       from coffer.mounts where org_id = $1 and deleted_at is null
     union all
     select 'environment', environment_id, e.mount_id, 'secret', slug, '', name, '{}', '{}', protected, position, e.created_at, e.row_version, e.mac
       from coffer.environments e where e.org_id = $1`,
    [orgId],
  )
  const mounts: Mount[] = []
  const environments: Environment[] = []
  for (const row of found.rows) {
    if (row.kind === 'mount') {
      const mount: Mount = { mountId: row.id, class: row.class, path: row.path, type: row.type, description: row.description, options: row.options, config: row.config, createdAt: row.created_at.getTime(), rowVersion: row.row_version }
      requireMac(keys, `mount ${mount.path}`, row.mac, (key) => macMount(key, mount))
      mounts.push(mount)
    } else {
      const environment: Environment = { environmentId: row.id, mountId: row.mount_id, slug: row.path, name: row.description, protected: row.protected, position: row.position, createdAt: row.created_at.getTime(), rowVersion: row.row_version }
      requireMac(keys, `environment ${environment.slug}`, row.mac, (key) => macEnvironment(key, environment))
      environments.push(environment)
    }
  }
  environments.sort((a, b) => a.position - b.position || (a.slug < b.slug ? -1 : 1))
  mounts.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { mounts, environments }
}

export const insertMount = async (db: Queryable, orgId: string, mount: Mount, key: HmacKey): Promise<void> => {
  await db.query(
    'insert into coffer.mounts (org_id, mount_id, class, path, type, description, options, config, created_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
    [orgId, mount.mountId, mount.class, mount.path, mount.type, mount.description, mount.options, mount.config, new Date(mount.createdAt), mount.rowVersion, macMount(key, mount)],
  )
}

export const updateMount = async (db: Queryable, orgId: string, mount: Mount, key: HmacKey): Promise<void> => {
  await db.query('update coffer.mounts set path = $3, description = $4, options = $5, config = $6, row_version = $7, mac = $8 where org_id = $1 and mount_id = $2', [
    orgId, mount.mountId, mount.path, mount.description, mount.options, mount.config, mount.rowVersion, macMount(key, mount),
  ])
}

/** A mount by its id, also one that was disabled. */
export const findMount = async (db: Queryable, orgId: string, mountId: string, keys: readonly VersionedKey[]): Promise<Mount | undefined> => {
  const found = await db.query<RegistryRow>('select mount_id as id, class, path, type, description, options, config, created_at, row_version, mac from coffer.mounts where org_id = $1 and mount_id = $2', [orgId, mountId])
  const row = found.rows[0]
  if (row === undefined) return undefined
  const mount: Mount = { mountId: row.id, class: row.class, path: row.path, type: row.type, description: row.description, options: row.options, config: row.config, createdAt: row.created_at.getTime(), rowVersion: row.row_version }
  requireMac(keys, `mount ${mount.path}`, row.mac, (key) => macMount(key, mount))
  return mount
}

/** The mount is gone for everybody; what it held stays, bound to its id. */
export const dropMount = async (db: Queryable, orgId: string, mountId: string): Promise<void> => {
  await db.query('update coffer.mounts set deleted_at = now() where org_id = $1 and mount_id = $2', [orgId, mountId])
}

export const insertEnvironment = async (db: Queryable, orgId: string, environment: Environment, key: HmacKey): Promise<void> => {
  await db.query(
    'insert into coffer.environments (org_id, environment_id, mount_id, slug, name, protected, position, created_at, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    [orgId, environment.environmentId, environment.mountId, environment.slug, environment.name, environment.protected, environment.position, new Date(environment.createdAt), environment.rowVersion, macEnvironment(key, environment)],
  )
}

/** False: it is not the row that `environment` was made from any more. */
export const updateEnvironment = async (db: Queryable, orgId: string, environment: Environment, key: HmacKey): Promise<boolean> => {
  const updated = await db.query('update coffer.environments set name = $3, protected = $4, position = $5, row_version = $6, mac = $7 where org_id = $1 and environment_id = $2 and row_version = $6 - 1', [
    orgId, environment.environmentId, environment.name, environment.protected, environment.position, environment.rowVersion, macEnvironment(key, environment),
  ])
  return updated.count === 1
}

/** Whether any secret, deleted ones included, lives in an environment. */
export const environmentInUse = async (db: Queryable, orgId: string, mountId: string, slug: string): Promise<boolean> => {
  const found = await db.query<{ used: boolean }>('select exists(select 1 from coffer.secrets where org_id = $1 and mount_id = $2 and environment = $3) as used', [orgId, mountId, slug])
  return found.rows[0]?.used === true
}

export interface Absorbed {
  readonly secret_id: string
  readonly path: string
}

/** Secrets of the default environment whose path starts with the slug, or is it: what registering it would take in, or hide. */
export const absorbable = async (db: Queryable, orgId: string, mountId: string, slug: string, limit: number): Promise<readonly Absorbed[]> => {
  const found = await db.query<Absorbed>(
    "select secret_id, path from coffer.secrets where org_id = $1 and mount_id = $2 and environment = 'default' and (path = $3 or (path >= $3 || '/' and path < $3 || '0')) order by path limit $4",
    [orgId, mountId, slug, limit],
  )
  return found.rows
}

export const deleteEnvironment = async (db: Queryable, orgId: string, environmentId: string): Promise<void> => {
  await db.query('delete from coffer.environments where org_id = $1 and environment_id = $2', [orgId, environmentId])
}
