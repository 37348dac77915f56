// The embedded database of a server under the bench, from outside.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from '../../../packages/server/src/storage/pool.ts'
import type { InstalledServer } from '../server.ts'

/** The directory of the database's socket; another one after each start. */
export const socketOf = ({ data }: InstalledServer): string => {
  const pointer = join(data, 'database-location')
  const home = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(data, 'database')
  return readFileSync(join(home, 'socket-directory'), 'utf8').trim()
}

/** As the embedded database's own superuser, or as one of the product's roles. */
export const connected = async <Result>(server: InstalledServer, user: 'postgres' | 'coffer_app', work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  const pool = new Pool({ host: socketOf(server), port: 5432, database: 'coffer', user }, { max: 1, statementTimeoutMs: 0 })
  try {
    return await work(pool)
  } finally {
    await pool.close()
  }
}

/** Mounts of projects by name, and the organization that they belong to. */
export const mountsOf = (server: InstalledServer): Promise<{ readonly orgId: string; readonly mounts: Readonly<Record<string, string>> }> =>
  connected(server, 'postgres', async (admin) => {
    const { rows } = await admin.query<{ org: string; id: string; path: string }>("select org_id as org, mount_id as id, path from coffer.mounts where class = 'secret'")
    return { orgId: rows[0]?.org ?? '', mounts: Object.fromEntries(rows.map(({ id, path }) => [path.replace(/\/$/, ''), id])) }
  })
