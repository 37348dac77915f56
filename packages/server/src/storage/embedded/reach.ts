// Whether another account can reach a path, and directories outside that it can always reach. "Outside" is
// root's own place: nobody else may write there, anybody may pass through to a path that it knows.

import { chmod, lstat, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import type { Account } from './account.ts'

export const outsideDirectory = '/var/lib/coffer'

/** The first directory, from the root down to and including `path`, that the account may not pass through; undefined when all are open. */
export const firstBarrier = async (path: string, account: Account): Promise<string | undefined> => {
  const chain: string[] = []
  for (let at = path; ; at = dirname(at)) {
    chain.unshift(at)
    if (at === dirname(at)) break
  }
  for (const directory of chain) {
    const { mode, uid, gid } = await stat(directory)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return directory
  }
  return undefined
}

/** Makes (or verifies) a directory of root's that others may pass through but not list or change. */
export const ensureOutside = async (directory: string): Promise<void> => {
  const made = await mkdir(directory, { recursive: true, mode: 0o711 })
  if (made !== undefined) await chmod(directory, 0o711) // the umask may have taken the x bits away
  const facts = await lstat(directory)
  if (!facts.isDirectory() || facts.uid !== process.getuid?.() || (facts.mode & 0o022) !== 0) {
    throw fail('unavailable', 'storage.unsafe_directory', `${directory} must be a directory that only the server's user can write. The embedded database would not be safe there.`)
  }
  if ((facts.mode & 0o111) !== 0o111) await chmod(directory, (facts.mode & 0o7777) | 0o111)
}
