// What the audit tests share: a throw-away spool directory, keys, records, and file operations that fail on demand
// over the real disk.
import * as nodeFiles from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importHmacKey } from '../../../../crypto/keys.ts'
import { makeUuidV7 } from '../../../../crypto/random.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { itemKind } from '../frame.ts'
import { readFrames, type ReadFrame } from '../reader.ts'
import type { SpoolFiles } from '../segment.ts'
import { AuditSpool, type SpoolOptions } from '../spool.ts'
import type { ChainKeys } from '../stream.ts'

export const chainKeys = (fill = 7): ChainKeys => {
  const current = { id: `chain-${fill}`, key: importHmacKey(Buffer.alloc(32, fill)) }
  return { current, find: (id) => (id === current.id ? current.key : undefined) }
}

export const scratchDirectory = async (): Promise<string> => await mkdtemp(join(tmpdir(), 'coffer-audit-'))
export const removeDirectory = async (path: string): Promise<void> => await rm(path, { recursive: true, force: true })

export const openSpool = async (root: string, over: Partial<SpoolOptions> = {}): Promise<AuditSpool> =>
  await AuditSpool.open({
    root, node: 'node-1', slot: 0, boot: makeUuidV7(), chainKeys: chainKeys(), clock: systemClock, segmentBytes: 256 * 1024, maxWaitingBytes: 64 * 1024, retryMs: 10, ...over,
  })

export const appended = (spool: AuditSpool, record: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => spool.append(record, (error) => (error === undefined ? resolve() : reject(error))))

export const framesOf = async (directory: string): Promise<readonly ReadFrame[]> => {
  const frames: ReadFrame[] = []
  for await (const read of readFrames(directory)) frames.push(read)
  return frames
}

export const recordsOf = async (directory: string): Promise<readonly string[]> =>
  (await framesOf(directory)).flatMap(({ frame }) => frame.items.filter((item) => item.kind === itemKind.record).map((item) => item.bytes.toString('utf8')))

/** Real file operations whose next calls can be made to fail or to wait. */
export interface FaultyFiles {
  readonly files: SpoolFiles
  /** Errors to give instead of doing the work, in order. */
  readonly failWrites: Error[]
  readonly failFlushes: Error[]
  /** While set, flushes are done on the disk but their outcome is held back. */
  hold: boolean
  readonly held: (() => void)[]
  flushes: number
}

export const faultyFiles = (): FaultyFiles => {
  /** Files whose writes are flushes as well. */
  const synchronous = new Set<number>()
  const flushed = (done: () => void): void => {
    if (faults.hold) faults.held.push(done)
    else done()
  }
  const faults: FaultyFiles = {
    failWrites: [], failFlushes: [], hold: false, held: [], flushes: 0,
    files: {
      unlink: nodeFiles.unlink,
      // node:fs overloads these; the spool only uses the forms with a mode, or an explicit range.
      open: ((path: string, flags: string | number, mode: number, done: (error: Error | null, fd: number) => void) => {
        nodeFiles.open(path, flags, mode, (error, fd) => {
          if (error === null && typeof flags === 'number' && (flags & nodeFiles.constants.O_DSYNC) !== 0) synchronous.add(fd)
          done(error, fd)
        })
      }) as unknown as SpoolFiles['open'],
      close: ((fd: number, done: (error: Error | null) => void) => {
        synchronous.delete(fd)
        nodeFiles.close(fd, done)
      }) as unknown as SpoolFiles['close'],
      write: ((fd: number, buffer: Buffer, offset: number, length: number, position: number, done: (error: Error | null, written: number) => void) => {
        const error = faults.failWrites.shift()
        // Half of it reaches the disk, as in a real failure.
        if (error !== undefined) return nodeFiles.write(fd, buffer, offset, Math.floor(length / 2), position, () => done(error, 0))
        if (!synchronous.has(fd)) return nodeFiles.write(fd, buffer, offset, length, position, done)
        faults.flushes += 1
        const unflushed = faults.failFlushes.shift() ?? null
        return nodeFiles.write(fd, buffer, offset, length, position, (real, written) => flushed(() => done(unflushed ?? real, written)))
      }) as unknown as SpoolFiles['write'],
      writeSync: ((fd: number, buffer: Buffer, offset: number, length: number, position: number): number => {
        const error = faults.failWrites.shift()
        const written = nodeFiles.writeSync(fd, buffer, offset, error === undefined ? length : Math.floor(length / 2), position)
        if (error !== undefined) throw error
        faults.flushes += 1
        const unflushed = faults.failFlushes.shift()
        if (unflushed !== undefined) throw unflushed
        return written
      }) as unknown as SpoolFiles['writeSync'],
      fdatasync: ((fd: number, done: (error: Error | null) => void) => {
        faults.flushes += 1
        const error = faults.failFlushes.shift() ?? null
        nodeFiles.fdatasync(fd, (real) => flushed(() => done(error ?? real)))
      }) as unknown as SpoolFiles['fdatasync'],
    },
  }
  return faults
}

/** Who waits for the disk, once and for all. */
export const inThePool: NonNullable<SpoolOptions['place']> = { isHere: () => false, took: () => undefined }
export const inPlace: NonNullable<SpoolOptions['place']> = { isHere: () => true, took: () => undefined }

export const diskError = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code })
