// The embedded PostgreSQL as a whole: found, placed, locked, made, started, prepared, restarted when it dies,
// stopped. Whoever starts it owns it; there is one per data directory.

import { realpath, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool, type ConnectionSettings } from '../pool.ts'
import { createDatabase, loginRoles } from '../roles.ts'
import { findAccounts } from './account.ts'
import { findBinaries } from './binaries.ts'
import { configure, ensureCluster, superuser, writeRecord, type ClusterRequest } from './cluster.ts'
import { lockDirectory, type DirectoryLock } from './directory-lock.ts'
import { findHome } from './place.ts'
import { startPostmaster, stopLeftover, type Exit, type Postmaster, type PostmasterRequest } from './postmaster.ts'
import { outsideDirectory } from './reach.ts'
import { makeSocketDirectory } from './socket-directory.ts'
import type { Log } from './log.ts'

export type { Log, LogLevel } from './log.ts'

export interface EmbeddedOptions {
  readonly dataDirectory: string
  readonly log: Log
  /** No durability, and the data directory is removed with all that is in it when this process ends in whatever way. For tests and `--dev`. */
  readonly throwaway?: boolean
  /** Root's directory for what cannot be reached elsewhere. */
  readonly outside?: string
}

export interface EmbeddedDatabase {
  /** How to connect as one of the login roles, to the product's database or another of the cluster. */
  connectionFor(role: string, database?: string): ConnectionSettings
  readonly version: string
  /** Of the running server; changes with a restart. */
  readonly pid: number
  /** The directory that holds the cluster; outside the data directory where it could not be reached there. */
  readonly home: string
  /** Called when the server dies by itself. It is started again without being asked; queries in flight fail, later ones work. */
  onExit(listener: (exit: Exit) => void): void
  onRestart(listener: () => void): void
  stop(): Promise<void>
}

export const databaseName = 'coffer'

export const startEmbeddedDatabase = async (options: EmbeddedOptions): Promise<EmbeddedDatabase> => {
  const { log, throwaway = false, outside = outsideDirectory } = options
  const accounts = await findAccounts()
  const account = accounts.database
  const [binaries, home] = await Promise.all([
    findBinaries({ account, outside, log }),
    findHome({ dataDirectory: options.dataDirectory, account, outside, log }),
  ])
  const lock = await lockDirectory(home)
  let socketDirectory: string | undefined
  try {
    const base: ClusterRequest = { home, account, binaries, throwaway }
    await stopLeftover(base, log)
    const record = await ensureCluster(base)
    socketDirectory = await makeSocketDirectory(home, account)
    const configuration = await configure({ ...base, socketDirectory, serverUser: accounts.server, loginRoles: [superuser, ...loginRoles] })
    const removeAfterwards = throwaway ? [home, socketDirectory, await realpath(options.dataDirectory)] : []
    const request: RunRequest = { ...base, configuration, socketDirectory, removeAfterwards, log }
    const database = new RunningDatabase(request, lock, await startPostmaster(request))
    if (!record.prepared) {
      await prepare(database)
      await writeRecord(home, { ...record, prepared: true })
    }
    return database
  } catch (error) {
    if (socketDirectory !== undefined) await rm(socketDirectory, { recursive: true, force: true })
    await lock.release()
    throw error
  }
}

const prepare = async (database: RunningDatabase): Promise<void> => {
  const admin = new Pool(database.connectionFor(superuser, 'postgres'), { max: 1 })
  try {
    await createDatabase(admin, databaseName)
  } catch (error) {
    await admin.close()
    await database.stop()
    throw error
  }
  await admin.close()
}

interface RunRequest extends PostmasterRequest {
  readonly socketDirectory: string
}

const slowestRestartMs = 5_000

class RunningDatabase implements EmbeddedDatabase {
  readonly #request: RunRequest
  readonly #lock: DirectoryLock
  readonly #onExit: ((exit: Exit) => void)[] = []
  readonly #onRestart: (() => void)[] = []
  #postmaster: Postmaster
  #stopping = false
  #stopped: Promise<void> | undefined
  readonly #supervision: Promise<void>
  readonly #wake = new AbortController()

  constructor(request: RunRequest, lock: DirectoryLock, postmaster: Postmaster) {
    this.#request = request
    this.#lock = lock
    this.#postmaster = postmaster
    this.#supervision = this.#supervise()
  }

  get version(): string {
    return this.#request.binaries.version
  }

  get pid(): number {
    return this.#postmaster.pid
  }

  get home(): string {
    return this.#request.home
  }

  connectionFor(role: string, database = databaseName): ConnectionSettings {
    return { host: this.#request.socketDirectory, port: this.#request.configuration.port, database, user: role }
  }

  onExit(listener: (exit: Exit) => void): void {
    this.#onExit.push(listener)
  }

  onRestart(listener: () => void): void {
    this.#onRestart.push(listener)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping = true
    this.#wake.abort()
    await this.#postmaster.stop()
    await this.#supervision
    await rm(this.#request.socketDirectory, { recursive: true, force: true })
    await this.#lock.release()
    for (const directory of this.#request.removeAfterwards) await rm(directory, { recursive: true, force: true })
  }

  async #supervise(): Promise<void> {
    while (!this.#stopping) {
      const exit = await this.#postmaster.exited
      if (this.#stopping) return
      this.#request.log('error', `The embedded database ended unexpectedly (${exit.signal ?? `code ${exit.code}`}); it is started again.`)
      for (const listener of this.#onExit) listener(exit)
      await this.#restart()
    }
  }

  /** Backends of a killed server need a moment to notice; until then PostgreSQL refuses to start over them. */
  async #restart(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt += 1) {
      try {
        await stopLeftover(this.#request, this.#request.log)
        this.#postmaster = await startPostmaster(this.#request)
        if (this.#stopping) return await this.#postmaster.stop()
        this.#request.log('info', 'The embedded database runs again.')
        for (const listener of this.#onRestart) listener()
        return
      } catch (error) {
        this.#request.log('warn', error instanceof Error ? error.message : 'The embedded database did not start again.')
        await sleep(Math.min(50 * 2 ** attempt, slowestRestartMs), undefined, { signal: this.#wake.signal, ref: false }).catch(() => undefined)
      }
    }
  }
}
