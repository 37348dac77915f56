// A fresh database for a test: cloned from a migrated template, on a real PostgreSQL, dropped afterwards.
//
//   const database = await testDatabase(t)          inside a test: one for this test
//   const database = await testDatabase({ after })  at the top of a file: one for the file (`after` of node:test; not inside a hook)

import { sha256Hex } from '../../crypto/digest.ts'
import { loadMigrations, migrate, type Migration } from '../../storage/migrate.ts'
import { withAdvisoryLock } from '../../storage/lock.ts'
import { Pool, type ConnectionSettings } from '../../storage/pool.ts'
import { createDatabase, identifier, restrictDatabase, type RuntimeRole } from '../../storage/roles.ts'
import { findTestServer, type TestServer } from './server.ts'

const superuser = 'postgres'

export interface TestDatabase {
  readonly name: string
  /** As the parts of the server run. */
  readonly app: Pool
  readonly jobs: Pool
  readonly audit: Pool
  readonly migrator: Pool
  /** Sees everything, whatever row-level security says. For looking, never for what is under test. */
  readonly superuser: Pool
  /** For whatever makes its own connections: LISTEN, child processes. */
  settingsFor(role: RuntimeRole | 'postgres'): ConnectionSettings
}

/** What the harness needs of a test: `t`, or `{ after }` of node:test for a whole file. */
export interface TestScope {
  after(cleanUp: () => Promise<void>): void
}

export interface TestDatabaseOptions {
  /** An empty database without our schema, for tests of the migrations themselves. */
  readonly empty?: boolean
}

let server: Promise<TestServer> | undefined
let numbered = 0

export const testDatabase = async (scope: TestScope, options: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  server ??= findTestServer()
  const { connectionFor } = await server
  const cluster = new Pool(connectionFor(superuser, 'postgres'), { max: 2 })
  numbered += 1
  const name = `test_${process.pid}_${numbered}`
  try {
    if (options.empty === true) {
      await createDatabase(cluster, name)
    } else {
      const template = await ensureTemplate(cluster, connectionFor)
      // Copying files is quicker than copying through the log here, where nothing waits for the disk.
      await cluster.query(`create database ${identifier(name)} template ${identifier(template)} strategy file_copy`)
      await restrictDatabase(cluster, name)
    }
  } catch (error) {
    await cluster.close()
    throw error
  }
  const settingsFor = (role: string): ConnectionSettings => connectionFor(role, name)
  const pools = {
    app: new Pool(settingsFor('coffer_app')),
    jobs: new Pool(settingsFor('coffer_jobs')),
    audit: new Pool(settingsFor('coffer_audit')),
    migrator: new Pool(settingsFor('coffer_migrator')),
    superuser: new Pool(settingsFor(superuser)),
  }
  scope.after(async () => {
    for (const pool of Object.values(pools)) await pool.close()
    await cluster.query(`drop database if exists ${identifier(name)} with (force)`)
    await cluster.close()
  })
  return { name, ...pools, settingsFor }
}

/** Made once per set of migrations and cluster, by whichever process comes first; complete when it has its name. */
const ensureTemplate = async (cluster: Pool, connectionFor: TestServer['connectionFor']): Promise<string> => {
  const migrations = await loadMigrations()
  const name = `coffer_template_${sha256Hex(migrations.map(({ checksum }) => checksum).join()).slice(0, 16)}`
  if (await databaseExists(cluster, name)) return name
  await withAdvisoryLock(cluster, 'coffer/test-template', async () => {
    if (!(await databaseExists(cluster, name))) await makeTemplate(cluster, name, { connectionFor, migrations })
  })
  return name
}

const makeTemplate = async (cluster: Pool, name: string, from: { connectionFor: TestServer['connectionFor']; migrations: readonly Migration[] }): Promise<void> => {
  const draft = `${name}_draft`
  await cluster.query(`drop database if exists ${identifier(draft)} with (force)`)
  await createDatabase(cluster, draft)
  const migrator = new Pool(from.connectionFor('coffer_migrator', draft), { max: 1 })
  try {
    await migrate(migrator, from.migrations)
  } finally {
    await migrator.close()
  }
  await cluster.query(`alter database ${identifier(draft)} rename to ${identifier(name)}`)
}

const databaseExists = async (cluster: Pool, name: string): Promise<boolean> => {
  const { rows } = await cluster.query<{ present: boolean }>('select exists (select from pg_database where datname = $1) as present', [name])
  return rows[0]?.present === true
}
