// Where the cluster lives. Normally inside the data directory. When the database's account cannot pass through
// the data directory's parents, in root's directory outside, with a pointer left in the data directory. A
// pointer, once written, is followed: a second empty database must never appear beside the real one.

import { chmod, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import { ensureOutside, firstBarrier } from './reach.ts'
import type { Account } from './account.ts'
import type { Log } from './log.ts'

export interface PlaceRequest {
  readonly dataDirectory: string
  readonly account: Account
  readonly outside: string
  readonly log: Log
}

const pointerName = 'database-location'

/** The existing, reachable directory that holds the cluster, its configuration and its lock. */
export const findHome = async (request: PlaceRequest): Promise<string> => {
  await mkdir(request.dataDirectory, { recursive: true, mode: request.account.separate ? 0o711 : 0o700 })
  const data = await realpath(request.dataDirectory)
  const inside = join(data, 'database')
  const pointed = await readFile(join(data, pointerName), 'utf8').catch(() => undefined)
  if (pointed !== undefined) return follow(pointed.trim(), data)
  if (!request.account.separate) return makeHome(inside, 0o700)

  const barrier = await firstBarrier(dirname(data), request.account)
  if (barrier === undefined) {
    await openDataDirectory(data, request)
    return makeHome(inside, 0o711)
  }
  if (await exists(join(inside, 'cluster'))) {
    throw fail('unavailable', 'storage.unreachable_database', `The database in ${inside} runs as "${request.account.name}", which can no longer pass through ${barrier}. Allow it to (chmod o+x).`)
  }
  return placeOutside(data, barrier, request)
}

const follow = async (home: string, data: string): Promise<string> => {
  if (home.startsWith('/') && (await exists(home))) return home
  throw fail('unavailable', 'storage.database_missing', `${join(data, pointerName)} says that the database is in ${home}, but nothing is there. Restore that directory, or a backup.`)
}

const placeOutside = async (data: string, barrier: string, { account, outside, log }: PlaceRequest): Promise<string> => {
  await ensureOutside(outside)
  const home = await makeHome(join(outside, `database-${fingerprint(data)}`), 0o711)
  await writeFile(join(data, pointerName), `${home}\n`, { mode: 0o600 })
  log('info', `The database is placed in ${home}, because its account "${account.name}" cannot pass through ${barrier}.`)
  return home
}

/** The data directory is ours to open for passage; its parents are not. Files in it carry their own modes. */
const openDataDirectory = async (data: string, { account, log }: PlaceRequest): Promise<void> => {
  if ((await firstBarrier(data, account)) === undefined) return
  await chmod(data, ((await stat(data)).mode & 0o7777) | 0o001)
  log('info', `${data} may now be passed through (o+x), because the database in it runs as "${account.name}".`)
}

const makeHome = async (home: string, mode: number): Promise<string> => {
  await mkdir(home, { recursive: true, mode })
  await chmod(home, mode)
  return home
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** FNV-1a, 64 bits: names a directory after a path; two servers that start at once agree on it. */
const fingerprint = (text: string): string => {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
