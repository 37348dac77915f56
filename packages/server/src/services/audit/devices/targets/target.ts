// Where a device's lines go. A target may be slow, gone or hung: its device waits, and nobody else does.

export interface Target {
  /** Resolves when the lines are out of this process. What was written before a failure may come again. */
  write(lines: readonly string[], signal: AbortSignal): Promise<void>
  /** Proves at enabling that it can be reached. */
  probe(signal: AbortSignal): Promise<void>
  /** Forgets what is open: after a rotation of files, or a failure. */
  reopen(): Promise<void>
}

/** Lines that no target of this kind can ever take, such as one larger than a datagram. */
export class Unwritable extends Error {
  readonly lines: number
  constructor(lines: number, cause: unknown) {
    super('A line does not fit into what the device takes', { cause })
    this.lines = lines
  }
}
