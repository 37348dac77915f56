// A pool of connections to one database under one role. It translates every failure (errors.ts), counts
// statements and round trips, and sends without waiting inside a transaction (the driver's pipelining), so that
// BEGIN costs no round trip of its own.

import pg from 'pg'
import { commitUnknown, translateError } from './errors.ts'
import { runTransaction } from './transaction.ts'
import { valueTypes } from './values.ts'
import type { Database, QueryCounters, QueryOptions, QueryResult, SqlValue, Transaction, TransactionOptions } from '../kernel/storage.ts'

/** Where a database is and as whom to reach it. `assumeRole` is taken on with SET ROLE semantics at connection start. */
export interface ConnectionSettings {
  /** A host name, or the directory of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password?: string
  readonly tls?: pg.ConnectionConfig['ssl']
  readonly assumeRole?: string
  readonly applicationName?: string
}

export interface PoolOptions {
  readonly max?: number
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /**
   * How long an answer may take before the connection is given up. The statement timeout is kept by the database, and says
   * nothing when that or the network to it is silent. Longer than the statement timeout; default: no limit.
   */
  readonly silenceMs?: number
  readonly idleTimeoutMs?: number
  /** Told of connections that fail while idle; those need no action, the pool replaces them. */
  readonly onIdleError?: (code: string) => void
}

/** The schema that holds everything of ours; `pg_temp` last, so that nobody's temporary table shadows one. */
export const schemaName = 'coffer'
const searchPath = `${schemaName},pg_temp`
const roleName = /^[a-z_][a-z0-9_$]{0,62}$/

/** The driver's settings for these connections, shared by the pool, LISTEN and the migrator. */
export const clientConfig = (settings: ConnectionSettings, options: PoolOptions = {}): pg.ClientConfig => {
  const { assumeRole } = settings
  if (assumeRole !== undefined && !roleName.test(assumeRole)) throw new TypeError('not a role name')
  const startup = [`search_path=${searchPath}`, `statement_timeout=${options.statementTimeoutMs ?? 30_000}`, 'timezone=UTC', 'idle_in_transaction_session_timeout=60000']
  if (assumeRole !== undefined) startup.push(`role=${assumeRole}`)
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    // A function keeps the driver from falling back on PGPASSWORD or ~/.pgpass.
    password: () => settings.password ?? '',
    ssl: settings.tls ?? false,
    options: startup.map((setting) => `-c ${setting}`).join(' '),
    application_name: settings.applicationName ?? 'coffer',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    ...(options.silenceMs === undefined ? {} : { query_timeout: options.silenceMs }),
    keepAlive: true,
    pipeline: true,
    types: valueTypes,
  }
}

export class Pool implements Database {
  readonly settings: ConnectionSettings
  readonly counters: QueryCounters = { statements: 0, roundTrips: 0, transactions: 0, retries: 0 }
  readonly #pool: pg.Pool

  constructor(settings: ConnectionSettings, options: PoolOptions = {}) {
    this.settings = settings
    this.#pool = new pg.Pool({ ...clientConfig(settings, options), max: options.max ?? 10, idleTimeoutMillis: options.idleTimeoutMs ?? 60_000 })
    this.#pool.on('error', (error: Error & { code?: string }) => options.onIdleError?.(error.code ?? 'lost'))
  }

  async query<Row = Record<string, never>>(text: string, values: readonly SqlValue[] = [], options: QueryOptions = {}): Promise<QueryResult<Row>> {
    if (options.commits === true) return this.#change<Row>(text, values, options)
    this.counters.statements += 1
    this.counters.roundTrips += 1
    try {
      const { rows, rowCount } = await this.#pool.query(statement(text, values, options))
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      throw translateError(error)
    }
  }

  /** The same in two steps: only what fails in the second may have done something. */
  async #change<Row>(text: string, values: readonly SqlValue[], options: QueryOptions): Promise<QueryResult<Row>> {
    const connection = await this.connect()
    try {
      const result = await connection.query<Row>(text, values, options)
      connection.release()
      return result
    } catch (error) {
      connection.release(true)
      throw commitUnknown(translateError(error))
    }
  }

  transaction<Result>(orgId: string | null, work: (transaction: Transaction) => Promise<Result>, options: TransactionOptions = {}): Promise<Result> {
    return runTransaction({ connect: () => this.connect(), counters: this.counters }, { orgId, work, options })
  }

  /** A connection of one's own, for session state such as advisory locks. Give it back with `release`; with an error it is closed instead. */
  async connect(): Promise<Connection> {
    try {
      return new Connection(await this.#pool.connect(), this.counters)
    } catch (error) {
      throw translateError(error)
    }
  }

  get idle(): number {
    return this.#pool.idleCount
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }
}

/** One checked-out connection. Statements issued without awaiting the one before share its round trip. */
export class Connection {
  readonly #client: pg.PoolClient
  readonly #counters: QueryCounters
  #inFlight = 0
  #released = false
  /** A connection can break while nothing is in flight on it; the next statement then reports it. */
  readonly #onError = (): void => undefined

  constructor(client: pg.PoolClient, counters: QueryCounters) {
    this.#client = client
    this.#counters = counters
    client.on('error', this.#onError)
  }

  async query<Row = Record<string, never>>(text: string, values: readonly SqlValue[] = [], options: QueryOptions = {}): Promise<QueryResult<Row> & { readonly command: string }> {
    this.#counters.statements += 1
    if (this.#inFlight === 0) this.#counters.roundTrips += 1
    this.#inFlight += 1
    try {
      const result: unknown = await this.#client.query(statement(text, values, options))
      // Several commands in one simple query give an array; the last one's result is what the caller asked for.
      const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult
      return { rows: last.rows as Row[], count: last.rowCount ?? 0, command: last.command } // the row shape is the caller's claim about its SQL
    } catch (error) {
      throw translateError(error)
    } finally {
      this.#inFlight -= 1
    }
  }

  /** Back to the pool; `broken` closes it, because its session state is not known to be clean. */
  release(broken = false): void {
    if (this.#released) return
    this.#released = true
    this.#client.off('error', this.#onError)
    this.#client.release(broken)
  }
}

const statement = (text: string, values: readonly SqlValue[], options: QueryOptions): pg.QueryConfig => ({
  text,
  ...(values.length > 0 || options.name !== undefined ? { values: [...values] } : {}),
  ...(options.name === undefined ? {} : { name: options.name }),
})
