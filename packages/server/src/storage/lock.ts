// Advisory locks: named, held by a connection, and so released by PostgreSQL when their holder dies.

import type { Connection, Pool } from './pool.ts'

/** Names become 64-bit keys; a chance collision of two names costs concurrency, never correctness. */
const key = `hashtextextended($1, 0)`

/** Waits for the lock, runs `work` on the connection that holds it, lets go. `waitMs` bounds the wait (`storage.lock_timeout`). */
export const withAdvisoryLock = async <Result>(pool: Pool, name: string, work: (connection: Connection) => Promise<Result>, waitMs = 60_000): Promise<Result> =>
  holding(pool, async (connection) => {
    await connection.query(`select set_config('lock_timeout', $1, false)`, [String(waitMs)])
    await connection.query(`select pg_advisory_lock(${key})`, [name])
    await connection.query('reset lock_timeout')
    return unlockAfter(connection, name, work)
  })

/** As above without waiting: undefined when somebody else holds it. */
export const tryAdvisoryLock = async <Result>(pool: Pool, name: string, work: (connection: Connection) => Promise<Result>): Promise<Result | undefined> =>
  holding(pool, async (connection) => {
    const { rows } = await connection.query<{ got: boolean }>(`select pg_try_advisory_lock(${key}) as got`, [name])
    return rows[0]?.got === true ? unlockAfter(connection, name, work) : undefined
  })

/** The connection is closed after any failure: what it holds then is not known. */
const holding = async <Result>(pool: Pool, use: (connection: Connection) => Promise<Result>): Promise<Result> => {
  const connection = await pool.connect()
  let clean = false
  try {
    const result = await use(connection)
    clean = true
    return result
  } finally {
    connection.release(!clean)
  }
}

const unlockAfter = async <Result>(connection: Connection, name: string, work: (connection: Connection) => Promise<Result>): Promise<Result> => {
  const result = await work(connection)
  await connection.query(`select pg_advisory_unlock(${key})`, [name])
  return result
}
