// Runs a whole server as a child process, as a person or a service manager would, and reads what it says.

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'

export interface LogEntry {
  readonly level: string
  readonly message: string
  readonly pid?: number
  readonly worker?: number
  readonly address?: string
}

export interface Launched {
  readonly pid: number
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Where it listens; fails with its output when it ended instead. */
  ready(): Promise<string>
  stdout(): string
  stderr(): string
  entries(): readonly LogEntry[]
  kill(signal: NodeJS.Signals): void
}

export interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly program?: string
}

/** What users start: the real worker behind it. */
export const realProgram = fileURLToPath(new URL('../../main.ts', import.meta.url))
const testProgram = fileURLToPath(new URL('./start.ts', import.meta.url))

/** A directory for one test, open for passage so that the database's account can work in it. */
export const scratch = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-supervisor-'))
  // As root the database runs under another account; where that cannot pass, it would lie outside and stay there.
  chmodSync(folder, 0o711)
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

const compileCache = fileURLToPath(new URL('../../../../../bin/compile-cache.cjs', import.meta.url))

/** As bin/coffer does it: core dumps off, the pinned Node, code that is compiled once. */
export const launch = (t: TestContext, args: readonly string[], options: LaunchOptions = {}): Launched => {
  const child = spawn('/bin/sh', ['-c', 'ulimit -c 0; exec "$0" --conditions=coffer-source "$@"', process.execPath, `--require=${compileCache}`, options.program ?? testProgram, ...args], {
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: tmpdir(), COFFER_LOG_FORMAT: 'json', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  let over = false
  void exited.then(() => (over = true))
  t.after(async () => {
    child.kill('SIGTERM')
    const force = setTimeout(() => child.kill('SIGKILL'), 12_000)
    await exited
    clearTimeout(force)
  })
  const entries = (): readonly LogEntry[] =>
    stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogEntry] : [])) // our own log's lines
  return {
    pid: child.pid ?? 0,
    exited,
    async ready() {
      await until(() => over || /^coffer: ready at /m.test(stdout), 'the server is ready or has ended')
      const address = /^coffer: ready at (\S+)/m.exec(stdout)?.[1]
      if (address === undefined) throw new Error(`The server ended instead:\n${stderr}`)
      return address
    },
    stdout: () => stdout,
    stderr: () => stderr,
    entries,
    kill: (signal) => void child.kill(signal),
  }
}

/** Waits for something to become true, not for an amount of time; the limit only ends a test that hangs. */
export const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const limit = Date.now() + 60_000
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`Never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** False also for a zombie, which runs no more. */
export const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Asks a route over a connection of its own; refused connections, as while a worker is replaced, are tried again. */
export const ask = async <T>(address: string, route: string, body?: string): Promise<T> => {
  const limit = Date.now() + 30_000
  for (;;) {
    try {
      const response = await fetch(`${address}${route}`, { ...(body === undefined ? {} : { method: 'POST', body }), headers: { connection: 'close' } })
      const text = await response.text()
      return (text.startsWith('{') ? JSON.parse(text) : text) as T // the route's answer, as its worker writes it
    } catch (error) {
      if (Date.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }
}
