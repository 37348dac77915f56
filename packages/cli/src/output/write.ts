// Writes to standard output and error directly: what was written is out before a child starts or the process ends, and
// the descriptors stay as they were for programs that inherit them (streams would make pipes non-blocking).

import { writeSync } from 'node:fs'

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

/** A reader that went away (`coffer … | head`) is no error of ours. */
export const writeAll = (descriptor: 1 | 2, text: string | Uint8Array): void => {
  let left = typeof text === 'string' ? Buffer.from(text) : text
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(descriptor, left))
    } catch (error) {
      if (codeOf(error) === 'EPIPE') return
      if (codeOf(error) !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** Text of others for a terminal: no escape sequence, no line break, nothing that turns the direction of reading. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\uFFFD')
