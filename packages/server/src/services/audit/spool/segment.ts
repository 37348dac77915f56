// Segment files: preallocated with real zeros, so that the fdatasync of a frame has no file size and no block
// allocation to journal, and so that a full disk shows when a segment is made and not in the middle of a frame.
// A file becomes visible under its name only when its zeros, and then its directory entry, are on the disk.
import { constants } from 'node:fs'
import type * as fs from 'node:fs'
import { open, mkdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { platform } from 'node:process'
import { promisify } from 'node:util'
import { fail } from '../../../kernel/errors.ts'
import { listSegments, listStreams, segmentPath } from './stream.ts'

/** The file operations whose failures decide about service. Replaced only by tests that inject faults over a real disk. */
export type SpoolFiles = Pick<typeof fs, 'open' | 'write' | 'writeSync' | 'fdatasync' | 'close' | 'unlink'>

export interface SegmentStoreOptions {
  readonly root: string
  readonly directory: string
  readonly segmentBytes: number
  /** Of the first segment, for which a start waits. */
  readonly firstBytes: number
  /** Segments of all streams under the root together; beyond it the spool is full. */
  readonly maxSegments: number
  readonly files: SpoolFiles
}

/**
 * A write that is on the disk when it returns is one trip to the thread pool instead of two (measured: 620 µs for a frame against 1,080,
 * and 80 µs of processor time against 130). Only Linux says that O_DSYNC is what fdatasync does (open(2)).
 */
const SYNCHRONOUS = platform === 'linux' ? constants.O_WRONLY | constants.O_DSYNC : undefined

const zeros = Buffer.alloc(1024 * 1024)
// Flushed in steps, so that preparing a segment never queues 64 MiB in front of another frame's fdatasync.
const zeroStep = 4 * zeros.length

export class Segment {
  readonly number: number
  readonly path: string
  readonly size: number
  readonly #fd: number
  readonly #isSynchronous: boolean
  readonly #files: SpoolFiles
  #end = 0

  constructor(facts: { readonly number: number; readonly path: string; readonly size: number; readonly fd: number; readonly isSynchronous: boolean }, files: SpoolFiles) {
    this.number = facts.number
    this.path = facts.path
    this.size = facts.size
    this.#fd = facts.fd
    this.#isSynchronous = facts.isSynchronous
    this.#files = files
  }

  /** Bytes that are durable. */
  get end(): number {
    return this.#end
  }

  fits(bytes: number): boolean {
    return this.#end + bytes <= this.size
  }

  /** Appends and flushes to stable storage; `done` hears of it exactly once. After an error the segment must never be used again. */
  append(bytes: Buffer, done: (error: Error | undefined) => void): void {
    this.#write(bytes, 0, done)
  }

  /** Whether `appendHere` can be used. */
  get isSynchronous(): boolean {
    return this.#isSynchronous
  }

  /** The same, waiting for the disk in place. Undefined: it is on stable storage. Only for segments whose writes are flushes. */
  appendHere(bytes: Buffer): Error | undefined {
    try {
      for (let from = 0; from < bytes.length; ) {
        const written = this.#files.writeSync(this.#fd, bytes, from, bytes.length - from, this.#end + from)
        if (written === 0) return new Error('The disk took no bytes')
        from += written
      }
    } catch (error) {
      return error instanceof Error ? error : new Error('The disk took no bytes', { cause: error })
    }
    this.#end += bytes.length
    return undefined
  }

  close(): void {
    // Nothing depends on the outcome: what was acknowledged is already flushed.
    this.#files.close(this.#fd, () => undefined)
  }

  /** Removes a segment in which nothing was ever acknowledged. */
  async discard(): Promise<void> {
    this.close()
    await promisify(this.#files.unlink)(this.path).catch(() => undefined)
  }

  #write(bytes: Buffer, from: number, done: (error: Error | undefined) => void): void {
    this.#files.write(this.#fd, bytes, from, bytes.length - from, this.#end + from, (error, written) => {
      if (error !== null) done(error)
      else if (written === 0) done(new Error('The disk took no bytes'))
      else if (from + written < bytes.length) this.#write(bytes, from + written, done)
      else if (this.#isSynchronous) this.#written(bytes.length, done)
      else this.#flush(bytes.length, done)
    })
  }

  #written(bytes: number, done: (error: Error | undefined) => void): void {
    this.#end += bytes
    done(undefined)
  }

  #flush(bytes: number, done: (error: Error | undefined) => void): void {
    this.#files.fdatasync(this.#fd, (error) => {
      if (error === null) this.#written(bytes, done)
      else done(error)
    })
  }
}

