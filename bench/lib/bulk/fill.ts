// Fills a server's database with many secrets without asking the server: what it would have written, made by several processes and copied in.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { node } from '../places.ts'
import { call } from '../seed.ts'
import type { InstalledServer } from '../server.ts'
import type { CopyOrder } from './copy-process.ts'
import { connected, mountsOf, socketOf } from './database.ts'
import { projects } from './places.ts'

/** More than there are cores: while one waits for the database, another makes rows. */
const PROCESSES = 6

export const makeProjects = async ({ origin, root }: InstalledServer): Promise<void> => {
  for (const name of projects) await call(origin, 'POST', '/api/v1/projects', { name }, root)
}

const copy = (order: CopyOrder): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(node, ['--max-semi-space-size=32', '--conditions=coffer-source', join(import.meta.dirname, 'copy-process.ts')], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`filling ended with ${code}`))))
    child.stdin.end(JSON.stringify(order))
  })

export interface Filling {
  /** Numbers of folders. */
  readonly from: number
  readonly to: number
  readonly versions: number
}

/** Copies the secrets of a range of folders in, and then does what the database's upkeep would do within some minutes by itself. */
export const fill = async (server: InstalledServer, { from, to, versions }: Filling): Promise<void> => {
  const { mounts } = await mountsOf(server)
  const order = { host: socketOf(server), keyFile: server.keyFile, mounts, of: to, versions }
  const share = Math.ceil((to - from) / PROCESSES)
  await Promise.all(Array.from({ length: PROCESSES }, (_, index) => copy({ ...order, from: from + index * share, to: Math.min(to, from + (index + 1) * share) })))
  process.stdout.write('\n')
  await connected(server, 'postgres', async (admin) => {
    await admin.query('vacuum (analyze) coffer.secrets, coffer.secret_versions, coffer.secret_aliases')
    // Or else the server, when it is stopped, waits for all of it to be written.
    await admin.query('checkpoint')
  })
}
