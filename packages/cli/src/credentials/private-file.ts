// Files that only their owner may read: written beside their place and renamed into it, refused when somebody else could
// have read or changed them.

import { constants } from 'node:fs'
import { chmod, link, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pid, getuid } from 'node:process'
import { CliFailure } from '../failure.ts'

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

/** Bytes of a file of ours with mode 0600, or undefined when there is none. @throws CliFailure */
export const readPrivate = async (path: string): Promise<Buffer | undefined> => {
  let file: FileHandle
  try {
    // O_NOFOLLOW: what is checked is what is read, and never a link that somebody put there.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new CliFailure('invalid_request', `${path} cannot be read (${String(codeOf(error))}).`, 'It must be a plain file of your own.', error)
  }
  try {
    const { mode, uid } = await file.stat()
    const owner = getuid?.()
    if (owner !== undefined && uid !== owner) throw new CliFailure('invalid_request', `${path} belongs to another user, so it is not used.`, `Remove it, or run the command as its owner.`)
    if (owner !== undefined && (mode & 0o777) !== 0o600) {
      throw new CliFailure('invalid_request', `${path} has mode 0${(mode & 0o777).toString(8)}, so others may have read it; it is not used.`, `Make it private with \`chmod 600 ${path}\`. If it could have been copied, \`coffer logout --revoke\` first.`)
    }
    return await file.readFile()
  } finally {
    await file.close()
  }
}

const writeBeside = async (path: string, bytes: Uint8Array): Promise<string> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await chmod(dirname(path), 0o700)
  const temporary = `${path}.${pid}.new`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  return temporary
}

/** Replaces the file in one step. */
export const writePrivate = async (path: string, bytes: Uint8Array): Promise<void> => {
  const temporary = await writeBeside(path, bytes)
  try {
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Makes the file unless another process was faster. */
export const createPrivate = async (path: string, bytes: Uint8Array): Promise<void> => {
  const temporary = await writeBeside(path, bytes)
  try {
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
