// Somebody who has just cloned the repository: a clean clone of what is committed, an empty home directory, and nothing
// of this working tree but npm's cache of downloads.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterwards, type Scope } from './cleanup.ts'
import { repository, scratchDirectory } from './server.ts'
import { until } from './wait.ts'

export interface Started {
  readonly address: string
  output(): string
  /** As Ctrl-C in its terminal: the signal goes to everything that runs there. Resolves when all of it has ended. */
  interrupt(): Promise<void>
}

export interface Told {
  readonly code: number | null
  /** Standard output and error, as a terminal shows them. */
  readonly shown: string
}

export interface Newcomer {
  /** The clone. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Runs one line in the clone. */
  shell(line: string): Promise<Told>
  /** The same, and fails unless it ends with 0. */
  works(line: string): Promise<string>
  /** `npm start`, with settings by environment; ready when it says so. */
  npmStart(settings: Readonly<Record<string, string>>): Promise<Started>
}

const must = (command: string, args: readonly string[], env: NodeJS.ProcessEnv): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, cwd: repository, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`, { cause: error })
  return stdout.trim()
}

/** Where this machine's npm keeps its downloads and how it reaches its registry; a person's other settings stay out. */
const npmSettings = (): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(['cache', 'registry', 'userconfig'].map((name) => [`npm_config_${name}`, must('npm', ['config', 'get', name, '--loglevel=error'], process.env)])),
  npm_config_prefer_offline: 'true',
})

const clone = (parent: string): string => {
  const folder = join(parent, 'coffer')
  // A checkout that belongs to another account, as in many a CI container, is one that git refuses otherwise.
  const configuration = join(parent, 'gitconfig')
  writeFileSync(configuration, '[safe]\n\tdirectory = *\n')
  must('git', ['clone', '--quiet', repository, folder], { ...process.env, GIT_CONFIG_GLOBAL: configuration })
  return folder
}

const told = (child: ChildProcess): Promise<Told> => {
  let shown = ''
  child.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, shown }))
  })
}

export const makeNewcomer = (scope: Scope): Newcomer => {
  const parent = scratchDirectory(scope)
  const [folder, home] = [clone(parent), join(parent, 'home')]
  mkdirSync(home)
  // npm test puts this working tree's own programs on the path.
  const path = (process.env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules')).join(':')
  const env = { HOME: home, PATH: path, LANG: 'C.UTF-8' }
  const shell: Newcomer['shell'] = (line) => told(spawn('/bin/sh', ['-c', `exec 2>&1\n${line}`], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] }))
  return {
    folder,
    env,
    shell,
    async works(line) {
      const { code, shown } = await shell(line)
      if (code !== 0) throw new Error(`${line} ended with ${code}:\n${shown}`)
      return shown
    },
    npmStart: (settings) => npmStart(scope, folder, { ...env, ...npmSettings(), ...settings }),
  }
}

const isReady = /^coffer: ready at \S+/m

const npmStart = async (scope: Scope, folder: string, env: Readonly<Record<string, string>>): Promise<Started> => {
  const child = spawn('npm', ['start'], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const group = -(child.pid ?? 0)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  let isOver = false
  // The pipes are held by the server, so their end is its end, whatever npm does.
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve())).then(() => void (isOver = true))
  const interrupt = async (signal: NodeJS.Signals = 'SIGINT'): Promise<void> => {
    if (isOver) return
    process.kill(group, signal)
    await ended
  }
  const abandon = (): void => void (isOver || process.kill(group, 'SIGTERM'))
  process.once('exit', abandon)
  afterwards(scope, () => interrupt())
  await until(() => isOver || isReady.test(output), 'npm start says that it is ready', 170_000)
  if (isOver) throw new Error(`npm start ended:\n${output}`)
  return { address: readFileSync(join(folder, 'data', 'address'), 'utf8').trim(), output: () => output, interrupt: () => interrupt() }
}
