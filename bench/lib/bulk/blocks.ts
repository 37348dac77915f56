// How many of the database's blocks a statement touches: what a busy machine does not change. The statements are the product's own, as its own role.

import type { Queryable } from '../../../packages/server/src/kernel/storage.ts'
import type { SecretAddress } from '../../../packages/server/src/kernel/secret-model.ts'
import * as repository from '../../../packages/server/src/services/secrets/repository.ts'
import { median } from '../figures.ts'
import type { InstalledServer } from '../server.ts'
import { connected, mountsOf } from './database.ts'
import { folderAt, PER_FOLDER, secretName } from './places.ts'

/** Explains instead of running, and keeps what was said. */
const explaining = (db: Queryable, told: number[]): Queryable => ({
  async query(sql, values) {
    const { rows } = await db.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off, summary off) ${sql}`, values)
    const [, hit = '0', read = '0'] = /shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(rows.map((row) => row['QUERY PLAN']).join('\n')) ?? []
    told.push(Number(hit) + Number(read))
    return { rows: [], count: 0 }
  },
})

export interface Blocks {
  readonly 'a look-up': number
  readonly 'a list of 100': number
  readonly 'the names of a folder of 100': number
}

/** Medians over some secrets, by their numbers. */
export const blocksOf = async (server: InstalledServer, secrets: readonly number[]): Promise<Blocks> => {
  const { orgId, mounts } = await mountsOf(server)
  const addresses = secrets.map((index) => {
    const { project, environment, path } = folderAt(Math.floor(index / PER_FOLDER))
    return { orgId, mountId: mounts[project] ?? '', project, environment, path: `${path}/${secretName(index % PER_FOLDER)}` }
  })
  return connected(server, 'coffer_app', (pool) => pool.transaction(orgId, (db) => blocksIn(db, addresses), { readOnly: true }))
}

const blocksIn = async (db: Queryable, addresses: readonly SecretAddress[]): Promise<Blocks> => {
  const told = { lookup: [] as number[], list: [] as number[], children: [] as number[] }
  for (const address of addresses) {
    const folder = { ...address, path: address.path.slice(0, address.path.lastIndexOf('/') + 1) }
    await repository.lookup(explaining(db, told.lookup), address, 'current')
    await repository.list(explaining(db, told.list), folder, { after: '', limit: 101, deleted: false })
    await repository.children(explaining(db, told.children), folder, { after: '', limit: 101 })
  }
  return { 'a look-up': median(told.lookup), 'a list of 100': median(told.list), 'the names of a folder of 100': median(told.children) }
}
