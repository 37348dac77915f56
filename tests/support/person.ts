// A person at a shell: runs bin/coffer with a home directory of their own and nothing of the test's environment.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Scope } from './cleanup.ts'
import { coffer, scratchDirectory } from './server.ts'

export interface Outcome {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface Asking {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
}

export interface Person {
  /** Also the working directory. */
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  start(args: readonly string[], asking?: Asking): { readonly child: ChildProcess; readonly outcome: Promise<Outcome> }
  coffer(args: readonly string[], asking?: Asking): Promise<Outcome>
  /** Fails unless the exit code is 0; returns standard output. */
  works(args: readonly string[], asking?: Asking): Promise<string>
}

const collect = (child: ChildProcess): Promise<Outcome> => {
  const [stdout, stderr]: Buffer[][] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => stdout?.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr?.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout: Buffer.concat(stdout ?? []).toString(), stderr: Buffer.concat(stderr ?? []).toString() }))
  })
}

export const makePerson = (scope: Scope, variables: Readonly<Record<string, string>>): Person => {
  const home = join(scratchDirectory(scope), 'home')
  mkdirSync(home)
  const env = { HOME: home, PATH: process.env['PATH'] ?? '', ...variables }
  const start: Person['start'] = (args, asking = {}) => {
    const child = spawn(coffer, args, { cwd: home, env: { ...env, ...asking.env }, stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.on('error', () => undefined) // a command that reads nothing may be gone already
    child.stdin.end(asking.input ?? '')
    return { child, outcome: collect(child) }
  }
  const run: Person['coffer'] = (args, asking) => start(args, asking).outcome
  const works: Person['works'] = async (args, asking) => {
    const { code, stdout, stderr } = await run(args, asking)
    if (code !== 0) throw new Error(`coffer ${args.join(' ')} ended with ${code}:\n${stderr}${stdout}`)
    return stdout
  }
  return { home, env, start, coffer: run, works }
}
