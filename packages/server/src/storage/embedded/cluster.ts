// The cluster's files: made once by initdb, under a name that becomes final only when it is complete and on
// disk; checked against the programs' major version; and configured from outside the directory that the
// database's account can write.

import { chown, lstat, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import { run } from './process.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

/** The cluster's own superuser: creates roles and the database, migrates nothing, serves no request. */
export const superuser = 'postgres'

export interface ClusterRequest {
  readonly home: string
  readonly account: Account
  readonly binaries: Binaries
  readonly throwaway: boolean
}

/** What is recorded beside the cluster. `prepared` is set once roles and database exist. */
export interface ClusterRecord {
  readonly format: 1
  readonly major: number
  readonly version: string
  readonly prepared: boolean
}

export const clusterDirectory = (home: string): string => join(home, 'cluster')

/** Finds or makes the cluster. The caller holds the directory's lock. */
export const ensureCluster = async (request: ClusterRequest): Promise<ClusterRecord> => {
  const { home, binaries } = request
  const cluster = clusterDirectory(home)
  const found = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined))?.trim()
  if (found === undefined) {
    if (await lstat(cluster).catch(() => undefined)) throw fail('unavailable', 'storage.damaged_cluster', `${cluster} exists but is not a PostgreSQL cluster (PG_VERSION cannot be read). Restore it from a backup.`)
    await initialise(request)
  } else if (found !== String(binaries.major)) {
    throw fail('unavailable', 'storage.wrong_major_version', `The database in ${home} belongs to PostgreSQL ${found}, but this release brings PostgreSQL ${binaries.version}. Export it with the release that made it, or upgrade it with pg_upgrade.`)
  }
  const record: ClusterRecord = { format: 1, major: binaries.major, version: binaries.version, prepared: await isPrepared(home) }
  await writeRecord(home, record)
  return record
}

/** Replaces the record atomically. */
export const writeRecord = async (home: string, record: ClusterRecord): Promise<void> => {
  const path = join(home, 'database.json')
  await writeFile(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

const isPrepared = async (home: string): Promise<boolean> => {
  const text = await readFile(join(home, 'database.json'), 'utf8').catch(() => '{}')
  try {
    const record: unknown = JSON.parse(text)
    return typeof record === 'object' && record !== null && 'prepared' in record && record.prepared === true
  } catch {
    return false // preparing again is harmless
  }
}

const initialise = async ({ home, account, binaries, throwaway }: ClusterRequest): Promise<void> => {
  const draft = join(home, 'cluster.new')
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  if (account.separate) await chown(draft, account.uid, account.gid)
  const argv = ['-D', draft, '-U', superuser, '--auth=peer', '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions', '--data-checksums']
  const outcome = await run(account, binaries.initdb, throwaway ? [...argv, '--no-sync'] : argv)
  if (!outcome.ok) throw fail('unavailable', 'storage.initdb_failed', `PostgreSQL could not make a new cluster in ${home}: ${outcome.output.split('\n').at(-1) ?? ''}`)
  await rename(draft, clusterDirectory(home))
  await syncDirectory(home)
}

const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export interface Configuration {
  readonly configFile: string
  readonly port: number
}

export interface ConfigurationRequest extends ClusterRequest {
  readonly socketDirectory: string
  /** The operating system user whose connections are accepted, and the login roles it may take. */
  readonly serverUser: string
  readonly loginRoles: readonly string[]
}

/**
 * Writes the three configuration files. They lie outside the cluster: as root we never write through a path that
 * the database's account could have replaced by a link. The only way in is the socket, by peer authentication.
 */
export const configure = async (request: ConfigurationRequest): Promise<Configuration> => {
  const directory = join(request.home, 'config')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const files = {
    'pg_hba.conf': 'local all all peer map=coffer\n',
    'pg_ident.conf': request.loginRoles.map((role) => `coffer "${request.serverUser}" ${role}\n`).join(''),
    'postgresql.conf': `${settings(request, directory).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`).join('\n')}\n`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o644 })
  return { configFile: join(directory, 'postgresql.conf'), port: 5432 }
}

const settings = ({ socketDirectory, throwaway }: ConfigurationRequest, directory: string): [string, string | number][] => {
  const durable = throwaway ? 'off' : 'on'
  const megabytes = Math.floor(totalmem() / 1024 / 1024)
  const sharedBuffers = Math.min(Math.max(Math.floor(megabytes / 16), 32), 256)
  return [
    ['listen_addresses', ''],
    ['port', 5432],
    ['unix_socket_directories', socketDirectory],
    ['unix_socket_permissions', '0700'],
    ['hba_file', join(directory, 'pg_hba.conf')],
    ['ident_file', join(directory, 'pg_ident.conf')],
    ['max_connections', 200],
    // Durability. A throw-away cluster lives only as long as its process.
    ['fsync', durable],
    ['full_page_writes', durable],
    ['synchronous_commit', durable],
    // Small machines: no parallel workers, asynchronous I/O workers or just-in-time compiler for short statements.
    ['shared_buffers', `${sharedBuffers}MB`],
    ['effective_cache_size', `${Math.max(Math.floor(megabytes / 4), 64)}MB`],
    ['work_mem', '4MB'],
    ['maintenance_work_mem', '32MB'],
    ['min_wal_size', '64MB'],
    ['max_wal_size', '512MB'],
    ['wal_compression', 'on'],
    ['io_method', 'sync'],
    ['max_worker_processes', 4],
    ['max_logical_replication_workers', 0],
    ['max_parallel_workers_per_gather', 0],
    ['autovacuum_max_workers', 2],
    ['jit', 'off'],
    ['huge_pages', 'off'],
    // Statements and values stay out of the log: neither on errors (their DETAIL quotes rows) nor for slowness.
    ['log_min_messages', 'warning'],
    ['log_min_error_statement', 'panic'],
    ['log_error_verbosity', 'terse'],
    ['log_statement', 'none'],
    ['log_parameter_max_length', 0],
    ['log_parameter_max_length_on_error', 0],
    ['log_line_prefix', ''],
    ['timezone', 'UTC'],
    ['log_timezone', 'UTC'],
    ['lc_messages', 'C'],
    ['default_text_search_config', 'pg_catalog.simple'],
    ['datestyle', 'iso, ymd'],
    // A client that vanished without closing its socket is noticed while its statement runs.
    ['client_connection_check_interval', '2s'],
  ]
}
