// What the kernel knows of processes (Linux): who lives, and who was started by whom.

import { readFileSync, readdirSync } from 'node:fs'

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // ended in between
  }
}

/** False also for a zombie, which runs no more. */
export const isAlive = (pid: number): boolean => {
  const status = read(`/proc/${pid}/status`)
  return status !== '' && !/^State:\s+[ZX]/m.test(status)
}

export interface ProcessFacts {
  readonly pid: number
  readonly command: string
}

/** Living processes whose command line or environment names a text, such as a data directory. */
export const processesNaming = (text: string): readonly ProcessFacts[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim(), environment: read(`/proc/${name}/environ`) }))
    .filter(({ pid, command, environment }) => `${command}\0${environment}`.includes(text) && isAlive(pid))
    .map(({ pid, command }) => ({ pid, command }))

/** Ends one process; false when it was gone already. */
export const killProcess = (pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean => {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}
