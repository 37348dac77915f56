// The database roles. coffer_owner owns every object and never logs in; the others are what the server's parts
// run as, each with its own grants (migrations), so that a fault in one cannot do another's work.

import { fail } from '../kernel/errors.ts'
import { sqlstateOf, type Queryable } from '../kernel/storage.ts'

export type RuntimeRole = 'coffer_app' | 'coffer_jobs' | 'coffer_audit' | 'coffer_migrator'

/** Roles that a connection may have: by logging in to the embedded database, by SET ROLE on an external one. */
export const loginRoles: readonly RuntimeRole[] = ['coffer_app', 'coffer_jobs', 'coffer_audit', 'coffer_migrator']
export const ownerRole = 'coffer_owner'
const allRoles: readonly string[] = [ownerRole, ...loginRoles]

/** In a cluster of our own, as its superuser: roles that log in, and an empty database that only they may enter. */
export const createDatabase = async (admin: Queryable, name: string): Promise<void> => {
  await createMissingRoles(admin, 'login')
  const { rows } = await admin.query<{ present: boolean }>('select exists (select from pg_database where datname = $1) as present', [name])
  if (rows[0]?.present !== true) await admin.query(`create database ${identifier(name)} template template0`)
  await restrictDatabase(admin, name)
}

/** Who may enter a database and make schemas in it. */
export const restrictDatabase = async (admin: Queryable, name: string): Promise<void> => {
  const database = identifier(name)
  await admin.query(
    `revoke all on database ${database} from public; grant connect on database ${database} to ${loginRoles.join(', ')};
     grant create on database ${database} to coffer_migrator`,
  )
}

/**
 * In a database that somebody else runs, as the user of `database.url`: creates roles that are missing and lets this
 * user take them on. Says what to grant when the user may not.
 */
export const prepareExternalDatabase = async (connection: Queryable): Promise<void> => {
  await createMissingRoles(connection, 'nologin')
  const { rows } = await connection.query<{ role: string; mine: boolean }>(
    `select rolname as role, pg_has_role(current_user, oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
        and pg_has_role(current_user, oid, 'USAGE') as mine
     from pg_roles where rolname = any($1)`,
    [allRoles],
  )
  for (const { role, mine } of rows) {
    if (!mine) await explained(connection.query(`grant ${identifier(role)} to current_user`), `grant ${role} to it`)
  }
  const { rows: rights } = await connection.query<{ may: boolean }>(`select has_database_privilege(current_database(), 'CREATE') as may`)
  if (rights[0]?.may !== true) throw lacking('grant it CREATE on the database')
}

/** Two servers may start at once; the loser of the race finds the role made. */
const createMissingRoles = async (connection: Queryable, login: 'login' | 'nologin'): Promise<void> => {
  const { rows } = await connection.query<{ rolname: string }>('select rolname from pg_roles where rolname = any($1)', [allRoles])
  const present = new Set(rows.map(({ rolname }) => rolname))
  for (const role of allRoles) {
    if (present.has(role)) continue
    await explained(connection.query(`create role ${identifier(role)} ${role === ownerRole ? 'nologin' : login}`), `grant it CREATEROLE, or create these roles: ${allRoles.join(', ')}`)
  }
  if (!present.has(ownerRole) || !present.has('coffer_migrator')) {
    await explained(connection.query(`grant ${ownerRole} to coffer_migrator`), `grant ${ownerRole} to coffer_migrator`)
  }
}

const explained = async (running: Promise<unknown>, remedy: string): Promise<void> => {
  try {
    await running
  } catch (error) {
    const state = sqlstateOf(error)
    if (state === '42710' || state === '23505') return // made by another server meanwhile
    if (state === '42501') throw lacking(remedy, error)
    throw error
  }
}

const lacking = (remedy: string, cause?: unknown) =>
  fail('unavailable', 'storage.missing_privilege', `The user of database.url lacks a right that the first start needs: ${remedy}.`, { cause })

/** Names here are our own constants or generated; anything else is a mistake. */
export const identifier = (name: string): string => {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new TypeError('not a plain identifier')
  return name
}
