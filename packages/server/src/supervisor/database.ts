// The database as the supervisor sees it: started here or reached by URL, found fit, brought to this release's schema.

import type { Config } from '../config/config.ts'
import type { Logger } from '../telemetry/logger.ts'
import { startEmbeddedDatabase } from '../storage/embedded/database.ts'
import { loadMigrations, migrate } from '../storage/migrate.ts'
import { Pool, type ConnectionSettings } from '../storage/pool.ts'
import { prepareExternalDatabase, type RuntimeRole } from '../storage/roles.ts'
import { checkServer } from '../storage/server-check.ts'
import { parseDatabaseUrl } from '../storage/url.ts'
import type { DatabaseAccess } from './control/protocol.ts'

export interface OpenDatabase {
  readonly access: DatabaseAccess
  stop(): Promise<void>
}

/** Resolves when the schema is this release's. Whatever was started is stopped again when that fails. */
export const openDatabase = async (config: Config, logger: Logger): Promise<OpenDatabase> => {
  const opened = config.database.url === undefined ? await startOwn(config, logger) : await reachExternal(config)
  try {
    await bringUpToDate(migratorOf(opened, config), config, logger)
    return opened
  } catch (error) {
    await opened.stop()
    throw error
  }
}

/** Elsewhere the URL's own user migrates: it is the one that may create in its database. It takes on the owner's role itself. */
const migratorOf = (opened: OpenDatabase, { database }: Config): ConnectionSettings => {
  const url = database.directUrl ?? database.url
  return url === undefined ? opened.access.direct.coffer_migrator : parseDatabaseUrl(url)
}

const forRoles = (settingsOf: (role: RuntimeRole) => ConnectionSettings): DatabaseAccess['pooled'] => ({
  coffer_app: settingsOf('coffer_app'),
  coffer_jobs: settingsOf('coffer_jobs'),
  coffer_audit: settingsOf('coffer_audit'),
  coffer_migrator: settingsOf('coffer_migrator'),
})

const startOwn = async (config: Config, logger: Logger): Promise<OpenDatabase> => {
  const database = await startEmbeddedDatabase({
    dataDirectory: config.dataDir,
    throwaway: config.mode === 'dev',
    log: (level, message) => logger[level](message),
  })
  logger.info('embedded database runs', { version: database.version, pid: database.pid, home: database.home })
  const connections = forRoles((role) => database.connectionFor(role))
  return { access: { pooled: connections, direct: connections }, stop: () => database.stop() }
}

/** The user of the URL takes on each part's role with SET ROLE; the first start makes the roles. */
const reachExternal = async ({ database }: Config): Promise<OpenDatabase> => {
  const pooled = parseDatabaseUrl(database.url ?? '')
  const direct = database.directUrl === undefined ? pooled : parseDatabaseUrl(database.directUrl)
  const pool = new Pool(direct, { max: 1 })
  try {
    await prepareExternalDatabase(pool)
  } finally {
    await pool.close()
  }
  const under = (settings: ConnectionSettings): DatabaseAccess['pooled'] => forRoles((role) => ({ ...settings, assumeRole: role }))
  return { access: { pooled: under(pooled), direct: under(direct) }, stop: async () => undefined }
}

const bringUpToDate = async (settings: ConnectionSettings, config: Config, logger: Logger): Promise<void> => {
  const pool = new Pool(settings, { max: 2 })
  try {
    const facts = await checkServer(pool, { allowVolatile: config.mode === 'dev' })
    const applied = await migrate(pool, await loadMigrations())
    logger.info('database is ready', { version: facts.version, migrationsApplied: applied.length, synchronousReplication: facts.synchronousReplication })
  } finally {
    await pool.close()
  }
}

