// Processes under measurement: pinned to cores, found by parent, weighed, ended by their own id.

import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly title: string
}

const factsOf = (pid: number): ProcessFacts | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses itself; the fields that follow do not.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, parent, title: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }
  } catch {
    return undefined
  }
}

/** A process and everything below it. */
export const familyOf = (root: number): readonly ProcessFacts[] => {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => factsOf(Number(name)) ?? [])
  const family = new Set([root])
  for (let grew = true; grew; ) {
    grew = false
    for (const { pid, parent } of all) if (family.has(parent) && !family.has(pid)) grew = family.add(pid) !== undefined
  }
  return all.filter(({ pid }) => family.has(pid))
}

/** Proportional set size in MiB: memory shared with others counts by its share. */
export const pssMiB = (pid: number): number => {
  const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  return line === null ? Number.NaN : Number(line[1]) / 1024
}

/** Processor seconds that a process has used, user and system. */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  output(): string
  /** SIGTERM, then SIGKILL after ten seconds. */
  stop(): Promise<void>
}

/** Starts a program, on the given cores when there are any. */
export const start = (command: string, args: readonly string[], options: { readonly cores?: string | undefined; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {}): Started => {
  const pinned = options.cores === undefined ? [command, ...args] : ['taskset', '-c', options.cores, command, ...args]
  const child = spawn(pinned[0] ?? command, pinned.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: options.env ?? process.env, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) })
  let text = ''
  const gather = (chunk: Buffer): void => {
    if (text.length < 100_000) text += chunk.toString('utf8')
  }
  child.stdout.on('data', gather)
  child.stderr.on('data', gather)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (child.pid === undefined) throw new Error(`${command} did not start`)
  return {
    child,
    pid: child.pid,
    output: () => text,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(killer)
    },
  }
}