/** Makes a stream's segments, one ahead when asked. */
export class SegmentStore {
  readonly #options: SegmentStoreOptions
  #next = 0
  #prepared: Promise<Segment> | undefined
  #isDisposed = false

  constructor(options: SegmentStoreOptions) {
    this.#options = options
  }

  /** Starts making the next segment in the background. One that failed is made anew when it is taken. */
  prepare(): void {
    if (this.#prepared !== undefined) return
    this.#prepared = this.#create()
    this.#prepared.catch(() => undefined)
  }

  async take(): Promise<Segment> {
    const prepared = this.#prepared
    this.#prepared = undefined
    return (await prepared?.catch(() => undefined)) ?? (await this.#create())
  }

  /** Removes a segment that was prepared and is not needed. One that is being made is given up. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    const prepared = this.#prepared
    this.#prepared = undefined
    await prepared?.then((segment) => segment.discard(), () => undefined)
  }

  async #create(): Promise<Segment> {
    const { directory, files, root, maxSegments } = this.#options
    if ((await countSegments(root)) >= maxSegments) {
      throw fail('internal', 'audit.spool_full', 'The audit spool holds as many segments as it may. Check that audit records reach the database.')
    }
    const number = this.#next
    this.#next += 1
    const size = number === 0 ? this.#options.firstBytes : this.#options.segmentBytes
    const path = segmentPath(directory, number)
    const unfinished = `${path}.preparing`
    const fd = await promisify(files.open)(unfinished, 'wx+', 0o600)
    try {
      await fillWithZeros(fd, size, { files, isGivenUp: () => this.#isDisposed })
      await rename(unfinished, path)
      await flushDirectory(directory)
    } catch (error) {
      files.close(fd, () => undefined)
      await promisify(files.unlink)(unfinished).catch(() => undefined)
      throw error
    }
    if (SYNCHRONOUS === undefined) return new Segment({ number, path, size, fd, isSynchronous: false }, files)
    files.close(fd, () => undefined)
    return new Segment({ number, path, size, fd: await promisify(files.open)(path, SYNCHRONOUS, 0o600), isSynchronous: true }, files)
  }
}

const fillWithZeros = async (fd: number, bytes: number, { files, isGivenUp }: { readonly files: SpoolFiles; readonly isGivenUp: () => boolean }): Promise<void> => {
  const flush = promisify(files.fdatasync)
  for (let at = 0; at < bytes; ) {
    if (isGivenUp()) throw new Error('The segment is not needed any more')
    const written = await writeZeros(fd, Math.min(zeros.length, bytes - at), { at, files })
    if (written === 0) throw new Error('The disk took no bytes')
    at += written
    if (at % zeroStep === 0) await flush(fd)
  }
  await flush(fd)
}

const writeZeros = (fd: number, length: number, { at, files }: { readonly at: number; readonly files: SpoolFiles }): Promise<number> =>
  new Promise((resolve, reject) => {
    files.write(fd, zeros, 0, length, at, (error, written) => (error === null ? resolve(written) : reject(error)))
  })

const countSegments = async (root: string): Promise<number> => {
  let count = 0
  for (const stream of await listStreams(root)) count += (await listSegments(stream.path)).length
  return count
}

/** A directory that only its owner enters, with its entry in the parent on the disk. */
export const makeDirectory = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await flushDirectory(dirname(path))
}

/** A new or renamed file is only durable once its directory is flushed too. */
export const flushDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
