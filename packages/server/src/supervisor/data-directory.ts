// The data directory: made private, locked against a second server, given the id that this node keeps for life.

import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeUuidV7 } from '../crypto/random.ts'
import { fail } from '../kernel/errors.ts'
import { parseUuid } from '../lib/uuid.ts'
import { lockDirectory } from '../storage/embedded/directory-lock.ts'

export interface DataDirectory {
  readonly nodeId: string
  release(): Promise<void>
}

/** Groups and others get nothing, except passage where the embedded database's account needs it. */
const forbiddenBits = 0o066

export const openDataDirectory = async (directory: string): Promise<DataDirectory> => {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const { mode } = await stat(directory)
    if ((mode & forbiddenBits) !== 0) await chmod(directory, mode & 0o7711)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw fail('unavailable', 'supervisor.data_directory', `The data directory ${directory} cannot be used (${code}).`, { cause, field: 'data_dir' })
  }
  const lock = await lockDirectory(directory)
  try {
    return { nodeId: await findNodeId(directory), release: () => lock.release() }
  } catch (error) {
    await lock.release()
    throw error
  }
}

const findNodeId = async (directory: string): Promise<string> => {
  const path = join(directory, 'node-id')
  const known = await readText(path)
  if (known === undefined) {
    const made = makeUuidV7()
    await writePrivate(path, `${made}\n`)
    return made
  }
  const id = known.trim()
  if (parseUuid(id) === undefined) throw fail('unavailable', 'supervisor.bad_node_id', `${path} is damaged. Restore it from a backup: key file and audit streams are named after it.`)
  return id
}

/** Undefined when there is no such file. */
export const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** Whole or not at all, durable, readable by its owner only. */
export const writePrivate = async (path: string, text: string): Promise<void> => {
  const draft = `${path}.draft`
  await rm(draft, { force: true })
  await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true })
  await rename(draft, path)
}
