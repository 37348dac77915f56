// Where `server --dev` keeps what it needs while it runs. Removed at exit; what a killed one left is removed by the next.

import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { lockDirectory } from '../storage/embedded/directory-lock.ts'

const prefix = 'coffer-dev-'
/** A directory this young may be of a server that has made it and not locked it yet. */
const settledMs = 60_000

/** Makes the directory tree and answers the data directory in it. As root, the database's own account must be able to pass through. */
export const makeDevDirectory = (): string => {
  const base = mkdtempSync(join(tmpdir(), prefix))
  if (process.getuid?.() === 0) chmodSync(base, 0o711)
  const data = join(base, 'data')
  mkdirSync(data, { mode: 0o700 })
  return data
}

/** The key lies beside the data and not in it, as everywhere. */
export const devKeyFile = (dataDirectory: string): string => join(dirname(dataDirectory), 'key')

export interface DevDirectory {
  remove(): Promise<void>
}

/** Marks the tree as in use, and removes trees of servers that are gone. */
export const claimDevDirectory = async (dataDirectory: string, clock: Clock): Promise<DevDirectory> => {
  const base = dirname(dataDirectory)
  const lock = await lockDirectory(base)
  await removeAbandoned(clock)
  return {
    async remove() {
      await lock.release()
      await rm(base, { recursive: true, force: true })
    },
  }
}

const removeAbandoned = async (clock: Clock): Promise<void> => {
  const parent = tmpdir()
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    const path = join(parent, name)
    const facts = await lstat(path).catch(() => undefined)
    if (facts === undefined || !facts.isDirectory() || facts.uid !== process.getuid?.() || clock.wall() - facts.mtimeMs < settledMs) continue
    // The lock answers for its holder as long as that lives; no process id is asked about that may be somebody else's by now.
    const lock = await lockDirectory(path).catch(() => undefined)
    if (lock === undefined) continue
    await lock.release()
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}
