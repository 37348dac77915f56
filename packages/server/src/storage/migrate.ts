// Brings a schema to the version that this release knows. Files are ordered, checksummed and forward only, each
// in its own transaction; an advisory lock lets servers start at once. DDL waits for table locks only briefly,
// because everybody behind it in the queue would wait too, and tries again.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256Hex } from '../crypto/digest.ts'
import { fail } from '../kernel/errors.ts'
import { sqlstateOf, type Queryable } from '../kernel/storage.ts'
import { assetPath } from '../lib/node/places.ts'
import { withAdvisoryLock } from './lock.ts'
import type { Connection, Pool } from './pool.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly checksum: string
  readonly sql: string
}

interface Applied {
  readonly number: number
  readonly name: string
  readonly checksum: string
}

const ownMigrations = assetPath('storage/migrations')
const fileName = /^(\d{4})-([a-z0-9-]+)\.sql$/
const lockName = 'coffer/migrate'
const tableLockWait = '3s'
const attempts = 10

/** The migrations of this release, in order. Numbers run from 1 without gaps, so that a forgotten file is noticed. */
export const loadMigrations = async (directory = ownMigrations): Promise<readonly Migration[]> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (file, index) => {
      const [, digits, name] = fileName.exec(file) ?? []
      if (digits === undefined || name === undefined || Number(digits) !== index + 1) {
        throw fail('internal', 'storage.bad_migration_name', `The migration ${file} must be called ${String(index + 1).padStart(4, '0')}-what-it-does.sql.`)
      }
      const sql = await readFile(join(directory, file), 'utf8')
      return { number: index + 1, name, checksum: sha256Hex(sql), sql }
    }),
  )
}

/** Applies what is missing; resolves with the numbers applied. The pool's role is coffer_migrator, or the user of database.url. */
export const migrate = async (pool: Pool, migrations: readonly Migration[]): Promise<readonly number[]> =>
  withAdvisoryLock(pool, lockName, async (connection) => {
    const applied = await readApplied(connection)
    checkHistory(applied, migrations)
    const missing = migrations.slice(applied.length)
    for (const migration of missing) await applyPatiently(connection, migration)
    return missing.map(({ number }) => number)
  }, 120_000)

/**
 * For a server that does not migrate itself: accepts the schema it knows and the one before (an upgrade in progress);
 * refuses newer, older, and histories that differ.
 */
export const checkSchema = async (connection: Queryable, migrations: readonly Migration[]): Promise<void> => {
  const applied = await readApplied(connection)
  checkHistory(applied, migrations)
  if (applied.length < migrations.length - 1 || applied.length === 0) {
    throw fail('unavailable', 'storage.schema_too_old', `The database's schema is at version ${applied.length}; this release needs ${migrations.length} or the one before. Let it migrate first.`)
  }
}

const readApplied = async (connection: Queryable): Promise<readonly Applied[]> => {
  const { rows } = await connection.query<{ present: boolean }>(`select to_regclass('coffer.schema_migrations') is not null as present`)
  if (rows[0]?.present !== true) return []
  return (await connection.query<Applied>('select number, name, checksum from coffer.schema_migrations order by number')).rows
}

const checkHistory = (applied: readonly Applied[], known: readonly Migration[]): void => {
  if (applied.length > known.length) {
    throw fail('unavailable', 'storage.schema_too_new', `The database's schema is at version ${applied.length}, newer than the ${known.length} that this release knows. Run the newer release.`)
  }
  for (const [index, { number, name, checksum }] of applied.entries()) {
    const file = known[index]
    if (file === undefined || file.number !== number || file.checksum !== checksum) {
      throw fail('unavailable', 'storage.migration_changed', `Migration ${number} (${name}) differs from the one that was applied to this database. Applied migrations never change; restore the file.`)
    }
  }
}

const applyPatiently = async (connection: Connection, migration: Migration): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await apply(connection, migration)
    } catch (error) {
      const state = sqlstateOf(error)
      if (state !== '55P03' && state !== '40P01') throw failed(migration, error)
      if (attempt === attempts) throw failed(migration, error)
      await sleep(500)
    }
  }
}

const failed = ({ number, name }: Migration, cause: unknown) =>
  fail('unavailable', 'storage.migration_failed', `Migration ${number} (${name}) failed and was rolled back (SQLSTATE ${sqlstateOf(cause) ?? 'unknown'}).`, { cause })

/** The table of what was applied lives in the schema that the first migration creates, so it is made in that same transaction. */
const apply = async (connection: Connection, { number, name, checksum, sql }: Migration): Promise<void> => {
  await connection.query('begin')
  try {
    await connection.query(`set local lock_timeout = '${tableLockWait}'; set local statement_timeout = 0`)
    await connection.query(sql)
    await connection.query(`set local role coffer_owner;
      create table if not exists coffer.schema_migrations (
        number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now());
      grant select on coffer.schema_migrations to coffer_app, coffer_jobs, coffer_audit`)
    await connection.query('insert into coffer.schema_migrations (number, name, checksum) values ($1, $2, $3)', [number, name, checksum])
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => undefined)
    throw error
  }
}
