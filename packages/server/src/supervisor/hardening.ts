// What every process of ours does first, before a secret can be in its memory.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Logger } from '../telemetry/logger.ts'

/**
 * bin/coffer sets the limit of core dumps to 0, but a dump that is piped to a handler ignores that limit (core(5)).
 * The filter keeps every mapping out of any dump, and children inherit it. Not on this system: nothing to do.
 */
export const excludeMemoryFromDumps = (): void => {
  try {
    writeFileSync('/proc/self/coredump_filter', '0x0')
  } catch {
    // no such file: not Linux, or a /proc without it
  }
}

/** Node starts a debugger for whoever sends SIGUSR1, and a debugger reads all memory. A listener takes the signal away from it. */
export const refuseDebugger = (): void => {
  process.on('SIGUSR1', () => undefined)
}

/** The last word on an error that nobody handled: redacted, because Node's own report would quote it. */
export const reportCrashes = (logger: Logger): void => {
  const crash = (error: unknown): void => {
    logger.error('ended by an error that nothing handled', { error })
    process.exit(70) // EX_SOFTWARE
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

/** True when this process may leave a core file. */
export const coreDumpsAreOn = (): boolean => {
  try {
    return !/^Max core file size +0 /m.test(readFileSync('/proc/self/limits', 'utf8'))
  } catch {
    return false
  }
}
