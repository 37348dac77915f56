// The short private directory of the database's Unix socket. A socket's path is at most 107 bytes (103 on
// macOS) and PostgreSQL refuses longer ones, so it cannot lie in the data directory.

import { chown, lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { platform } from 'node:process'
import { fail } from '../../kernel/errors.ts'
import { firstBarrier } from './reach.ts'
import type { Account } from './account.ts'

const longestPath = platform === 'darwin' ? 103 : 107
const longestDirectory = longestPath - '/.s.PGSQL.5432'.length
const namePattern = /^coffer-pg-[0-9A-Za-z]{6}$/

/** Candidates in order of preference; `/run` is never cleaned by age, unlike temporary directories. */
export const socketParents = (): string[] => [...(process.getuid?.() === 0 && platform === 'linux' ? ['/run'] : []), tmpdir(), '/tmp']

/** Makes the directory, 0700 and the account's own, and removes the one that a killed server left. */
export const makeSocketDirectory = async (home: string, account: Account, parents = socketParents()): Promise<string> => {
  const record = join(home, 'socket-directory')
  await removeLeft(record, account)
  for (const parent of parents) {
    if (Buffer.byteLength(join(parent, 'coffer-pg-XXXXXX')) > longestDirectory) continue
    const directory = await tryMake(parent, account)
    if (directory === undefined) continue
    await writeFile(record, `${directory}\n`, { mode: 0o600 })
    return directory
  }
  throw fail('unavailable', 'storage.no_socket_directory', `No short directory for the database's socket could be made in ${parents.join(' or ')}.`)
}

const tryMake = async (parent: string, account: Account): Promise<string | undefined> => {
  let directory: string | undefined
  try {
    if (account.separate && (await firstBarrier(parent, account)) !== undefined) return undefined
    directory = await mkdtemp(join(parent, 'coffer-pg-')) // 0700
    if (account.separate) await chown(directory, account.uid, account.gid)
    return directory
  } catch {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
    return undefined // not writable: the next candidate
  }
}

/** Only a directory that looks like one of ours, by name and owner, is removed. */
const removeLeft = async (record: string, account: Account): Promise<void> => {
  const left = (await readFile(record, 'utf8').catch(() => '')).trim()
  if (!namePattern.test(basename(left)) || !socketParents().includes(dirname(left))) return
  const facts = await lstat(left).catch(() => undefined)
  if (facts?.isDirectory() === true && facts.uid === account.uid) await rm(left, { recursive: true, force: true })
}
