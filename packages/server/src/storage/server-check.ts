// What the database server must be before a secret is entrusted to it.

import { fail } from '../kernel/errors.ts'
import type { Queryable } from '../kernel/storage.ts'

export interface ServerFacts {
  /** For example `18.4`. */
  readonly version: string
  readonly major: number
  /** A standby that replays; writes fail there. */
  readonly standby: boolean
  /** Whether a commit waits for a second server; without, acknowledged writes can be lost in a failover. */
  readonly synchronousReplication: boolean
}

const oldestMajor = 15

interface Row {
  readonly number: number
  readonly version: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
  readonly synchronous_standby_names: string
  readonly encoding: string
  readonly standby: boolean
}

/** Checks version and durability settings; the error lists everything that is wrong at once. */
export const checkServer = async (connection: Queryable, options: { readonly allowVolatile?: boolean } = {}): Promise<ServerFacts> => {
  const { rows } = await connection.query<Row>(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
       current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit, current_setting('synchronous_standby_names') as synchronous_standby_names,
       current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby`,
  )
  const row = rows[0]
  if (row === undefined) throw fail('unavailable', 'storage.unavailable', 'The database did not answer a question about itself.')
  const major = Math.floor(row.number / 10_000)
  const wrong = problems(row, major, options.allowVolatile ?? false)
  if (wrong.length > 0) throw fail('unavailable', 'storage.unfit_server', `The database server is not fit: ${wrong.join('; ')}.`)
  return {
    version: row.version.split(' ')[0] ?? row.version,
    major,
    standby: row.standby,
    synchronousReplication: row.synchronous_standby_names !== '' && row.synchronous_commit !== 'local',
  }
}

const problems = (row: Row, major: number, allowVolatile: boolean): string[] => {
  const wrong: string[] = []
  if (major < oldestMajor) wrong.push(`it is PostgreSQL ${row.version}, and ${oldestMajor} or newer is needed`)
  if (row.encoding !== 'UTF8') wrong.push(`the database's encoding is ${row.encoding}, and UTF8 is needed`)
  if (allowVolatile) return wrong
  if (row.fsync !== 'on') wrong.push('fsync is off, so a power loss would destroy data')
  if (row.full_page_writes !== 'on') wrong.push('full_page_writes is off, so a power loss could damage pages')
  if (row.synchronous_commit === 'off') wrong.push('synchronous_commit is off, so acknowledged writes could be lost')
  return wrong
}
