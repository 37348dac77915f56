// A file of lines, made for its owner only. It is opened so that nobody can make us write elsewhere: no link at its end, a
// plain file of our own account, and never below what this server itself keeps its data in.

import { constants } from 'node:fs'
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { fail } from '../../../../kernel/errors.ts'
import type { Target } from './target.ts'

export interface FileTargetOptions {
  readonly path: string
  readonly mode: number | undefined
  /** Directories of this server's own; whatever lies in one is refused. */
  readonly forbidden: readonly string[]
}

const DEFAULT_MODE = 0o600

const refuse = (message: string): Error => fail('invalid_request', 'audit.bad_file', message, { field: 'options.file_path' })

const isBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)

const realOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch {
    return path
  }
}

/** The file's place with every link of its directories followed. @throws invalid_request */
const placeOf = async ({ path, forbidden }: FileTargetOptions): Promise<string> => {
  const parent = await realpath(dirname(path))
  const place = join(parent, basename(path))
  for (const directory of forbidden) {
    if (isBelow(place, await realOf(directory))) throw refuse('The file lies where this server keeps its own data. Choose another directory.')
  }
  return place
}

const openPlain = async (options: FileTargetOptions): Promise<FileHandle> => {
  const { path, mode } = options
  const place = await placeOf(options)
  // O_NONBLOCK: a named pipe that nobody reads must not hold a thread.
  const file = await open(place, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode === undefined || mode === 0 ? DEFAULT_MODE : mode)
  try {
    const [facts, named] = [await file.stat(), await lstat(place)]
    if (!facts.isFile() || facts.nlink !== 1 || facts.ino !== named.ino || facts.dev !== named.dev) throw refuse(`${path} is no plain file of one name.`)
    if (process.geteuid !== undefined && facts.uid !== process.geteuid()) throw refuse(`${path} belongs to another account than this server runs as.`)
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
