// A small file that nobody but this account may read. It is checked through the open descriptor, so that what was checked is what is read, and
// made durable before anything depends on it.

import { constants } from 'node:fs'
import { mkdir, open, realpath, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fail, quote } from '../../kernel/errors.ts'

export interface FilePlace {
  readonly path: string
  /** The file may not lie in here, where backups would take it along. */
  readonly dataDirectory?: string | undefined
  /** The account that must own the file; this process's own by default. */
  readonly owner?: number | undefined
}

const privateMode = 0o600
const othersMask = 0o077
const writeNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Not blocking, so that a pipe in the file's place cannot hold the start up. */
const readOnly = constants.O_RDONLY | constants.O_NONBLOCK

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown')

/** Makes the file; never touches one that exists. The directory is made when missing, for this account only. */
export const createPrivateFile = async (place: FilePlace, content: Buffer): Promise<void> => {
  const path = resolve(place.path)
  await refuseInside(await nearestDirectory(dirname(path)), place)
  await makeDirectory(dirname(path))
  const file = await openNew(path)
  try {
    await file.chmod(privateMode) // the umask may have taken bits away; nothing can have added any
    await file.writeFile(content)
    await file.sync()
    await syncDirectory(dirname(path)) // else a crash could lose the name of a file that the database relies on
  } catch (error) {
    await removeFile(path)
    throw fail('unavailable', 'seal.key_file_unwritable', `The key file ${quote(place.path)} cannot be written (${codeOf(error)}).`, { cause: error })
  } finally {
    await file.close()
  }
}

/** The content, at most `maxBytes` + 1 bytes of it, after every check. */
export const readPrivateFile = async (place: FilePlace, maxBytes: number): Promise<Buffer> => {
  const path = await whereReally(place)
  await refuseInside(dirname(path), place)
  const file = await openExisting(path, place)
  try {
    await checkPrivate(file, place)
    const content = Buffer.alloc(maxBytes + 1)
    const { bytesRead } = await file.read(content, 0, content.length, 0)
    return content.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

export const removeFile = async (path: string): Promise<void> => {
  await unlink(path).catch(() => undefined) // best effort on the way out of a failure
}

/** The directory, or the closest one above it that exists: where a missing one would be made. */
const nearestDirectory = async (directory: string): Promise<string> => {
  let at = directory
  while (at !== dirname(at) && (await stat(at).catch(() => undefined)) === undefined) at = dirname(at)
  return at
}

const makeDirectory = async (directory: string): Promise<void> => {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw fail('unavailable', 'seal.key_file_unwritable', `The directory of the key file ${quote(directory)} cannot be made (${codeOf(error)}).`, { cause: error })
  }
}

const openNew = async (path: string): Promise<FileHandle> => {
  try {
    return await open(path, writeNew, privateMode)
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ELOOP') {
      throw fail('conflict', 'seal.key_file_exists', `There is a file at ${quote(path)} already. It may be the only key to another database: move it away, or name another file.`, { cause: error })
    }
    throw fail('unavailable', 'seal.key_file_unwritable', `The key file ${quote(path)} cannot be made (${codeOf(error)}).`, { cause: error })
  }
}

/** The place behind symbolic links, as orchestrators mount secrets through them. */
const whereReally = async ({ path }: FilePlace): Promise<string> => {
  try {
    return await realpath(path)
  } catch (error) {
    throw unreadable(path, error)
  }
}

const openExisting = async (path: string, place: FilePlace): Promise<FileHandle> => {
  try {
    return await open(path, readOnly)
  } catch (error) {
    throw unreadable(place.path, error)
  }
}

const unreadable = (path: string, error: unknown) =>
  fail('unavailable', 'seal.key_file_unreadable', `The key file ${quote(path)} cannot be read (${codeOf(error)}).`, { cause: error })

const checkPrivate = async (file: FileHandle, place: FilePlace): Promise<void> => {
  const facts = await file.stat()
  const owner = place.owner ?? process.geteuid?.()
  if (!facts.isFile()) throw refuse(place, 'it is not an ordinary file')
  if (facts.uid !== owner) throw refuse(place, `it belongs to account ${facts.uid} and not to the server's`)
  if ((facts.mode & othersMask) !== 0) throw refuse(place, 'others may access it. Set its mode to 0600')
}

const refuse = ({ path }: FilePlace, why: string) => fail('invalid_request', 'seal.key_file_refused', `The key file ${quote(path)} is not used: ${why}.`)

/** Compares identities and not names on the way up, so that links, mounts and letter case make no difference. */
const refuseInside = async (directory: string, place: FilePlace): Promise<void> => {
  if (place.dataDirectory === undefined) return
  const data = await stat(place.dataDirectory).catch(() => undefined)
  if (data === undefined) return // a directory that does not exist holds nothing
  for (let at = await realpath(directory); ; at = dirname(at)) {
    const here = await stat(at)
    if (here.dev === data.dev && here.ino === data.ino) throw refuse(place, 'it lies inside the data directory, and whoever copies that would have both lock and key')
    if (at === dirname(at)) return
  }
}

const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
