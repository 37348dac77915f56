// The server's standard output, and nothing at all.

import { write } from 'node:fs'
import { promisify } from 'node:util'
import type { Target } from './target.ts'

const writeBytes = promisify(write)
const STDOUT = 1
const PAUSE_MS = 50

/** Not through the process's own stream: that one waits for a slow reader with the whole process. */
export const stdoutTarget = (): Target => {
  let last: Promise<void> = Promise.resolve()
  const print = async (text: string, signal: AbortSignal): Promise<void> => {
    let rest = Buffer.from(text, 'utf8')
    while (rest.length > 0) {
      try {
        const { bytesWritten } = await writeBytes(STDOUT, rest)
        rest = rest.subarray(bytesWritten)
      } catch (error) {
        if (signal.aborted || !(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
  return {
    write(lines, signal) {
      const writing = last.then(() => print(lines.map((line) => `${line}\n`).join(''), signal))
      last = writing.catch(() => undefined)
      return writing
    },
    probe: async () => undefined,
    reopen: async () => undefined,
  }
}

export const discardTarget = (): Target => ({ write: async () => undefined, probe: async () => undefined, reopen: async () => undefined })
