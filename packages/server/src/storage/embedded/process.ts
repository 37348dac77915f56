// Starting PostgreSQL's programs: as the database's account, with an environment that holds nothing of ours.

import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import type { Account } from './account.ts'

/** libpq and PostgreSQL read PG*, LC_* and TZ variables; the server's own may hold tokens. None is passed on. */
const environment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

export const spawnAs = (account: Account, program: string, argv: readonly string[], options: { stdio: StdioOptions; detached?: boolean }): ChildProcess =>
  spawn(program, argv, {
    cwd: '/',
    env: environment,
    stdio: options.stdio,
    detached: options.detached ?? false,
    ...(account.separate ? { uid: account.uid, gid: account.gid } : {}),
  })

export interface Outcome {
  readonly ok: boolean
  readonly output: string
}

/** Runs a program to its end and collects what it prints; a program that cannot be started is a failed outcome. */
export const run = (account: Account, program: string, argv: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    let output = ''
    const child = spawnAs(account, program, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    const collect = (chunk: Buffer): void => {
      if (output.length < 20_000) output += chunk.toString('utf8')
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output: output.trim() }))
  })
