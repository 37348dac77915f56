// Starts a program in our place: same terminal, same standard streams, our signals, and its exit code becomes ours.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { CANNOT_RUN, NO_SUCH_COMMAND } from './failure.ts'
import { plain, writeAll } from './output/write.ts'

/** What a supervisor or a person sends to a process. Those of job control (stop, continue) keep their default. */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const
const fromKeyboard: readonly string[] = ['SIGINT', 'SIGQUIT']

/**
 * Whether the keyboard's signals reach the child by themselves: the terminal sends them to every process of its
 * foreground group, and passing them on as well would make one Ctrl-C into two.
 */
const isInForeground = (): boolean => {
  try {
    // Linux, proc(5): after the name in parentheses come state, ppid, pgrp, session, tty_nr, tpgid.
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /s, '').split(' ')
    return group === foreground
  } catch {
    return process.stdin.isTTY
  }
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '')

const explainFailure = (command: string, error: Error): number => {
  const code = codeOf(error)
  if (code === 'ENOENT') {
    writeAll(2, `coffer: there is no command ${plain(JSON.stringify(command))}\n`)
    return NO_SUCH_COMMAND
  }
  const hint = code === 'E2BIG' ? ': the variables are too large for this system; take fewer with --prefix' : code === '' ? '' : ` (${code})`
  writeAll(2, `coffer: ${plain(JSON.stringify(command))} cannot be started${hint}\n`)
  return CANNOT_RUN
}

/** The child's exit code, or 128 + the number of the signal that ended it. */
export const runChild = (command: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<number> =>
  new Promise((resolve) => {
    const listeners = new Map<NodeJS.Signals, () => void>()
    const finish = (code: number): void => {
      for (const [signal, listener] of listeners) process.off(signal, listener)
      resolve(code)
    }
    try {
      // Before the start, so that no signal can end us and leave the child alone.
      const child: { started?: ReturnType<typeof spawn> } = {}
      for (const signal of passedOn) {
        const listener = (): void => {
          if (!(fromKeyboard.includes(signal) && isInForeground())) child.started?.kill(signal)
        }
        listeners.set(signal, listener)
        process.on(signal, listener)
      }
      const started = spawn(command, args, { stdio: 'inherit', env })
      child.started = started
      started.once('error', (error) => finish(explainFailure(command, error)))
      started.once('exit', (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    } catch (error) {
      // E2BIG and the like are thrown, not emitted.
      finish(explainFailure(command, error instanceof Error ? error : new Error('spawn')))
    }
  })
