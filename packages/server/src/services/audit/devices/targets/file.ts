// A file of lines, made for its owner only. It is opened so that nobody can make us write elsewhere: no link at its end, a
// plain file of our own account, below the directories that the configuration names, and never where this server itself keeps
// its data. Somebody who may enable devices must not write into the files of the machine.

import { constants } from 'node:fs'
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { fail } from '../../../../kernel/errors.ts'
import type { Target } from './target.ts'

/** Which directories files may lie in. */
export interface FilePlaces {
  /** Below these, and nowhere else. */
  readonly allowed: readonly string[]
  /** Directories of this server's own; whatever lies in one is refused. */
  readonly forbidden: readonly string[]
}

export interface FileTargetOptions extends FilePlaces {
  readonly path: string
  readonly mode: number | undefined
}

const DEFAULT_MODE = 0o600
/** More than the first line of a file of ours has, but for the longest. */
const BEGINNING = 64 * 1024

const refuse = (message: string): Error => fail('invalid_request', 'audit.bad_file', message, { field: 'options.file_path' })

const isBelow = (path: string, directory: string): boolean => path.startsWith(directory.endsWith(sep) ? directory : directory + sep)

const realOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch {
    return resolve(path)
  }
}

/** @throws invalid_request for what lies outside the directories of files, or where this server keeps its own */
const requireAllowed = async (place: string, { allowed, forbidden }: FilePlaces): Promise<void> => {
  const [own, others] = await Promise.all([forbidden, allowed].map((directories) => Promise.all(directories.map(realOf))))
  if (own?.some((directory) => place === directory || isBelow(place, directory)) !== false) throw refuse('The file of file_path lies where this server keeps its own data. Choose another directory.')
  if (others?.some((directory) => isBelow(place, directory)) !== true) throw refuse(`The file of file_path must lie below one of the directories of the setting audit.device_directories: ${allowed.join(', ')}.`)
}

/** The file's place with every link of its directories followed. @throws invalid_request */
const placeOf = async (options: FileTargetOptions): Promise<string> => {
  const place = join(await realpath(dirname(options.path)), basename(options.path))
  await requireAllowed(place, options)
  return place
}

/** Asked also where the file is not tried: its directory may not be there yet. @throws invalid_request */
export const requirePlace = async (options: Omit<FileTargetOptions, 'mode'>): Promise<void> => requireAllowed(join(await realOf(dirname(options.path)), basename(options.path)), options)

/** As the entries of devices begin, after a prefix: whole lines are read, of others the first words. */
const isEntry = (line: string, isWhole: boolean): boolean => {
  const text = line.slice(Math.max(0, line.slice(0, 300).search(/[{<]/)))
  if (!isWhole || text.startsWith('<')) return /^(\{"(auth|time)":|<json:object name="auth">)/.test(text)
  try {
    const entry: unknown = JSON.parse(text)
    return typeof entry === 'object' && entry !== null && 'type' in entry && (entry.type === 'request' || entry.type === 'response') && 'request' in entry && typeof entry.request === 'object'
  } catch {
    return false
  }
}

/** A file that was there: empty, or of a device. What other programs read is not to be filled with our lines. */
const requireOwn = async (file: FileHandle, path: string): Promise<void> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING), 0, BEGINNING, 0)
  if (bytesRead === 0) return
  const text = buffer.toString('utf8', 0, bytesRead)
  const end = text.indexOf('\n')
  if (!isEntry(end === -1 ? text : text.slice(0, end), end !== -1)) throw refuse(`${path} of file_path holds something else than audit entries. Name a file that is not there yet, or an empty one.`)
}

const isCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code

// O_NONBLOCK: a named pipe that nobody reads must not hold a thread.
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Made anew, or opened as it is. */
const openAt = async (place: string, mode: number): Promise<{ readonly file: FileHandle; readonly isNew: boolean }> => {
  try {
    return { file: await open(place, FLAGS | constants.O_CREAT | constants.O_EXCL, mode), isNew: true }
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
    return { file: await open(place, FLAGS), isNew: false }
  }
}

const openPlain = async (options: FileTargetOptions): Promise<FileHandle> => {
  const { path, mode } = options
  const place = await placeOf(options)
  const { file, isNew } = await openAt(place, mode === undefined || mode === 0 ? DEFAULT_MODE : mode)
  try {
    const [facts, named] = [await file.stat(), await lstat(place)]
    if (!facts.isFile() || facts.nlink !== 1 || facts.ino !== named.ino || facts.dev !== named.dev || (await placeOf(options)) !== place) throw refuse(`${path} is no plain file of one name.`)
    if (process.geteuid !== undefined && facts.uid !== process.geteuid()) throw refuse(`${path} belongs to another account than this server runs as.`)
    if (!isNew) await requireOwn(file, path)
    // Mode 0 leaves a file as somebody else has set it up, as in Vault.
    if (mode !== 0 && (facts.mode & 0o777) !== (mode ?? DEFAULT_MODE)) await file.chmod(mode ?? DEFAULT_MODE)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

export const fileTarget = (options: FileTargetOptions): Target => {
  let opened: Promise<FileHandle> | undefined
  // A write that failed may have left part of a line.
  let torn = false
  const handle = (): Promise<FileHandle> => {
    opened ??= openPlain(options).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const reopen = async (): Promise<void> => {
    const previous = opened
    opened = undefined
    await (await previous?.catch(() => undefined))?.close()
  }
  let last: Promise<void> = Promise.resolve()
  const append = async (text: string): Promise<void> => {
    try {
      const file = await handle()
      await file.appendFile(torn ? `\n${text}` : text)
      torn = false
      await file.datasync()
    } catch (error) {
      torn = true
      await reopen()
      throw error
    }
  }
  return {
    // One at a time, also past a time-out: a disk that hangs holds one thread, not all.
    write(lines) {
      const writing = last.then(() => append(lines.map((line) => `${line}\n`).join('')))
      last = writing.catch(() => undefined)
      return writing
    },
    async probe() {
      await handle()
    },
    reopen: () => (last = last.then(reopen)),
  }
}
